//! Built-in functions on classical values.

use crate::ir::arithmetic::{as_bits, binary, finite, unary};
use crate::ir::complex::Complex;
use crate::ir::integer::{Integer, MACHINE_WIDTH};
use crate::ir::operator::{BinaryOp, UnaryOp};
use crate::ir::value::{EvalError, Evaluated, Value, mask, type_error};

/// Rotates to the left by a number of places, to the right where it is negative.
fn rotate(value: Value, by: i128) -> Evaluated {
    let (bits, width) = match value {
        Value::Integer(integer) => (integer.word(), integer.width()),
        _ => match as_bits(value) {
            Some(found) => found,
            None => {
                return type_error(
                    "only bit registers, angles and integers of a declared type can be rotated",
                );
            }
        },
    };
    let by = u32::try_from(by.rem_euclid(i128::from(width))).unwrap_or(0);
    let high = bits.checked_shl(by).unwrap_or(0);
    let low = bits.checked_shr(width - by).unwrap_or(0);
    let rotated = (high | low) & mask(width);
    Ok(match value {
        Value::Angle { .. } => Value::angle(rotated, width),
        Value::Integer(integer) => {
            Value::Integer(Integer::new(rotated, width, integer.is_signed()))
        }
        _ => Value::Bits {
            value: rotated,
            width,
        },
    })
}

/// The number of ones, a `uint`.
fn population(value: Value) -> Evaluated {
    let bits = match value {
        Value::Integer(integer) => integer.word(),
        Value::Int(number) if number >= 0 => number.unsigned_abs(),
        _ => match as_bits(value) {
            Some((bits, _)) => bits,
            None => return type_error("`popcount` is for bit registers and unsigned integers"),
        },
    };
    let ones = u128::from(bits.count_ones());
    Ok(Value::Integer(Integer::new(ones, MACHINE_WIDTH, false)))
}

/// The absolute value, in the type of the value.
fn distance(value: Value) -> Evaluated {
    match value.numeric() {
        Value::Complex(number) => finite(number.re.hypot(number.im)),
        Value::Float(number) => Ok(Value::Float(number.abs())),
        Value::Integer(integer) if !integer.is_signed() => Ok(Value::Integer(integer)),
        whole @ (Value::Integer(_) | Value::Int(_)) if whole.as_int()? < 0 => {
            unary(UnaryOp::Negate, whole)
        }
        Value::Int(number) if !matches!(value, Value::Int(_)) => {
            Ok(Value::Integer(Integer::machine(number)))
        }
        whole @ (Value::Integer(_) | Value::Int(_)) => Ok(whole),
        other => finite(other.as_real()?.abs()),
    }
}

/// `e` to a power, or the principal square root.
fn complex(function: Function, value: Complex) -> Evaluated {
    let (size, turn) = match function {
        Function::Exp => (value.re.exp(), value.im),
        _ => (value.re.hypot(value.im).sqrt(), value.arg() / 2.0),
    };
    finite(size)?;
    Ok(Value::Complex(Complex::cis(turn).scale(size)))
}

/// A built-in function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the functions of OpenQASM")]
pub enum Function {
    Abs,
    Arccos,
    Arcsin,
    Arctan,
    Ceiling,
    Conj,
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
    Sign,
    Sin,
    Sqrt,
    Tan,
}

impl Function {
    /// Finds a function of either version by its name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "abs" => Self::Abs,
            "arccos" | "acos" => Self::Arccos,
            "arcsin" | "asin" => Self::Arcsin,
            "arctan" | "atan" => Self::Arctan,
            "ceiling" => Self::Ceiling,
            "conj" => Self::Conj,
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
            "sign" => Self::Sign,
            "sin" => Self::Sin,
            "sqrt" => Self::Sqrt,
            "tan" => Self::Tan,
            _ => return None,
        })
    }

    /// The number of its arguments.
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
            (Self::Rotl, [value, by]) => rotate(*value, by.numeric().as_int()?),
            (Self::Rotr, [value, by]) => rotate(*value, by.numeric().as_int()?.saturating_neg()),
            (Self::Popcount, [value]) => population(*value),
            (Self::Abs, [value]) => distance(*value),
            (Self::Conj, [Value::Complex(number)]) => Ok(Value::Complex(number.conj())),
            (Self::Conj, [value]) => Ok(Value::Float(value.as_real()?)),
            (Self::Exp | Self::Sqrt, [Value::Complex(number)]) => complex(self, *number),
            (Self::Real, [value]) => Ok(Value::Float(value.as_complex()?.re)),
            (Self::Imag, [value]) => Ok(Value::Float(value.as_complex()?.im)),
            (_, [value]) => finite(self.real(value.numeric().as_real()?)),
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
            // Not `signum`, which returns 1 for 0.
            Self::Sign if x == 0.0 => 0.0,
            Self::Sign => x.signum(),
            Self::Sin => x.sin(),
            Self::Sqrt => x.sqrt(),
            Self::Tan => x.tan(),
            Self::Abs
            | Self::Conj
            | Self::Imag
            | Self::Mod
            | Self::Popcount
            | Self::Pow
            | Self::Real
            | Self::Rotl
            | Self::Rotr => f64::NAN,
        }
    }
}
