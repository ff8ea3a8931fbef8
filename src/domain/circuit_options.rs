//! The options of a circuit, from the request to the executor.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::checks::excerpt;
use super::observables::Observables;

/// Maximum number of shots of one task.
pub const MAX_SHOTS: i64 = 1_000_000;

/// The options of a circuit.
///
/// Serialized, it is the object in the column `tasks.parameters`, which workers get as `parameters`. Options that the
/// submission did not set are absent. The shots have a separate column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CircuitOptions {
    /// Number of times that the circuit is run and measured.
    #[serde(skip)]
    pub shots: u32,
    /// Seed of a reproducible run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Whether the result contains the outcome of each shot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<bool>,
    /// Whether the result contains exact probabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<bool>,
    /// Whether the result contains amplitudes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statevector: Option<bool>,
    /// Values of the `input` declarations.
    #[serde(rename = "input", skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Map<String, Value>>,
    /// Observables whose expectations the result contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observables: Option<Observables>,
    /// Lists of values of `input` declarations: one run for each place in the lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Map<String, Value>>,
    /// Stored members that are not options of this version, or whose value is invalid. Commands and HTTP workers get
    /// them unchanged; [`CircuitOptions::check`] refuses them.
    #[serde(flatten)]
    pub unreadable: Map<String, Value>,
}

/// A stored option that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the stored option `{name}` is unknown to this version of qtask, or cannot have the value {value}"
)]
pub struct UnreadableOption {
    name: String,
    value: String,
}

impl CircuitOptions {
    /// Options with this number of shots only.
    pub fn of_shots(shots: u32) -> Self {
        Self {
            shots,
            ..Self::default()
        }
    }

    /// Parses stored options. Unreadable members are kept separately.
    pub fn from_stored(shots: u32, mut stored: Map<String, Value>) -> Self {
        Self {
            shots,
            seed: take(&mut stored, "seed"),
            memory: take(&mut stored, "memory"),
            probabilities: take(&mut stored, "probabilities"),
            statevector: take(&mut stored, "statevector"),
            inputs: take(&mut stored, "input"),
            observables: take(&mut stored, "observables"),
            sweep: take(&mut stored, "sweep"),
            unreadable: stored,
        }
    }

    /// Serializes the options as the object to store.
    pub fn to_stored(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            // Never: string keys and 64-bit numbers always serialize to an object.
            _ => Map::new(),
        }
    }

    /// Refuses unreadable stored options, since a run without them would differ.
    pub fn check(&self) -> Result<(), UnreadableOption> {
        match self.unreadable.iter().next() {
            None => Ok(()),
            Some((name, value)) => Err(UnreadableOption {
                name: excerpt(name),
                value: excerpt(&value.to_string()),
            }),
        }
    }
}

/// Removes a member and returns its value if it has the option's type.
fn take<T: DeserializeOwned>(stored: &mut Map<String, Value>, name: &str) -> Option<T> {
    let value = T::deserialize(stored.get(name)?).ok()?;
    stored.remove(name);
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn options_are_read_as_they_were_stored_and_absent_ones_stay_absent() {
        let all = json!({
            "seed": u64::MAX, "memory": true, "probabilities": false, "statevector": true, "input": {"a": [1, "01"]},
            "observables": [[{"pauli": "ZZ", "coeff": 0.5}]], "sweep": {"b": [1, 2]},
        });
        let options = CircuitOptions::from_stored(7, stored(&all));
        assert_eq!((options.shots, options.seed), (7, Some(u64::MAX)));
        assert_eq!(options.inputs.as_ref().unwrap()["a"], json!([1, "01"]));
        assert_eq!(options.check(), Ok(()));
        assert_eq!(Value::Object(options.to_stored()), all);
        assert!(CircuitOptions::of_shots(1).to_stored().is_empty());
    }

    #[test]
    fn an_option_that_cannot_be_read_is_named_and_passed_on_as_it_is() {
        for (name, value) in [
            ("seed", json!(-1)),
            ("seed", json!(null)),
            ("memory", json!("yes")),
            ("input", json!([1])),
            ("observables", json!(["ZZ"])),
            ("sweep", json!([1])),
            ("noise", json!({"t1": 1})),
        ] {
            let unreadable = json!({name: value, "statevector": true});
            let options = CircuitOptions::from_stored(1, stored(&unreadable));
            assert_eq!(options.statevector, Some(true));
            let refusal = options.check().unwrap_err().to_string();
            assert!(refusal.contains(&format!("`{name}`")), "{refusal}");
            assert_eq!(Value::Object(options.to_stored()), unreadable);
        }
    }
}
