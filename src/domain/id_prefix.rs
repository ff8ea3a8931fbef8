//! Prefixes of task ids. Ids are `UUIDv7`: a prefix is a range of the primary key.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Minimum length: a prefix of 8 digits matches the ids of 66 seconds, one of 6 digits those of 4.7 hours.
pub const MIN_DIGITS: usize = 8;
const ALL_DIGITS: usize = 32;

/// A prefix of 8 to 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPrefix {
    digits: String,
}

/// Why a text is not a prefix of a task id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadIdPrefix {
    /// It has fewer digits than [`MIN_DIGITS`].
    #[error("must have at least {MIN_DIGITS} hexadecimal digits")]
    TooShort,
    /// It has more digits than an id.
    #[error("must have at most {ALL_DIGITS} hexadecimal digits, dashes not counted")]
    TooLong,
    /// It has other characters than an id.
    #[error("must have hexadecimal digits and dashes only, such as 01a1f877-e10b")]
    NotHexadecimal,
}

impl FromStr for IdPrefix {
    type Err = BadIdPrefix;

    fn from_str(text: &str) -> Result<Self, BadIdPrefix> {
        let digits: String = text
            .chars()
            .filter(|c| *c != '-')
            .take(ALL_DIGITS + 1)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(BadIdPrefix::NotHexadecimal);
        }
        match digits.len() {
            ..MIN_DIGITS => Err(BadIdPrefix::TooShort),
            MIN_DIGITS..=ALL_DIGITS => Ok(Self { digits }),
            _ => Err(BadIdPrefix::TooLong),
        }
    }
}

impl IdPrefix {
    /// The smallest and the largest id with this prefix.
    pub fn range(&self) -> (Uuid, Uuid) {
        let filled = |digit: &str| {
            let digits = self.digits.clone() + &digit.repeat(ALL_DIGITS - self.digits.len());
            u128::from_str_radix(&digits, 16).unwrap_or_default()
        };
        (Uuid::from_u128(filled("0")), Uuid::from_u128(filled("f")))
    }
}

impl fmt::Display for IdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_range_of_the_ids_that_begin_with_it() {
        let prefix: IdPrefix = "01A1F877-e10".parse().unwrap();
        let (low, high) = prefix.range();
        assert_eq!(low.to_string(), "01a1f877-e100-0000-0000-000000000000");
        assert_eq!(high.to_string(), "01a1f877-e10f-ffff-ffff-ffffffffffff");
        let id = Uuid::now_v7();
        let whole: IdPrefix = id.to_string().parse().unwrap();
        assert_eq!(whole.range(), (id, id));
    }

    #[test]
    fn what_cannot_begin_an_id_is_refused() {
        for (text, error) in [
            ("", BadIdPrefix::TooShort),
            ("01a1f87", BadIdPrefix::TooShort),
            ("01a1f87g", BadIdPrefix::NotHexadecimal),
            ("é1a1f877", BadIdPrefix::NotHexadecimal),
            (&"0".repeat(33), BadIdPrefix::TooLong),
        ] {
            assert_eq!(text.parse::<IdPrefix>(), Err(error), "{text}");
        }
    }
}
