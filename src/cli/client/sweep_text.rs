//! Reads lists of values from text: `0:6.28:100` is 100 numbers from 0 to 6.28, both included.

use serde_json::{Value, json};

use crate::domain::sweep_points::MAX_POINTS;

/// The numbers of a range; `None` if the text is no range.
pub fn range(text: &str) -> Option<Result<Value, String>> {
    let parts: Vec<&str> = text.split(':').collect();
    let [first, last, count] = parts.as_slice() else {
        return None;
    };
    Some(numbers(first, last, count).ok_or_else(|| {
        format!(
            "`{text}` is no range: FIRST:LAST:COUNT is needed, with a count from 1 to {MAX_POINTS}"
        )
    }))
}

fn numbers(first: &str, last: &str, count: &str) -> Option<Value> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
    };
    let (first, last) = (number(first)?, number(last)?);
    let count: u32 = count.trim().parse().ok()?;
    if count == 0 || count as usize > MAX_POINTS {
        return None;
    }
    let steps = f64::from(count.saturating_sub(1).max(1));
    let at = |place: u32| match place {
        0 => first,
        // The last number exactly.
        place if place + 1 == count => last,
        place => first + (last - first) * (f64::from(place) / steps),
    };
    Some((0..count).map(|place| json!(at(place))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_includes_both_ends() {
        assert_eq!(
            range("0:1:5").unwrap(),
            Ok(json!([0.0, 0.25, 0.5, 0.75, 1.0]))
        );
        assert_eq!(range("-1:2.5:2").unwrap(), Ok(json!([-1.0, 2.5])));
        assert_eq!(range("3:4:1").unwrap(), Ok(json!([3.0])));
        assert_eq!(range("0.5"), None);
        for wrong in ["0:1:0", "0:1:10001", "a:1:2", "0:inf:2", "0:1:2.5", "::"] {
            assert!(range(wrong).unwrap().is_err(), "{wrong}");
        }
    }
}
