//! Observables of a circuit: real combinations of Pauli strings.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::checks::{FieldErrors, excerpt};
use super::stored_size::stored_size;

/// Maximum number of observables of one circuit.
pub const MAX_OBSERVABLES: usize = 1_000;
/// Maximum number of terms of all observables of one circuit.
const MAX_TERMS: usize = 10_000;
/// Maximum size of the observables as JSON, in bytes.
const MAX_BYTES: usize = 1 << 20;
/// The field of a submission.
const FIELD: &str = "observables";

/// The observables of a circuit. Serialized, each is an array of its terms, whatever form the submission had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Observables(Vec<Vec<PauliTerm>>);

/// A Pauli string with its coefficient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauliTerm {
    /// A letter `I`, `X`, `Y` or `Z` for each qubit; the rightmost is that of qubit 0.
    pub pauli: String,
    /// Its coefficient.
    pub coeff: Number,
}

impl Observables {
    /// Reads the observables of a submission. An element is a list of terms, or one term; a term without a coefficient
    /// may be its string alone. Errors are recorded under the element, as in `observables[3][0].pauli`.
    pub fn parse(given: &[Value], errors: &mut FieldErrors) -> Option<Self> {
        if given.len() > MAX_OBSERVABLES {
            let message = format!(
                "has {} entries; at most {MAX_OBSERVABLES} are allowed",
                given.len()
            );
            errors.insert(FIELD.to_owned(), message);
            return None;
        }
        let parsed = given.iter().enumerate();
        let parsed =
            parsed.map(|(index, element)| observable(&format!("{FIELD}[{index}]"), element));
        let observables = match parsed.collect::<Result<Vec<_>, _>>() {
            Ok(observables) => Self(observables),
            Err((field, message)) => {
                errors.insert(field, message);
                return None;
            }
        };
        let terms: usize = observables.0.iter().map(Vec::len).sum();
        let bytes = stored_size(&observables);
        let message = if terms > MAX_TERMS {
            format!("have {terms} terms; at most {MAX_TERMS} are allowed")
        } else if bytes > MAX_BYTES {
            format!("have {bytes} bytes as JSON; at most {MAX_BYTES} are allowed")
        } else {
            return Some(observables);
        };
        errors.insert(FIELD.to_owned(), message);
        None
    }

    /// The terms of each observable.
    pub fn terms(&self) -> &[Vec<PauliTerm>] {
        &self.0
    }
}

/// A field and what is wrong with it.
type FieldError = (String, String);

fn observable(field: &str, element: &Value) -> Result<Vec<PauliTerm>, FieldError> {
    match element {
        Value::Array(terms) => {
            let terms = terms.iter().enumerate();
            terms
                .map(|(index, given)| term(&format!("{field}[{index}]"), given))
                .collect()
        }
        single => term(field, single).map(|term| vec![term]),
    }
}

fn term(field: &str, given: &Value) -> Result<PauliTerm, FieldError> {
    let wrong = |message: &str| Err((field.to_owned(), message.to_owned()));
    match given {
        Value::String(string) => Ok(PauliTerm {
            pauli: pauli(field, string)?,
            coeff: Number::from(1),
        }),
        Value::Object(members) => of_members(field, members),
        _ => wrong(
            "must be a Pauli string such as \"ZZI\", or a term such as {\"pauli\": \"ZZI\", \"coeff\": 0.5}",
        ),
    }
}

fn of_members(field: &str, members: &Map<String, Value>) -> Result<PauliTerm, FieldError> {
    let wrong =
        |member: &str, message: &str| Err((format!("{field}.{member}"), message.to_owned()));
    if let Some(other) = members
        .keys()
        .find(|name| *name != "pauli" && *name != "coeff")
    {
        let message = format!(
            "unknown field `{}`, expected `pauli` or `coeff`",
            excerpt(other)
        );
        return Err((field.to_owned(), message));
    }
    let coeff = match members.get("coeff") {
        None => Number::from(1),
        Some(Value::Number(number)) => number.clone(),
        Some(_) => return wrong("coeff", "must be a real number"),
    };
    match members.get("pauli") {
        Some(Value::String(string)) => Ok(PauliTerm {
            pauli: pauli(&format!("{field}.pauli"), string)?,
            coeff,
        }),
        Some(_) => wrong("pauli", "must be a string of the letters I, X, Y and Z"),
        None => wrong("pauli", "is required"),
    }
}

fn pauli(field: &str, string: &str) -> Result<String, FieldError> {
    let wrong = |message: String| Err((field.to_owned(), message));
    match string.chars().find(|letter| !"IXYZ".contains(*letter)) {
        None if string.is_empty() => wrong("must not be empty".to_owned()),
        None => Ok(string.to_owned()),
        Some(letter) => wrong(format!(
            "has the letter `{}`; a Pauli string has the letters I, X, Y and Z",
            excerpt(&letter.to_string())
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(given: &Value) -> Result<Value, FieldErrors> {
        let mut errors = FieldErrors::new();
        let parsed = Observables::parse(given.as_array().unwrap(), &mut errors);
        parsed.map(|observables| json!(observables)).ok_or(errors)
    }

    #[test]
    fn all_forms_of_an_observable_are_stored_as_lists_of_terms() {
        let given = json!(["ZZ", {"pauli": "XX", "coeff": -0.5}, [{"pauli": "YY"}, "IZ"], []]);
        let stored = json!([
            [{"pauli": "ZZ", "coeff": 1}], [{"pauli": "XX", "coeff": -0.5}],
            [{"pauli": "YY", "coeff": 1}, {"pauli": "IZ", "coeff": 1}], [],
        ]);
        assert_eq!(parse(&given).unwrap(), stored);
        let read: Observables = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(json!(read), stored);
    }

    #[test]
    fn a_wrong_term_is_named_by_its_position() {
        for (given, field, words) in [
            (json!(["ZZ", "ZA"]), "observables[1]", "the letter `A`"),
            (
                json!([[{"pauli": "zz"}]]),
                "observables[0][0].pauli",
                "the letter `z`",
            ),
            (
                json!([[{"pauli": ""}]]),
                "observables[0][0].pauli",
                "must not be empty",
            ),
            (
                json!([["Z", {"coeff": 1}]]),
                "observables[0][1].pauli",
                "is required",
            ),
            (
                json!([{"pauli": 3}]),
                "observables[0].pauli",
                "must be a string",
            ),
            (
                json!([{"pauli": "Z", "coeff": [0, 1]}]),
                "observables[0].coeff",
                "must be a real number",
            ),
            (
                json!([{"pauli": "Z", "weight": 1}]),
                "observables[0]",
                "unknown field `weight`",
            ),
            (
                json!([[["Z"]]]),
                "observables[0][0]",
                "must be a Pauli string",
            ),
            (json!([1]), "observables[0]", "must be a Pauli string"),
            (json!(vec!["Z"; 1_001]), "observables", "at most 1000"),
            (json!([vec!["Z"; 10_001]]), "observables", "at most 10000"),
            (
                json!([vec!["Z".repeat(1_000); 1_050]]),
                "observables",
                "bytes as JSON",
            ),
        ] {
            let errors = parse(&given).unwrap_err();
            assert!(errors[field].contains(words), "{errors:?}");
        }
    }
}
