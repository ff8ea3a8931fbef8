//! Values and their types, written from the text of `docs/circuits.md` and the specification:
//! numbers are exact integers that are reduced to their type after each operation.

/// Why an expression has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The operands never fit: the program would be refused.
    Kind,
    /// These values have no result, or none that the text decides.
    Value,
}

pub type Result<T> = std::result::Result<T, Failure>;

/// A type that a program can declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Integer { signed: bool, width: u32 },
    Bits(u32),
    Angle(u32),
    Float(u32),
    Complex,
    Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    Bool(bool),
    /// Without a type: literals, and what is computed of them and of single bits.
    Exact(i128),
    Integer {
        signed: bool,
        width: u32,
        value: i128,
    },
    Bits {
        width: u32,
        value: i128,
    },
    Angle {
        width: u32,
        value: i128,
    },
    Float(f64),
    Complex(Complex),
    /// In nanoseconds.
    Duration(f64),
}

/// A complex number, exact or known but for rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Complex {
    pub re: f64,
    pub im: f64,
    pub rough: bool,
}

use Value::{Angle, Bits, Bool, Duration, Exact, Float, Integer};

pub fn modulus(width: u32) -> i128 {
    1 << width
}

/// The number of that type which is congruent to it.
pub fn reduce(value: i128, signed: bool, width: u32) -> i128 {
    let rest = value.rem_euclid(modulus(width));
    if signed && rest >= modulus(width) / 2 {
        rest - modulus(width)
    } else {
        rest
    }
}

pub fn integer(value: i128, signed: bool, width: u32) -> Value {
    Integer {
        signed,
        width,
        value: reduce(value, signed, width),
    }
}

pub fn angle(value: i128, width: u32) -> Value {
    Angle {
        width,
        value: reduce(value, false, width),
    }
}

/// A product that may need more than 127 bits, modulo `2^width`.
pub fn product(a: i128, b: i128, width: u32) -> i128 {
    let (a, b) = (reduce(a, false, width), reduce(b, false, width));
    let (high, low) = (b >> 32, b & 0xffff_ffff);
    let m = modulus(width);
    // Both factors are below 2^64, so these are below 2^96 and 2^128 / 2^32.
    let upper = (a * (high & 0x7fff_ffff)) % m
        + if high >> 31 == 1 {
            ((a % m) << 31) % m
        } else {
            0
        };
    (((upper % m) << 32) % m + (a * low) % m) % m
}

pub fn real(value: Value) -> Result<f64> {
    #[allow(clippy::cast_precision_loss, reason = "as a conversion to float does")]
    match value {
        Float(value) => Ok(value),
        Exact(value) | Integer { value, .. } | Bits { value, .. } => Ok(value as f64),
        Bool(value) => Ok(f64::from(u8::from(value))),
        Angle { .. } | Value::Complex(_) | Duration(_) => Err(Failure::Kind),
    }
}

/// Booleans and single bits are exact numbers, registers unsigned integers.
pub fn number(value: Value) -> Value {
    match value {
        Bool(value) => Exact(i128::from(value)),
        Bits { width: 1, value } => Exact(value),
        Bits { width, value } => integer(value, false, width),
        other => other,
    }
}

/// A whole number, as an index or a distance is one.
pub fn whole(value: Value) -> Result<i128> {
    match number(value) {
        Exact(value) | Integer { value, .. } => Ok(value),
        _ => Err(Failure::Kind),
    }
}

pub fn truth(value: Value) -> Result<bool> {
    match value {
        Bool(value) => Ok(value),
        Exact(value) | Integer { value, .. } | Bits { value, .. } | Angle { value, .. } => {
            Ok(value != 0)
        }
        Float(value) => Ok(value != 0.0),
        Value::Complex(_) | Duration(_) => Err(Failure::Kind),
    }
}

pub fn finite(value: f64) -> Result<Value> {
    if value.is_finite() {
        Ok(Float(value))
    } else {
        Err(Failure::Value)
    }
}

/// The bits of a value that is shown, the lowest first.
pub fn bits(value: Value) -> Vec<bool> {
    let (width, value) = match value {
        Bool(value) => (1, i128::from(value)),
        Float(_) | Value::Complex(_) | Duration(_) => (1, 1),
        Exact(value) => (64, value),
        Integer { width, value, .. } | Bits { width, value } | Angle { width, value } => {
            (width, value)
        }
    };
    (0..width).map(|place| value >> place & 1 == 1).collect()
}

impl Kind {
    pub const INT: Self = Self::Integer {
        signed: true,
        width: 64,
    };

    /// The type as a program writes it.
    pub fn text(self) -> String {
        match self {
            Self::Bool => "bool".into(),
            Self::INT => "int".into(),
            Self::Integer {
                signed: false,
                width: 64,
            } => "uint".into(),
            Self::Integer { signed, width } => {
                format!("{}int[{width}]", if signed { "" } else { "u" })
            }
            Self::Bits(width) => format!("bit[{width}]"),
            Self::Angle(width) => format!("angle[{width}]"),
            Self::Float(width) => format!("float[{width}]"),
            Self::Complex => "complex[float[64]]".into(),
            Self::Duration => "duration".into(),
        }
    }
}
