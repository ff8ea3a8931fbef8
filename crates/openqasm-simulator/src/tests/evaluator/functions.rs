//! Built-in functions, and the bits of values.

use crate::tests::evaluator::value::Value::{Angle, Bits, Complex, Exact, Float, Integer};
use crate::tests::evaluator::value::{
    Failure, Result, Value, finite, integer, number, real, reduce, whole,
};
use crate::tests::evaluator::{angles, operators, reals};

/// Names and numbers of arguments.
pub const FUNCTIONS: [(&str, usize); 15] = [
    ("popcount", 1),
    ("rotl", 2),
    ("rotr", 2),
    ("abs", 1),
    ("mod", 2),
    ("floor", 1),
    ("ceiling", 1),
    ("real", 1),
    ("imag", 1),
    ("sin", 1),
    ("cos", 1),
    ("arctan", 1),
    ("sqrt", 1),
    ("exp", 1),
    ("log", 1),
];

pub fn call(name: &str, arguments: &[Value]) -> Result<Value> {
    match (name, arguments) {
        ("popcount", [value]) => population(*value),
        ("rotl", [value, by]) => rotated(*value, whole(*by)?),
        ("rotr", [value, by]) => rotated(*value, -whole(*by)?),
        ("abs", [value]) => distance(*value),
        ("mod", [Float(a), Float(b)]) if *b != 0.0 => finite(a % b),
        ("mod", [a, b]) => operators::arithmetic("%", *a, *b),
        ("real" | "imag", [Complex(z)]) if !z.rough => {
            finite(if name == "real" { z.re } else { z.im })
        }
        ("real" | "imag", _) => Err(Failure::Kind),
        (_, [Angle { width, value }]) => match name {
            "sin" => finite(angles::radians(*value, *width).sin()),
            "cos" => finite(angles::radians(*value, *width).cos()),
            _ => Err(Failure::Kind),
        },
        (_, [Complex(z)]) => of_complex(name, *z),
        (_, [value]) => of_real(name, real(*value)?),
        _ => Err(Failure::Kind),
    }
}

fn of_real(name: &str, x: f64) -> Result<Value> {
    match name {
        "floor" => finite(x.floor()),
        "ceiling" => finite(x.ceil()),
        "sin" => finite(x.sin()),
        "cos" => finite(x.cos()),
        "arctan" => finite(x.atan()),
        "exp" => finite(x.exp()),
        "sqrt" if x >= 0.0 => finite(x.sqrt()),
        "log" if x > 0.0 => finite(x.ln()),
        "sqrt" | "log" => Err(Failure::Value),
        _ => Err(Failure::Kind),
    }
}

/// The square root has the half of the argument; on the cut the sign of a zero decides.
fn of_complex(name: &str, z: crate::tests::evaluator::value::Complex) -> Result<Value> {
    if z.rough {
        return Err(Failure::Value);
    }
    match name {
        "sqrt" if z.im == 0.0 && z.re < 0.0 => Err(Failure::Value),
        "sqrt" => {
            let size = z.re.hypot(z.im);
            let re = f64::midpoint(size, z.re).max(0.0).sqrt();
            let im = f64::midpoint(size, -z.re).max(0.0).sqrt();
            reals::checked(re, im.copysign(z.im), true)
        }
        "exp" if z.im.abs() < 1e3 => {
            let size = z.re.exp();
            reals::checked(size * z.im.cos(), size * z.im.sin(), true)
        }
        "exp" => Err(Failure::Value),
        _ => Err(Failure::Kind),
    }
}

fn population(value: Value) -> Result<Value> {
    let (Bits { value, width } | Angle { value, width } | Integer { value, width, .. }) = value
    else {
        return Err(Failure::Kind);
    };
    let value = reduce(value, false, width);
    let ones = (0..width).filter(|place| value >> place & 1 == 1).count();
    Ok(integer(ones as i128, false, 64))
}

/// Rotated towards the higher places.
fn rotated(value: Value, by: i128) -> Result<Value> {
    let turn = |value: i128, width: u32| {
        let width_of = i128::from(width);
        let unsigned = reduce(value, false, width);
        (0..width_of)
            .filter(|place| unsigned >> place & 1 == 1)
            .map(|place| 1_i128 << (place + by).rem_euclid(width_of))
            .sum::<i128>()
    };
    match value {
        Integer {
            signed,
            width,
            value,
        } => Ok(integer(turn(value, width), signed, width)),
        Bits { width, value } => Ok(Bits {
            width,
            value: turn(value, width),
        }),
        Angle { width, value } => Ok(Angle {
            width,
            value: turn(value, width),
        }),
        _ => Err(Failure::Kind),
    }
}

fn distance(value: Value) -> Result<Value> {
    match (value, number(value)) {
        (Float(value), _) => Ok(Float(value.abs())),
        (Exact(value), _) => Ok(Exact(value.abs())),
        (_, Exact(value)) => Ok(integer(value, true, 64)),
        (
            _,
            Integer {
                signed,
                width,
                value,
            },
        ) => Ok(integer(value.abs(), signed, width)),
        _ => Err(Failure::Kind),
    }
}

/// The bits of a value at those places, which count from the end where they are negative.
pub fn select(value: Value, places: &[i128]) -> Result<Value> {
    let (Integer { width, value, .. } | Bits { width, value } | Angle { width, value }) = value
    else {
        return Err(Failure::Kind);
    };
    let mut found = 0;
    for (number, place) in places.iter().enumerate() {
        found |= (value >> wrapped(*place, i128::from(width))? & 1) << number;
    }
    let width = u32::try_from(places.len()).unwrap();
    Ok(Bits {
        width,
        value: found,
    })
}

/// The value with those of its bits replaced.
pub fn insert(value: Value, places: &[i128], bits: i128) -> Result<Value> {
    let replaced = |mut value: i128, width: u32| {
        for (number, place) in places.iter().enumerate() {
            let bit = 1 << wrapped(*place, i128::from(width))?;
            value = reduce(value, false, width) & !bit;
            value |= if bits >> number & 1 == 1 { bit } else { 0 };
        }
        Ok(value)
    };
    match value {
        Integer {
            signed,
            width,
            value,
        } => Ok(integer(replaced(value, width)?, signed, width)),
        Bits { width, value } => Ok(Bits {
            width,
            value: replaced(value, width)?,
        }),
        Angle { width, value } => Ok(Angle {
            width,
            value: replaced(value, width)?,
        }),
        _ => Err(Failure::Kind),
    }
}

/// An index that may count from the end.
pub fn wrapped(index: i128, size: i128) -> Result<i128> {
    let place = if index < 0 { index + size } else { index };
    if (0..size).contains(&place) {
        Ok(place)
    } else {
        Err(Failure::Value)
    }
}
