//! Whole numbers as JSON Schema defines them: `58.0` and `5.8e1` are the integer 58.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// For `deserialize_with`: a whole number.
pub fn required<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64> + TryFrom<u64>,
{
    Whole::deserialize(deserializer).map(|Whole(number)| number)
}

/// For `deserialize_with`: a whole number, or null.
pub fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64> + TryFrom<u64>,
{
    let number = Option::<Whole<T>>::deserialize(deserializer)?;
    Ok(number.map(|Whole(number)| number))
}

/// Converts a JSON number to a whole number; `None` if it has a fraction or is out of range.
pub fn of_float<T: TryFrom<i64> + TryFrom<u64>>(number: f64) -> Option<T> {
    if number.fract() != 0.0 || number.abs() >= 2.0_f64.powi(64) {
        return None;
    }
    // Formatted without a fraction, the number is exact.
    let digits = format!("{number:.0}");
    match digits.parse::<i64>() {
        Ok(number) => T::try_from(number).ok(),
        Err(_) => T::try_from(digits.parse::<u64>().ok()?).ok(),
    }
}

/// Parses a whole number in a query parameter.
pub fn of_text<T: TryFrom<i64> + TryFrom<u64>>(text: &str) -> Option<T> {
    match text.parse::<i64>() {
        Ok(number) => T::try_from(number).ok(),
        Err(_) => of_float(text.parse().ok()?),
    }
}

struct Whole<T>(T);

impl<'de, T: TryFrom<i64> + TryFrom<u64>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor(PhantomData))
    }
}

struct WholeVisitor<T>(PhantomData<T>);

impl<T: TryFrom<i64> + TryFrom<u64>> Visitor<'_> for WholeVisitor<T> {
    type Value = Whole<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Whole<T>, E> {
        let out_of_range = |_| E::invalid_value(Unexpected::Signed(number), &self);
        T::try_from(number).map(Whole).map_err(out_of_range)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole<T>, E> {
        let out_of_range = |_| E::invalid_value(Unexpected::Unsigned(number), &self);
        T::try_from(number).map(Whole).map_err(out_of_range)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Whole<T>, E> {
        let fraction = || E::invalid_type(Unexpected::Float(number), &self);
        of_float(number).map(Whole).ok_or_else(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: TryFrom<i64> + TryFrom<u64>>(text: &str) -> Option<T> {
        required(&mut serde_json::Deserializer::from_str(text)).ok()
    }

    #[test]
    fn a_number_without_a_fraction_is_whole_however_it_is_written() {
        for text in ["58", "58.0", "5.8e1", "580e-1", "58.000"] {
            assert_eq!(read::<i32>(text), Some(58), "{text}");
        }
        assert_eq!(read::<i64>("-0.0"), Some(0));
        assert_eq!(read::<u64>("18446744073709551615"), Some(u64::MAX));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "58.5",
            "1e300",
            "1e19",
            "9223372036854775808",
            "\"58\"",
            "[58]",
            "true",
            "null",
        ] {
            assert_eq!(read::<i64>(text), None, "{text}");
        }
        assert_eq!(read::<u64>("-1"), None);
        assert_eq!(read::<i32>("2147483648.0"), None);
    }
}
