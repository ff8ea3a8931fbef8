//! Real and complex numbers, and durations.

use crate::tests::evaluator::value::Value::{Bool, Duration, Exact, Float, Integer};
use crate::tests::evaluator::value::{Complex, Failure, Result, Value, finite, real};

/// Most that a part of a number known but for rounding may be, so that an absolute tolerance tells it.
const LARGEST_ROUGH: f64 = 1e3;

/// A number of a standard type as a complex one.
pub fn complex(value: Value) -> Result<Complex> {
    match value {
        Value::Complex(value) => Ok(value),
        Bool(_) | Exact(_) | Integer { .. } | Float(_) => Ok(Complex {
            re: real(value)?,
            im: 0.0,
            rough: false,
        }),
        _ => Err(Failure::Kind),
    }
}

pub fn checked(re: f64, im: f64, rough: bool) -> Result<Value> {
    let largest = if rough { LARGEST_ROUGH } else { f64::MAX };
    if re.abs() <= largest && im.abs() <= largest {
        Ok(Value::Complex(Complex { re, im, rough }))
    } else {
        Err(Failure::Value)
    }
}

pub fn complex_arithmetic(op: &str, left: Value, right: Value) -> Result<Value> {
    let (a, b) = (complex(left)?, complex(right)?);
    let rough = a.rough | b.rough;
    match op {
        "+" => checked(a.re + b.re, a.im + b.im, rough),
        "-" => checked(a.re - b.re, a.im - b.im, rough),
        // Errors must not grow.
        _ if rough => Err(Failure::Value),
        "*" => checked(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re, false),
        "/" => {
            let norm = b.re * b.re + b.im * b.im;
            if norm == 0.0 || norm.is_infinite() {
                return Err(Failure::Value);
            }
            let re = (a.re * b.re + a.im * b.im) / norm;
            checked(re, (a.im * b.re - a.re * b.im) / norm, true)
        }
        "**" => complex_power(a, b),
        _ => Err(Failure::Kind),
    }
}

/// The principal value of `exp(b ln a)`. At 0 and on the cut of the logarithm, where the sign of a
/// zero decides, there is none here.
fn complex_power(a: Complex, b: Complex) -> Result<Value> {
    let size = a.re.hypot(a.im);
    if a.im == 0.0 && a.re <= 0.0 || size > 1e6 {
        return Err(Failure::Value);
    }
    let (log, turn) = (size.ln(), a.im.atan2(a.re));
    let exponent = b.re * log - b.im * turn;
    let phase = b.re * turn + b.im * log;
    if phase.abs() > 1e3 {
        return Err(Failure::Value);
    }
    let scale = exponent.exp();
    checked(scale * phase.cos(), scale * phase.sin(), true)
}

pub fn arithmetic(op: &str, left: Value, right: Value) -> Result<Value> {
    let (a, b) = (real(left)?, real(right)?);
    match op {
        "+" => finite(a + b),
        "-" => finite(a - b),
        "*" => finite(a * b),
        "/" if b == 0.0 => Err(Failure::Value),
        "/" => finite(a / b),
        "**" => finite(a.powf(b)),
        _ => Err(Failure::Kind),
    }
}

/// Durations are added, multiplied and divided by numbers; their ratio is a number.
pub fn duration_arithmetic(op: &str, left: Value, right: Value) -> Result<Value> {
    let factor = |value| match value {
        Exact(_) | Integer { .. } | Float(_) => real(value),
        _ => Err(Failure::Kind),
    };
    let (length, is_ratio) = match (op, left, right) {
        ("+", Duration(a), Duration(b)) => (a + b, false),
        ("-", Duration(a), Duration(b)) => (a - b, false),
        ("*", Duration(a), other) | ("*", other, Duration(a)) => (a * factor(other)?, false),
        ("/", Duration(_), Duration(0.0)) => return Err(Failure::Value),
        ("/", Duration(a), Duration(b)) => (a / b, true),
        ("/", Duration(a), other) => {
            let divisor = factor(other)?;
            if divisor == 0.0 {
                return Err(Failure::Value);
            }
            (a / divisor, false)
        }
        _ => return Err(Failure::Kind),
    };
    match finite(length)? {
        Float(length) if !is_ratio => Ok(Duration(length)),
        ratio => Ok(ratio),
    }
}
