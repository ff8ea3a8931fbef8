//! Reads values for the `input` declarations of a circuit from flags.

use clap::Args;
use serde_json::{Map, Value};

use super::error::ClientError;
use super::sweep_text;

/// The value of a parameter, or its values in a sweep.
#[derive(Debug, Clone, PartialEq)]
enum ParameterValue {
    One(Value),
    Many(Value),
}

/// The values that a circuit is to have
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Parameters of the circuit")]
pub struct ParameterArgs {
    /// A value for an `input` of the circuit, as JSON: `theta=0.5`, `on=true`, and bits in quotes,
    /// `'mask="0110"'` (needed where they could be a number); repeat it for several. With `submit`,
    /// `theta=0:6.28:100` is a sweep: one run for each of 100 numbers from 0 to 6.28
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = name_and_value)]
    single: Vec<(String, ParameterValue)>,

    /// All of them: a JSON object, or a file with one. `--parameter` wins over it
    #[arg(long = "parameters", value_name = "FILE|JSON")]
    all: Option<String>,
}

impl ParameterArgs {
    /// The values by name; `None` if no flag was given.
    pub fn read(&self) -> Result<Option<Map<String, Value>>, ClientError> {
        let one = |value: &ParameterValue| matches!(value, ParameterValue::One(_));
        if !self.single.iter().any(|(_, value)| one(value)) && self.all.is_none() {
            return Ok(None);
        }
        let mut values = match &self.all {
            Some(given) => read_object("--parameters", given)?,
            None => Map::new(),
        };
        for (place, (name, value)) in self.single.iter().enumerate() {
            let earlier = self.single.iter().take(place);
            if earlier.into_iter().any(|(other, _)| other == name) {
                let message = format!("--parameter {name}: is given twice");
                return Err(ClientError::Usage(message));
            }
            if let ParameterValue::One(value) = value {
                values.insert(name.clone(), value.clone());
            }
        }
        Ok(Some(values))
    }

    /// The lists of the parameters with several values, by name.
    pub fn sweep(&self) -> Map<String, Value> {
        let lists = self.single.iter().filter_map(|(name, value)| match value {
            ParameterValue::Many(list) => Some((name.clone(), list.clone())),
            ParameterValue::One(_) => None,
        });
        lists.collect()
    }
}

fn name_and_value(text: &str) -> Result<(String, ParameterValue), String> {
    let (name, value) = split(text)?;
    let value = match sweep_text::range(value) {
        Some(list) => ParameterValue::Many(list?),
        None => ParameterValue::One(parse(value)?),
    };
    Ok((name, value))
}

/// A list of values for a parameter: `[0.1, 0.2]` or `0:6.28:100`.
pub fn name_and_list(text: &str) -> Result<(String, Value), String> {
    let (name, value) = split(text)?;
    let list = match sweep_text::range(value) {
        Some(list) => list?,
        None => parse(value)?,
    };
    if list.is_array() {
        return Ok((name, list));
    }
    Err(format!(
        "`{value}` is no list: [0.1, 0.2] or FIRST:LAST:COUNT is needed"
    ))
}

fn split(text: &str) -> Result<(String, &str), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is needed")?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return Err("the name is empty".to_owned());
    }
    Ok((name.to_owned(), value))
}

/// Parses a value as JSON. Bit strings that cannot be a number, such as `0110`, need no quotes.
fn parse(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(Value::Null | Value::Object(_)) => {}
        Ok(value) => return Ok(value),
        Err(_) if !text.is_empty() && text.bytes().all(|digit| matches!(digit, b'0' | b'1')) => {
            return Ok(Value::from(text));
        }
        Err(_) => {}
    }
    Err(format!(
        "`{text}` is no value: a number, true, false, or bits in quotes such as \"0110\" are needed"
    ))
}

/// Parses a JSON object, or the file of this name that contains one; `flag` is the flag in messages.
pub fn read_object(flag: &str, given: &str) -> Result<Map<String, Value>, ClientError> {
    let refuse = |why: String| ClientError::Usage(format!("{flag}: {why}"));
    if given.trim_start().starts_with('{') {
        return serde_json::from_str(given)
            .map_err(|error| refuse(format!("is not a JSON object: {error}")));
    }
    let text =
        std::fs::read_to_string(given).map_err(|error| refuse(format!("{given}: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| refuse(format!("{given} does not hold a JSON object: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};
    use serde_json::json;

    fn read(flags: &[&str]) -> Result<Option<Value>, String> {
        let command = ParameterArgs::augment_args(Command::new("check"));
        let words = std::iter::once(&"check").chain(flags);
        let matches = command
            .try_get_matches_from(words)
            .map_err(|error| error.to_string())?;
        let args = ParameterArgs::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        let values = args.read().map_err(|error| error.to_string())?;
        Ok(values.map(Value::Object))
    }

    fn single(texts: &[&str]) -> Result<Option<Value>, String> {
        let flags: Vec<&str> = texts
            .iter()
            .flat_map(|text| ["--parameter", *text])
            .collect();
        read(&flags)
    }

    #[test]
    fn a_value_is_what_it_is_in_json() {
        let texts = [
            "theta=-0.5",
            "n=3",
            "on=true",
            "mask=\"1010\"",
            "bits=0110",
            "list=[1,2]",
        ];
        assert_eq!(
            single(&texts).unwrap().unwrap(),
            json!({"theta": -0.5, "n": 3, "on": true, "mask": "1010", "bits": "0110", "list": [1, 2]})
        );
        assert_eq!(read(&[]), Ok(None));
    }

    #[test]
    fn a_range_is_a_sweep_and_no_value() {
        assert_eq!(single(&["theta=0:1:3"]), Ok(None));
        let list = name_and_list("theta=0:1:3").unwrap();
        assert_eq!(list, ("theta".to_owned(), json!([0.0, 0.5, 1.0])));
        assert_eq!(name_and_list("a=[1,2]").unwrap().1, json!([1, 2]));
        assert!(name_and_list("a=1").unwrap_err().contains("is no list"));
        assert!(single(&["a=0:1:x"]).unwrap_err().contains("is no range"));
    }

    #[test]
    fn what_cannot_be_a_value_is_refused() {
        for (text, words) in [
            ("theta", "NAME=VALUE is needed"),
            ("=1", "the name is empty"),
            ("theta=pi/2", "`pi/2` is no value"),
            ("theta=", "`` is no value"),
            ("theta=null", "`null` is no value"),
            ("theta={}", "`{}` is no value"),
        ] {
            let refused = single(&[text]).unwrap_err();
            assert!(refused.contains(words), "{text}: {refused}");
        }
        let refused = single(&["a=1", "b=1", "a=2"]).unwrap_err();
        assert!(refused.contains("a: is given twice"), "{refused}");
    }

    #[test]
    fn an_object_gives_all_and_single_values_win_over_it() {
        let flags = ["--parameters", "{\"a\": 1, \"b\": 2}", "--parameter", "b=3"];
        assert_eq!(read(&flags).unwrap().unwrap(), json!({"a": 1, "b": 3}));
        assert_eq!(read(&["--parameters", "{}"]).unwrap().unwrap(), json!({}));
        let refused = read(&["--parameters", "/no/such.json"]).unwrap_err();
        assert!(refused.contains("--parameters: /no/such.json"), "{refused}");
        let refused = read(&["--parameters", "{1}"]).unwrap_err();
        assert!(refused.contains("is not a JSON object"), "{refused}");
    }
}
