//! The operators, by the types of their operands.

use crate::tests::evaluator::value::Value::{
    Angle, Bits, Bool, Complex, Duration, Exact, Float, Integer,
};
use crate::tests::evaluator::value::{
    Failure, Result, Value, angle, integer, modulus, number, real, truth,
};
use crate::tests::evaluator::{angles, integers, reals};

pub fn binary(op: &str, left: Value, right: Value) -> Result<Value> {
    match op {
        "||" => Ok(Bool(truth(left)? | truth(right)?)),
        "&&" => Ok(Bool(truth(left)? & truth(right)?)),
        "|" | "^" | "&" => integers::bitwise(op, left, right),
        "<<" | ">>" => integers::shift(op, left, right),
        "+" | "-" | "*" | "/" | "%" | "**" => arithmetic(op, left, right),
        _ => compare(op, left, right),
    }
}

pub fn arithmetic(op: &str, left: Value, right: Value) -> Result<Value> {
    match (left, right) {
        (Duration(_), _) | (_, Duration(_)) => reals::duration_arithmetic(op, left, right),
        (Angle { .. }, _) | (_, Angle { .. }) => angles::arithmetic(op, left, right),
        (Complex(_), _) | (_, Complex(_)) => reals::complex_arithmetic(op, left, right),
        (Float(_), _) | (_, Float(_)) => reals::arithmetic(op, left, right),
        _ if op == "**" => integers::power(left, right),
        _ => integers::arithmetic(op, left, right),
    }
}

pub fn compare(op: &str, left: Value, right: Value) -> Result<Value> {
    let order = match (left, right) {
        (Duration(a), Duration(b)) => a.partial_cmp(&b).ok_or(Failure::Value)?,
        (Duration(_), _) | (_, Duration(_)) => return Err(Failure::Kind),
        (Complex(_), _) | (_, Complex(_)) => return same(op, left, right),
        (Angle { .. }, _) | (_, Angle { .. }) => {
            let (a, b, _) = angles::together(left, right)?;
            a.cmp(&b)
        }
        (Float(_), _) | (_, Float(_)) => real(left)?
            .partial_cmp(&real(right)?)
            .ok_or(Failure::Value)?,
        _ => {
            let (_, a, b) = integers::pair(left, right)?;
            a.cmp(&b)
        }
    };
    Ok(Bool(match op {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    }))
}

/// Complex numbers have no order.
fn same(op: &str, left: Value, right: Value) -> Result<Value> {
    let (a, b) = (reals::complex(left)?, reals::complex(right)?);
    if a.rough | b.rough {
        return Err(Failure::Value);
    }
    let same = a.re == b.re && a.im == b.im;
    match op {
        "==" => Ok(Bool(same)),
        "!=" => Ok(Bool(!same)),
        _ => Err(Failure::Kind),
    }
}

pub fn unary(op: &str, value: Value) -> Result<Value> {
    match (op, value) {
        ("!", _) => Ok(Bool(!truth(value)?)),
        ("-", _) => negated(value),
        (_, Bool(value)) => Ok(Bool(!value)),
        (_, Bits { width, value }) => Ok(Bits {
            width,
            value: modulus(width) - 1 - value,
        }),
        (_, Angle { width, value }) => Ok(angle(-1 - value, width)),
        (
            _,
            Integer {
                signed,
                width,
                value,
            },
        ) => Ok(integer(-1 - value, signed, width)),
        (_, Exact(value)) => Ok(Exact(-1 - value)),
        _ => Err(Failure::Kind),
    }
}

fn negated(value: Value) -> Result<Value> {
    match (value, number(value)) {
        (Angle { width, value }, _) => Ok(angle(-value, width)),
        (Float(value), _) => Ok(Float(-value)),
        (Duration(length), _) => Ok(Duration(-length)),
        (Complex(z), _) => reals::checked(-z.re, -z.im, z.rough),
        (Exact(value), _) => Ok(Exact(-value)),
        (_, Exact(value)) => Ok(integer(-value, true, 64)),
        (
            _,
            Integer {
                signed,
                width,
                value,
            },
        ) => Ok(integer(-value, signed, width)),
        _ => Err(Failure::Kind),
    }
}
