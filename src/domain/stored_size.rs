//! The size of a JSON value in the database.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

/// The length of JSON as jsonb prints it, in bytes, without the spaces that it inserts between values.
///
/// jsonb stores numbers as decimals and prints every digit: `1e307`, which has 5 bytes here, has 308 bytes when read
/// from the database.
pub fn stored_size<T: Serialize + ?Sized>(value: &T) -> usize {
    let mut size = Size(0);
    let mut serializer = Serializer::with_formatter(&mut size, PlainNumbers);
    // A value that cannot be serialized as JSON cannot be stored either.
    let written = value.serialize(&mut serializer);
    if written.is_ok() { size.0 } else { usize::MAX }
}

/// A writer that counts bytes.
struct Size(usize);

impl Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A formatter that writes as many bytes for a number as its plain notation has.
struct PlainNumbers;

impl Formatter for PlainNumbers {
    fn write_f64<W: Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        /// More digits than any number has: 309 before the decimal point, 342 in total.
        const DIGITS: [u8; 400] = [b'0'; 400];
        let mut text = Vec::with_capacity(32);
        CompactFormatter.write_f64(&mut text, value)?;
        let sign = usize::from(value < 0.0);
        let length = sign + plain_length(&String::from_utf8_lossy(&text));
        writer.write_all(DIGITS.get(..length).unwrap_or(&DIGITS))
    }
}

/// The length of a number in plain notation, without its sign. Trailing zeros of decimals count, as in PostgreSQL's
/// `numeric`.
fn plain_length(number: &str) -> usize {
    let number = number.trim_start_matches('-');
    let (mantissa, exponent) = number.split_once('e').unwrap_or((number, "0"));
    let exponent: isize = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = whole.len().saturating_add_signed(exponent).max(1);
    match fraction.len().saturating_add_signed(-exponent) {
        0 => digits,
        decimals => digits + 1 + decimals,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn numbers_have_the_digits_that_postgresql_prints() {
        for (number, printed) in [
            (json!(0), "0".to_owned()),
            (json!(-120), "-120".to_owned()),
            (json!(u64::MAX), u64::MAX.to_string()),
            (json!(i64::MIN), i64::MIN.to_string()),
            (json!(0.0), "0.0".to_owned()),
            (json!(-0.0), "0.0".to_owned()),
            (json!(1500.0), "1500.0".to_owned()),
            (json!(-0.125), "-0.125".to_owned()),
            (json!(1e16), format!("1{}", "0".repeat(16))),
            (json!(1e307), format!("1{}", "0".repeat(307))),
            (json!(-1.25e20), format!("-125{}", "0".repeat(18))),
            (json!(1e-7), "0.0000001".to_owned()),
            (json!(1.5e-7), "0.00000015".to_owned()),
            (json!(5e-324), format!("0.{}5", "0".repeat(323))),
        ] {
            assert_eq!(stored_size(&number), printed.len(), "{number}");
        }
    }

    #[test]
    fn everything_else_is_as_long_as_its_text() {
        let value = json!({"a\n\u{1}\"é": [null, true, "x\\", {}, []], "": {"b": "\u{7f}𝕢"}});
        assert_eq!(stored_size(&value), value.to_string().len());
    }

    #[test]
    fn a_small_text_of_large_numbers_is_large() {
        let numbers: Value = vec![1e307; 1_000].into();
        assert!(numbers.to_string().len() < 8_000);
        assert_eq!(stored_size(&numbers), 309_001);
    }
}
