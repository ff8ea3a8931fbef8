//! Values and their arithmetic, written from the text of `docs/circuits.md` and the specification:
//! numbers are exact integers that are reduced to their type after each operation.

/// Why an expression has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The operands never fit: the program would be refused.
    Kind,
    /// These values have no result.
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
    Float,
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
}

use Value::{Angle, Bits, Bool, Exact, Float, Integer};

fn modulus(width: u32) -> i128 {
    1 << width
}

/// The number of that type which is congruent to it.
fn reduce(value: i128, signed: bool, width: u32) -> i128 {
    let rest = value.rem_euclid(modulus(width));
    if signed && rest >= modulus(width) / 2 {
        rest - modulus(width)
    } else {
        rest
    }
}

fn integer(value: i128, signed: bool, width: u32) -> Value {
    Integer {
        signed,
        width,
        value: reduce(value, signed, width),
    }
}

/// A product that may need more than 127 bits, modulo `2^width`.
fn product(a: i128, b: i128, width: u32) -> i128 {
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

fn real(value: Value) -> Result<f64> {
    #[allow(clippy::cast_precision_loss, reason = "as a conversion to float does")]
    match value {
        Float(value) => Ok(value),
        Exact(value) | Integer { value, .. } | Bits { value, .. } => Ok(value as f64),
        Bool(value) => Ok(f64::from(u8::from(value))),
        Angle { .. } => Err(Failure::Kind),
    }
}

/// Booleans and single bits are exact numbers, registers unsigned integers.
fn number(value: Value) -> Value {
    match value {
        Bool(value) => Exact(i128::from(value)),
        Bits { width: 1, value } => Exact(value),
        Bits { width, value } => integer(value, false, width),
        other => other,
    }
}

pub fn truth(value: Value) -> bool {
    match value {
        Bool(value) => value,
        Exact(value) | Integer { value, .. } | Bits { value, .. } | Angle { value, .. } => {
            value != 0
        }
        Float(value) => value != 0.0,
    }
}

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

fn pair(left: Value, right: Value) -> Result<Pair> {
    let typed = |literal: i128, signed: bool, width: u32| {
        if !signed && literal >= 0 {
            (false, width.max(digits(literal)))
        } else {
            (true, 64)
        }
    };
    let (a, b, left, right) = match (number(left), number(right)) {
        (Exact(a), Exact(b)) if literals(left, right) => return Ok((None, a, b)),
        (Exact(a), Exact(b)) => return Ok((Some((true, 64)), a, b)),
        (
            Exact(a),
            Integer {
                signed,
                width,
                value,
            },
        ) => (a, value, typed(a, signed, width), (signed, width)),
        (
            Integer {
                signed,
                width,
                value,
            },
            Exact(b),
        ) => (value, b, (signed, width), typed(b, signed, width)),
        (
            Integer {
                signed,
                width,
                value,
            },
            Integer {
                signed: other,
                width: wide,
                value: b,
            },
        ) => (value, b, (signed, width), (other, wide)),
        _ => return Err(Failure::Kind),
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

fn finite(value: f64) -> Result<Value> {
    if value.is_finite() {
        Ok(Float(value))
    } else {
        Err(Failure::Value)
    }
}

pub fn arithmetic(op: &str, left: Value, right: Value) -> Result<Value> {
    if let (Angle { .. }, _) | (_, Angle { .. }) = (left, right) {
        return turned(op, left, right);
    }
    if let (Float(_), _) | (_, Float(_)) = (left, right) {
        let (a, b) = (real(left)?, real(right)?);
        return match op {
            "+" => finite(a + b),
            "-" => finite(a - b),
            "*" => finite(a * b),
            "/" if b == 0.0 => Err(Failure::Value),
            "/" => finite(a / b),
            _ => Err(Failure::Kind),
        };
    }
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
    Ok(integer(
        match op {
            "+" => a + b,
            "-" => a - b,
            "*" => product(a, b, width),
            "/" => a / b,
            _ => a % b,
        },
        signed,
        width,
    ))
}

/// Angles are unsigned integers of their width; sums only with angles, products with integers.
fn turned(op: &str, left: Value, right: Value) -> Result<Value> {
    let angle = |value: i128, width: u32| Angle {
        width,
        value: reduce(value, false, width),
    };
    match (op, left, right) {
        (
            "+" | "-" | "/" | "%",
            Angle { width, value },
            Angle {
                width: other,
                value: b,
            },
        ) if width == other => match op {
            "+" => Ok(angle(value + b, width)),
            "-" => Ok(angle(value - b, width)),
            _ if b == 0 => Err(Failure::Value),
            "/" => Ok(integer(value / b, false, width)),
            _ => Ok(angle(value % b, width)),
        },
        ("*", Angle { width, value }, Integer { value: b, .. })
        | ("*", Integer { value: b, .. }, Angle { width, value }) => {
            Ok(angle(product(value, b, width), width))
        }
        ("/", Angle { .. }, Integer { value: 0, .. }) => Err(Failure::Value),
        (
            "/",
            Angle { width, value },
            Integer {
                signed: false,
                value: b,
                ..
            },
        ) => Ok(angle(value / b, width)),
        _ => Err(Failure::Kind),
    }
}

/// A power with an exponent that is not negative.
pub fn power(left: Value, right: Value) -> Result<Value> {
    let (base, exponent) = (left, right);
    let (Exact(times) | Integer { value: times, .. }) = number(exponent) else {
        return Err(Failure::Kind);
    };
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

pub fn compare(op: &str, left: Value, right: Value) -> Result<Value> {
    let order = match (left, right) {
        (
            Angle { width, value },
            Angle {
                width: other,
                value: b,
            },
        ) if width == other => value.cmp(&b),
        (Angle { .. }, _) | (_, Angle { .. }) => return Err(Failure::Kind),
        (Float(_), _) | (_, Float(_)) => real(left)?
            .partial_cmp(&real(right)?)
            .ok_or(Failure::Value)?,
        _ => {
            let (_, a, b) = pair(left, right)?;
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
        (Angle { .. } | Float(_), _) | (_, Angle { .. } | Float(_)) => Err(Failure::Kind),
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
    let (Exact(by) | Integer { value: by, .. }) = number(right) else {
        return Err(Failure::Kind);
    };
    if by < 0 {
        return Err(Failure::Value);
    }
    if by > 60 {
        return Err(Failure::Value);
    }
    let moved = |value: i128, width: u32| {
        if op == "<<" {
            product(value, 1 << by, width)
        } else {
            value.div_euclid(1 << by)
        }
    };
    match (left, number(right)) {
        (
            Integer {
                signed,
                width,
                value,
            },
            _,
        ) => Ok(integer(moved(value, width), signed, width)),
        (Bits { width, value }, _) => Ok(Bits {
            width,
            value: moved(value, width),
        }),
        (Angle { width, value }, _) => Ok(Angle {
            width,
            value: moved(value, width),
        }),
        (Exact(value), _) if !matches!(right, Exact(_)) => Ok(integer(moved(value, 64), true, 64)),
        _ => Err(Failure::Kind),
    }
}

pub fn unary(op: &str, value: Value) -> Result<Value> {
    match (op, value) {
        ("!", _) => Ok(Bool(!truth(value))),
        ("~", Bool(value)) => Ok(Bool(!value)),
        ("~", Bits { width, value }) => Ok(Bits {
            width,
            value: modulus(width) - 1 - value,
        }),
        ("~", Angle { width, value }) => Ok(Angle {
            width,
            value: modulus(width) - 1 - value,
        }),
        ("-", Angle { width, value }) => Ok(Angle {
            width,
            value: reduce(-value, false, width),
        }),
        (
            "~",
            Integer {
                signed,
                width,
                value,
            },
        ) => Ok(integer(-1 - value, signed, width)),
        ("~", Exact(value)) => Ok(Exact(-1 - value)),
        ("-", Float(value)) => Ok(Float(-value)),
        ("-", other) => match number(other) {
            Integer {
                signed,
                width,
                value,
            } => Ok(integer(-value, signed, width)),
            Exact(value) if !matches!(other, Exact(_)) => Ok(integer(-value, true, 64)),
            Exact(value) => Ok(Exact(-value)),
            _ => Err(Failure::Kind),
        },
        _ => Err(Failure::Kind),
    }
}

pub fn cast(kind: Kind, value: Value) -> Result<Value> {
    match (kind, value) {
        (Kind::Bool, _) => Ok(Bool(truth(value))),
        (Kind::Float | Kind::Integer { .. }, Angle { .. }) | (Kind::Bits(_), Float(_)) => {
            Err(Failure::Kind)
        }
        (Kind::Float, _) => Ok(Float(real(number(value))?)),
        (Kind::Integer { signed, width }, Bits { value, .. }) => Ok(integer(value, signed, width)),
        (Kind::Integer { signed, width }, Float(value)) => {
            #[allow(clippy::cast_possible_truncation, reason = "checked by what follows")]
            let whole = value.trunc() as i128;
            if reduce(whole, signed, width) == whole {
                Ok(integer(whole, signed, width))
            } else {
                Err(Failure::Value)
            }
        }
        (Kind::Integer { signed, width }, _) => match number(value) {
            Exact(value) | Integer { value, .. } => Ok(integer(value, signed, width)),
            _ => Err(Failure::Kind),
        },
        (Kind::Bits(width), Bits { width: own, value } | Angle { width: own, value }) => {
            if own == width {
                Ok(Bits { width, value })
            } else {
                Err(Failure::Kind)
            }
        }
        (
            Kind::Bits(width),
            Integer {
                width: own, value, ..
            },
        ) if own == width => Ok(Bits {
            width,
            value: reduce(value, false, width),
        }),
        (Kind::Bits(width), _) => match number(value) {
            Exact(value) | Integer { value, .. } if (0..modulus(width)).contains(&value) => {
                Ok(Bits { width, value })
            }
            Exact(_) | Integer { .. } => Err(Failure::Value),
            _ => Err(Failure::Kind),
        },
        (Kind::Angle(width), Bits { width: own, value } | Angle { width: own, value })
            if own == width =>
        {
            Ok(Angle { width, value })
        }
        (Kind::Angle(_), _) => Err(Failure::Kind),
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

/// Bits `first` to `last` of a value that has some.
pub fn slice(value: Value, first: u32, last: u32) -> Result<Value> {
    let (Integer { width, value, .. } | Bits { width, value } | Angle { width, value }) = value
    else {
        return Err(Failure::Kind);
    };
    if last >= width || first > last {
        return Err(Failure::Value);
    }
    let count = last - first + 1;
    Ok(Bits {
        width: count,
        value: reduce(value.div_euclid(1 << first), false, count),
    })
}

pub fn call(name: &str, arguments: &[Value]) -> Result<Value> {
    match (name, arguments) {
        (
            "popcount",
            [Bits { value, width } | Angle { value, width } | Integer { value, width, .. }],
        ) => {
            let value = reduce(*value, false, *width);
            let ones = (0..*width).filter(|place| value >> place & 1 == 1).count();
            Ok(integer(ones as i128, false, 64))
        }
        ("rotl" | "rotr", [value, by]) => {
            let (Exact(by) | Integer { value: by, .. }) = number(*by) else {
                return Err(Failure::Kind);
            };
            let turn = |value: i128, width: u32| {
                let left = if name == "rotl" { by } else { -by }.rem_euclid(i128::from(width));
                let unsigned = reduce(value, false, width);
                (0..i128::from(width))
                    .filter(|place| unsigned >> place & 1 == 1)
                    .map(|place| 1_i128 << ((place + left) % i128::from(width)))
                    .sum::<i128>()
            };
            match *value {
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
        ("abs", [Float(value)]) => Ok(Float(value.abs())),
        ("abs", [value]) => match number(*value) {
            Exact(value) if !matches!(arguments, [Exact(_)]) => Ok(integer(value, true, 64)),
            Exact(value) => Ok(Exact(value.abs())),
            Integer {
                signed,
                width,
                value,
            } => Ok(integer(value.abs(), signed, width)),
            _ => Err(Failure::Kind),
        },
        ("mod", [a, b]) => arithmetic("%", *a, *b),
        ("floor", [value]) => Ok(Float(real(*value)?.floor())),
        ("ceiling", [value]) => Ok(Float(real(*value)?.ceil())),
        _ => Err(Failure::Kind),
    }
}
