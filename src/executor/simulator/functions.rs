//! Built-in functions on classical values.

use super::arithmetic::{BinaryOp, as_bits, binary, finite};
use super::value::{EvalError, Evaluated, Value, mask, type_error};

/// Rotates to the left by a number of places, to the right where it is negative.
fn rotate(value: Value, by: i128) -> Evaluated {
    let Some((bits, width)) = as_bits(value) else {
        return type_error("only bit registers and angles can be rotated");
    };
    let by = u32::try_from(by.rem_euclid(i128::from(width))).unwrap_or(0);
    let high = bits.checked_shl(by).unwrap_or(0);
    let low = bits.checked_shr(width - by).unwrap_or(0);
    let rotated = (high | low) & mask(width);
    Ok(match value {
        Value::Angle { .. } => Value::angle(rotated, width),
        _ => Value::Bits {
            value: rotated,
            width,
        },
    })
}

/// A built-in function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the functions of OpenQASM")]
pub enum Function {
    Arccos,
    Arcsin,
    Arctan,
    Ceiling,
    Cos,
    Exp,
    Floor,
    Imag,
    Log,
    Mod,
    Popcount,
    Pow,
    Real,
    Rotl,
    Rotr,
    Sin,
    Sqrt,
    Tan,
}

impl Function {
    /// Finds a function of either version by its name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "arccos" | "acos" => Self::Arccos,
            "arcsin" | "asin" => Self::Arcsin,
            "arctan" | "atan" => Self::Arctan,
            "ceiling" => Self::Ceiling,
            "cos" => Self::Cos,
            "exp" => Self::Exp,
            "floor" => Self::Floor,
            "imag" => Self::Imag,
            "ln" | "log" => Self::Log,
            "mod" => Self::Mod,
            "popcount" => Self::Popcount,
            "pow" => Self::Pow,
            "real" => Self::Real,
            "rotl" => Self::Rotl,
            "rotr" => Self::Rotr,
            "sin" => Self::Sin,
            "sqrt" => Self::Sqrt,
            "tan" => Self::Tan,
            _ => return None,
        })
    }

    /// How many arguments it takes.
    pub fn arity(self) -> usize {
        match self {
            Self::Mod | Self::Pow | Self::Rotl | Self::Rotr => 2,
            _ => 1,
        }
    }

    /// Calls it. The number of arguments has been checked against [`Self::arity`].
    pub fn call(self, arguments: &[Value]) -> Evaluated {
        match (self, arguments) {
            (Self::Mod, [a, b]) => binary(BinaryOp::Remainder, *a, *b),
            (Self::Pow, [a, b]) => binary(BinaryOp::Power, *a, *b),
            (Self::Rotl, [value, by]) => rotate(*value, by.as_int()?),
            (Self::Rotr, [value, by]) => rotate(*value, by.as_int()?.saturating_neg()),
            (Self::Popcount, [value]) => match as_bits(*value) {
                Some((bits, _)) => Ok(Value::Int(i128::from(bits.count_ones()))),
                None => type_error("`popcount` is for bit registers"),
            },
            (Self::Real, [value]) => Ok(Value::Float(value.as_complex()?.re)),
            (Self::Imag, [value]) => Ok(Value::Float(value.as_complex()?.im)),
            (_, [value]) => finite(self.real(value.as_real()?)),
            _ => Err(EvalError::Type("wrong number of arguments".into())),
        }
    }

    fn real(self, x: f64) -> f64 {
        match self {
            Self::Arccos => x.acos(),
            Self::Arcsin => x.asin(),
            Self::Arctan => x.atan(),
            Self::Ceiling => x.ceil(),
            Self::Cos => x.cos(),
            Self::Exp => x.exp(),
            Self::Floor => x.floor(),
            Self::Log => x.ln(),
            Self::Sin => x.sin(),
            Self::Sqrt => x.sqrt(),
            Self::Tan => x.tan(),
            Self::Imag
            | Self::Mod
            | Self::Popcount
            | Self::Pow
            | Self::Real
            | Self::Rotl
            | Self::Rotr => f64::NAN,
        }
    }
}
