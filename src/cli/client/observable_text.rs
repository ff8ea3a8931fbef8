//! Reads observables from text: `ZZ`, `0.5*ZZ + 0.2*XI - YY`.

use serde_json::{Value, json};

/// An observable as the service takes it.
pub fn parse(text: &str) -> Result<Value, String> {
    let given: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let terms = split(&given);
    if terms.is_empty() {
        return Err(
            "a Pauli string such as ZZ, or a sum such as 0.5*ZZ+0.2*XI, is needed".to_owned(),
        );
    }
    let terms = terms.iter().map(|text| term(text));
    Ok(Value::Array(terms.collect::<Result<_, _>>()?))
}

/// The terms with their signs. A sign after `e` belongs to an exponent.
fn split(text: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut last = None;
    for letter in text.chars() {
        let is_sign = matches!(letter, '+' | '-') && !matches!(last, Some('e' | 'E' | '*'));
        match terms.last_mut() {
            Some(term) if !is_sign => term.push(letter),
            _ => terms.push(letter.to_string()),
        }
        last = Some(letter);
    }
    terms
}

fn term(text: &str) -> Result<Value, String> {
    let refuse = || {
        Err(format!(
            "`{text}` is no term: 0.5*ZZ, with the letters I, X, Y and Z, is one"
        ))
    };
    let letters = text.chars().rev();
    let length = letters
        .take_while(|letter| "IXYZ".contains(*letter))
        .count();
    // The letters are ASCII.
    let (coeff, pauli) = text.split_at(text.len() - length);
    if pauli.is_empty() {
        return refuse();
    }
    let coeff = coeff.strip_suffix('*').unwrap_or(coeff);
    let coeff = match coeff {
        "" | "+" => Ok(1.0),
        "-" => Ok(-1.0),
        number => number.parse::<f64>(),
    };
    match coeff {
        Ok(coeff) if coeff.is_finite() => Ok(json!({"pauli": pauli, "coeff": coeff})),
        _ => refuse(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_a_list_of_terms() {
        for (text, expected) in [
            ("ZZ", json!([{"pauli": "ZZ", "coeff": 1.0}])),
            ("-XI", json!([{"pauli": "XI", "coeff": -1.0}])),
            (
                "0.5*ZZ + 2e-1*XI - YY",
                json!([{"pauli": "ZZ", "coeff": 0.5}, {"pauli": "XI", "coeff": 0.2}, {"pauli": "YY", "coeff": -1.0}]),
            ),
            ("3 Z", json!([{"pauli": "Z", "coeff": 3.0}])),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_sum_is_refused() {
        for text in [
            "", "zz", "0.5", "ZZ+", "ZZ++XX", "1/2*ZZ", "ZZ*2", "nan*Z", "é*Z",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
