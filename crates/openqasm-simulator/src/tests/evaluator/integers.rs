//! Arithmetic on integers, powers, shifts and operations on bits.

use crate::tests::evaluator::value::Value::{
    Angle, Bits, Bool, Complex, Duration, Exact, Float, Integer,
};
use crate::tests::evaluator::value::{
    Failure, Result, Value, integer, number, product, reduce, whole,
};

/// How many binary digits a number has that is not negative.
fn digits(value: i128) -> u32 {
    i128::BITS - value.max(0).leading_zeros()
}

/// Two numbers in one type: sign, width, values. Without a type where neither has one.
type Pair = (Option<(bool, u32)>, i128, i128);

/// Whether neither is a boolean or a bit, which are `int` unless they stand beside another type.
fn literals(left: Value, right: Value) -> bool {
    matches!((left, right), (Exact(_), Exact(_)))
}

/// The type of a literal beside one of a declared type.
fn typed(literal: i128, signed: bool, width: u32) -> (bool, u32) {
    if !signed && literal >= 0 {
        (false, width.max(digits(literal)))
    } else {
        (true, 64)
    }
}

pub fn pair(left: Value, right: Value) -> Result<Pair> {
    let of = |value| match value {
        Exact(value) => Ok((None, value)),
        Integer {
            signed,
            width,
            value,
        } => Ok((Some((signed, width)), value)),
        _ => Err(Failure::Kind),
    };
    let ((own, a), (other, b)) = (of(number(left))?, of(number(right))?);
    let (left, right) = match (own, other) {
        (None, None) if literals(left, right) => return Ok((None, a, b)),
        (None, None) => return Ok((Some((true, 64)), a, b)),
        (None, Some((signed, width))) => (typed(a, signed, width), (signed, width)),
        (Some((signed, width)), None) => ((signed, width), typed(b, signed, width)),
        (Some(left), Some(right)) => (left, right),
    };
    let width = left.1.max(right.1);
    let signed = match (left.0, right.0) {
        (true, false) => left.1 > right.1,
        (false, true) => right.1 > left.1,
        (signed, _) => signed,
    };
    Ok((
        Some((signed, width)),
        reduce(a, signed, width),
        reduce(b, signed, width),
    ))
}

pub fn arithmetic(op: &str, left: Value, right: Value) -> Result<Value> {
    let (ty, a, b) = pair(left, right)?;
    if matches!(op, "/" | "%") && b == 0 {
        return Err(Failure::Value);
    }
    let Some((signed, width)) = ty else {
        // Exact numbers are kept small by those who generate them.
        return Ok(Exact(match op {
            "+" => a + b,
            "-" => a - b,
            "*" => a.checked_mul(b).ok_or(Failure::Value)?,
            "/" => a / b,
            _ => a % b,
        }));
    };
    let result = match op {
        "+" => a + b,
        "-" => a - b,
        "*" => product(a, b, width),
        "/" => a / b,
        _ => a % b,
    };
    Ok(integer(result, signed, width))
}

/// A power of a whole number with an exponent that is not negative.
pub fn power(left: Value, right: Value) -> Result<Value> {
    let (base, exponent) = (left, right);
    let times = whole(exponent)?;
    if !(0..=70).contains(&times) {
        return Err(Failure::Value);
    }
    let (signed, width, value) = match (number(base), number(exponent)) {
        (Exact(base), Exact(_)) if literals(left, right) => {
            let result = (0..times).try_fold(1_i128, |result, _| result.checked_mul(base));
            let result = result.filter(|result| result.abs() < 1 << 100);
            return result.map(Exact).ok_or(Failure::Value);
        }
        (Exact(base), _) => (true, 64, base),
        (
            Integer {
                signed,
                width,
                value,
            },
            Exact(_),
        ) => (signed, width, value),
        (base @ Integer { .. }, exponent) => match pair(base, exponent)? {
            (Some((signed, width)), value, _) => (signed, width, value),
            _ => return Err(Failure::Kind),
        },
        _ => return Err(Failure::Kind),
    };
    let result = (0..times).fold(1, |result, _| product(result, value, width));
    Ok(integer(result, signed, width))
}

pub fn bitwise(op: &str, left: Value, right: Value) -> Result<Value> {
    let apply = |a: i128, b: i128| match op {
        "&" => a & b,
        "|" => a | b,
        _ => a ^ b,
    };
    let bits = |value| match value {
        Bool(value) => Some((1, i128::from(value))),
        Bits { width, value } => Some((width, value)),
        _ => None,
    };
    match (left, right) {
        (
            Angle { width, value },
            Angle {
                width: other,
                value: b,
            },
        ) if width == other => Ok(Angle {
            width,
            value: apply(value, b),
        }),
        (Angle { .. } | Float(_) | Complex(_) | Duration(_), _)
        | (_, Angle { .. } | Float(_) | Complex(_) | Duration(_)) => Err(Failure::Kind),
        _ => {
            if let (Some((a, left)), Some((b, right))) = (bits(left), bits(right)) {
                return Ok(Bits {
                    width: a.max(b),
                    value: apply(left, right),
                });
            }
            match pair(left, right)? {
                (None, a, b) => Ok(Exact(apply(a, b))),
                (Some((signed, width)), a, b) => Ok(integer(apply(a, b), signed, width)),
            }
        }
    }
}

/// Shifts multiply and divide by powers of two, the quotient rounded down.
pub fn shift(op: &str, left: Value, right: Value) -> Result<Value> {
    let by = whole(right)?;
    if !(0..=60).contains(&by) {
        return Err(Failure::Value);
    }
    let moved = |value: i128, width: u32| {
        if op == "<<" {
            product(value, 1 << by, width)
        } else {
            value.div_euclid(1 << by)
        }
    };
    match left {
        Integer {
            signed,
            width,
            value,
        } => Ok(integer(moved(value, width), signed, width)),
        Bits { width, value } => Ok(Bits {
            width,
            value: moved(value, width),
        }),
        Angle { width, value } => Ok(Angle {
            width,
            value: moved(value, width),
        }),
        Exact(value) if !matches!(right, Exact(_)) => Ok(integer(moved(value, 64), true, 64)),
        _ => Err(Failure::Kind),
    }
}
