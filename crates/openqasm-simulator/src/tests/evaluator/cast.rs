//! Casts and assignments.

use crate::tests::evaluator::value::Value::{
    Angle, Bits, Bool, Complex, Duration, Exact, Float, Integer,
};
use crate::tests::evaluator::value::{
    Failure, Kind, Result, Value, finite, integer, modulus, number, real, reduce, truth,
};
use crate::tests::evaluator::{angles, reals};

pub fn cast(kind: Kind, value: Value) -> Result<Value> {
    match kind {
        Kind::Bool => Ok(Bool(truth(value)?)),
        Kind::Float(width) => to_float(width, value),
        Kind::Integer { signed, width } => to_integer(signed, width, value),
        Kind::Bits(width) => to_bits(width, value),
        Kind::Angle(width) => match value {
            Angle { width: own, value } => Ok(angles::resized(value, own, width)),
            Bits { width: own, value } if own == width => Ok(Angle { width, value }),
            Float(radians) => angles::nearest(radians, width),
            _ => Err(Failure::Kind),
        },
        Kind::Complex => reals::complex(value).map(Complex),
        Kind::Duration => match value {
            Duration(_) => Ok(value),
            _ => Err(Failure::Kind),
        },
    }
}

fn to_float(width: u32, value: Value) -> Result<Value> {
    let value = real(number(value))?;
    #[allow(clippy::cast_possible_truncation, reason = "as the type asks for")]
    match width {
        32 => finite(f64::from(value as f32)),
        _ => finite(value),
    }
}

fn to_integer(signed: bool, width: u32, value: Value) -> Result<Value> {
    match value {
        Bits { value, .. } => Ok(integer(value, signed, width)),
        Float(value) => {
            #[allow(clippy::cast_possible_truncation, reason = "checked by what follows")]
            let whole = value.trunc() as i128;
            if reduce(whole, signed, width) == whole {
                Ok(integer(whole, signed, width))
            } else {
                Err(Failure::Value)
            }
        }
        _ => match number(value) {
            Exact(value) | Integer { value, .. } => Ok(integer(value, signed, width)),
            _ => Err(Failure::Kind),
        },
    }
}

fn to_bits(width: u32, value: Value) -> Result<Value> {
    match value {
        Bits { width: own, value } | Angle { width: own, value } if own == width => {
            Ok(Bits { width, value })
        }
        Integer {
            width: own, value, ..
        } if own == width => Ok(Bits {
            width,
            value: reduce(value, false, width),
        }),
        Bool(_) | Exact(_) | Integer { .. } => match number(value) {
            Exact(value) | Integer { value, .. } if (0..modulus(width)).contains(&value) => {
                Ok(Bits { width, value })
            }
            _ => Err(Failure::Value),
        },
        _ => Err(Failure::Kind),
    }
}

/// As a cast, but a float stays one, and a number without a type must fit.
pub fn assign(kind: Kind, value: Value) -> Result<Value> {
    match (kind, value) {
        (Kind::Integer { width, .. }, Bits { width: own, .. }) if own > width => Err(Failure::Kind),
        (Kind::Integer { .. }, Float(_)) => Err(Failure::Kind),
        (Kind::Integer { signed, width }, Exact(value))
            if reduce(value, signed, width) != value =>
        {
            Err(Failure::Value)
        }
        _ => cast(kind, value),
    }
}
