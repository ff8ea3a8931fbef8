//! Parses whole numbers in the notations that people use.

/// Above 2^53 a float such as `1e20` does not identify one integer.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

/// `1000`, `1e3`, `1_000`.
pub fn whole(text: &str) -> Result<u64, String> {
    let refuse = || "a whole number is needed, such as 1000 or 1e3".to_owned();
    let digits = text.trim().replace('_', "");
    if let Ok(number) = digits.parse() {
        return Ok(number);
    }
    // Rejects special values such as `inf`, which the float parser accepts.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(refuse());
    }
    let number: f64 = digits.parse().map_err(|_| refuse())?;
    if number.fract() == 0.0 && number <= MOST_EXACT {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is whole, not negative, and within the range"
        )]
        return Ok(number as u64);
    }
    Err(refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_several_forms() {
        for (text, number) in [
            ("0", 0),
            (" 1000 ", 1_000),
            ("1e3", 1_000),
            ("1E3", 1_000),
            ("1.5e3", 1_500),
            ("1_000_000", 1_000_000),
            ("10.0", 10),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(whole(text), Ok(number), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "", "-1", "1.5", "1e-3", "inf", "nan", "1e400", "many", "1e17", "0x10",
        ] {
            assert!(whole(text).is_err(), "{text}");
        }
    }
}
