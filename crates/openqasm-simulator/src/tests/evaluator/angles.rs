//! Angles: unsigned integers that count parts of a turn.

use crate::tests::evaluator::value::Value::{Angle, Exact, Float, Integer};
use crate::tests::evaluator::value::{Failure, Result, Value, angle, integer, product};
use std::f64::consts::TAU;

/// An angle of another width: zeros below where it is wider, the highest bits where it is narrower.
pub fn resized(value: i128, from: u32, to: u32) -> Value {
    let value = if to >= from {
        value << (to - from)
    } else {
        value >> (from - to)
    };
    angle(value, to)
}

/// The angle that is nearest to so many radians, of two the even one.
pub fn nearest(radians: f64, width: u32) -> Result<Value> {
    // A double does not tell the lowest bits of wide angles.
    if width > 32 || radians.abs() > 1e3 {
        return Err(Failure::Value);
    }
    let parts = radians / TAU * 2_f64.powi(width.cast_signed());
    let below = parts.floor();
    let rest = parts - below;
    // Rounding must not decide.
    if rest != 0.5 && (rest - 0.5).abs() < 1e-4 {
        return Err(Failure::Value);
    }
    #[allow(clippy::cast_possible_truncation, reason = "below 2^42")]
    let below = below as i128;
    let up = rest > 0.5 || rest == 0.5 && below.rem_euclid(2) == 1;
    Ok(angle(below + i128::from(up), width))
}

pub fn radians(value: i128, width: u32) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "an angle is rounded then")]
    let parts = value as f64;
    parts * TAU / 2_f64.powi(width.cast_signed())
}

/// Both as angles of the wider type, a real number as radians.
pub fn together(left: Value, right: Value) -> Result<(i128, i128, u32)> {
    let (a, b, width) = match (left, right) {
        (
            Angle { width, value },
            Angle {
                width: other,
                value: b,
            },
        ) => {
            let wide = width.max(other);
            (resized(value, width, wide), resized(b, other, wide), wide)
        }
        (Angle { width, .. }, Float(radians)) => (left, nearest(radians, width)?, width),
        (Float(radians), Angle { width, .. }) => (nearest(radians, width)?, right, width),
        _ => return Err(Failure::Kind),
    };
    match (a, b) {
        (Angle { value: a, .. }, Angle { value: b, .. }) => Ok((a, b, width)),
        _ => Err(Failure::Kind),
    }
}

pub fn arithmetic(op: &str, left: Value, right: Value) -> Result<Value> {
    match (op, left, right) {
        ("+" | "-", ..) => {
            let (a, b, width) = together(left, right)?;
            Ok(angle(if op == "+" { a + b } else { a - b }, width))
        }
        ("/" | "%", Angle { .. }, Angle { .. }) => {
            let (a, b, width) = together(left, right)?;
            match op {
                _ if b == 0 => Err(Failure::Value),
                "/" => Ok(integer(a / b, false, width)),
                _ => Ok(angle(a % b, width)),
            }
        }
        ("*", Angle { width, value }, Integer { value: b, .. } | Exact(b))
        | ("*", Integer { value: b, .. } | Exact(b), Angle { width, value }) => {
            Ok(angle(product(value, b, width), width))
        }
        ("/", Angle { .. }, Integer { value: 0, .. } | Exact(0)) => Err(Failure::Value),
        (
            "/",
            Angle { width, value },
            Exact(b)
            | Integer {
                signed: false,
                value: b,
                ..
            },
        ) if b > 0 => Ok(angle(value / b, width)),
        _ => Err(Failure::Kind),
    }
}
