//! Points of a sweep: values of a circuit's inputs for each of many runs.

use serde_json::{Map, Value};

use super::checks::{self, FieldErrors};

/// Maximum number of points of one sweep.
pub const MAX_POINTS: usize = 10_000;
/// Maximum size of a sweep as JSON, in bytes.
const MAX_BYTES: usize = 4 << 20;

/// Checks a sweep: a list of values for each input, all of one length. `fixed` are the inputs with one value for all
/// points.
pub fn check(
    errors: &mut FieldErrors,
    sweep: &Map<String, Value>,
    fixed: Option<&Map<String, Value>>,
) {
    if let Err(message) = checked(sweep, fixed) {
        errors.insert("sweep".to_owned(), message);
        return;
    }
    checks::inputs(errors, "sweep", sweep, MAX_BYTES);
}

fn checked(sweep: &Map<String, Value>, fixed: Option<&Map<String, Value>>) -> Result<(), String> {
    let mut length: Option<(&str, usize)> = None;
    for (name, values) in sweep {
        let shown = checks::excerpt(name);
        let Value::Array(values) = values else {
            return Err(format!(
                "`{shown}` must be a list of values, one for each point"
            ));
        };
        if fixed.is_some_and(|fixed| fixed.contains_key(name)) {
            return Err(format!("`{shown}` has a value in `parameters` as well"));
        }
        match length {
            Some((other, length)) if length != values.len() => {
                return Err(format!(
                    "`{shown}` has {} values and `{}` has {length}; all lists must have one length",
                    values.len(),
                    checks::excerpt(other)
                ));
            }
            _ => length = Some((name, values.len())),
        }
    }
    match length {
        None => Err("must have a list of values for at least one input".to_owned()),
        Some((_, points)) if !(1..=MAX_POINTS).contains(&points) => Err(format!(
            "has {points} points; between 1 and {MAX_POINTS} are allowed"
        )),
        Some(_) => Ok(()),
    }
}

/// The number of points.
pub fn count(sweep: &Map<String, Value>) -> usize {
    let lists = sweep.values().filter_map(Value::as_array);
    lists.map(Vec::len).min().unwrap_or_default()
}

/// The values of one point, beside those of all points.
pub fn point(
    sweep: &Map<String, Value>,
    fixed: Option<&Map<String, Value>>,
    index: usize,
) -> Map<String, Value> {
    let mut values = fixed.cloned().unwrap_or_default();
    for (name, list) in sweep {
        if let Some(value) = list.as_array().and_then(|list| list.get(index)) {
            values.insert(name.clone(), value.clone());
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_point_has_one_value_of_each_list_and_the_fixed_ones() {
        let sweep = object(&json!({"a": [1, 2], "bits": ["01", "10"]}));
        let fixed = object(&json!({"n": 5}));
        let mut errors = FieldErrors::new();
        check(&mut errors, &sweep, Some(&fixed));
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(count(&sweep), 2);
        let second = point(&sweep, Some(&fixed), 1);
        assert_eq!(Value::Object(second), json!({"a": 2, "bits": "10", "n": 5}));
    }

    #[test]
    fn a_sweep_without_points_or_with_lists_of_two_lengths_is_refused() {
        for (sweep, words) in [
            (json!({}), "at least one input"),
            (json!({"a": []}), "has 0 points"),
            (json!({"a": 1}), "`a` must be a list"),
            (
                json!({"a": [1], "b": [1, 2]}),
                "`b` has 2 values and `a` has 1",
            ),
            (json!({"n": [1]}), "`n` has a value in `parameters`"),
            (json!({"a": vec![0; 10_001]}), "has 10001 points"),
            (json!({"2x": [1]}), "cannot name an input"),
            (json!({"a": [null]}), "`a` must be a number"),
        ] {
            let mut errors = FieldErrors::new();
            let fixed = object(&json!({"n": 5}));
            check(&mut errors, &object(&sweep), Some(&fixed));
            assert!(errors["sweep"].contains(words), "{sweep}: {errors:?}");
        }
    }
}
