//! Operators on classical values.

use crate::ir::complex::Complex;
use crate::ir::integer::Integer;
use crate::ir::operator::{BinaryOp, UnaryOp};
use crate::ir::value::{EvalError, Evaluated, Type, Value, domain_error, mask, type_error};

/// Applies an operator with one operand.
pub fn unary(op: UnaryOp, value: Value) -> Evaluated {
    match (op, value) {
        (UnaryOp::Not, _) => Ok(Value::Bool(!value.truth()?)),
        (UnaryOp::Negate, Value::Float(number)) => Ok(Value::Float(-number)),
        (UnaryOp::Negate, Value::Angle { value, width }) => {
            Ok(Value::angle(u128::from(value.wrapping_neg()), width))
        }
        (UnaryOp::Invert, Value::Angle { value, width }) => {
            Ok(Value::angle(u128::from(!value), width))
        }
        (UnaryOp::Negate, Value::Complex(number)) => Ok(Value::Complex(-number)),
        (UnaryOp::Negate, Value::Duration(length)) => Ok(Value::Duration(-length)),
        (UnaryOp::Negate, _) => match value.numeric() {
            Value::Integer(integer) => Ok(Value::Integer(integer.negated())),
            Value::Int(number) if matches!(value, Value::Int(_)) => checked(number.checked_neg()),
            Value::Int(number) => Ok(machine(-number)),
            _ => type_error(format!("{} has no sign", value.described())),
        },
        (UnaryOp::Invert, Value::Bits { value, width }) => Ok(Value::Bits {
            value: !value & mask(width),
            width,
        }),
        (UnaryOp::Invert, Value::Bool(value)) => Ok(Value::Bool(!value)),
        (UnaryOp::Invert, Value::Integer(integer)) => Ok(Value::Integer(integer.inverted())),
        (UnaryOp::Invert, Value::Int(number)) => Ok(Value::Int(!number)),
        (UnaryOp::Invert, _) => type_error(format!(
            "`~` is for integers, bit registers and angles, this is {}",
            value.described()
        )),
    }
}

/// Applies an operator with two operands.
pub fn binary(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    use BinaryOp as Op;
    match op {
        Op::And => Ok(Value::Bool(left.truth()? & right.truth()?)),
        Op::Or => Ok(Value::Bool(left.truth()? | right.truth()?)),
        Op::Equal | Op::NotEqual | Op::Less | Op::LessEqual | Op::Greater | Op::GreaterEqual => {
            compare(op, left, right)
        }
        Op::BitAnd | Op::BitOr | Op::BitXor => bitwise(op, left, right),
        Op::ShiftLeft | Op::ShiftRight => shift(op, left, right),
        _ => match (left.numeric(), right.numeric()) {
            (Value::Complex(_), _) | (_, Value::Complex(_)) => complex(op, left, right),
            (Value::Duration(_), _) | (_, Value::Duration(_)) => lasting(op, left, right),
            (Value::Angle { .. }, right) => angular(op, left, right),
            (left, Value::Angle { .. }) => angular(op, left, right),
            (Value::Int(a), Value::Int(b)) if are_literals(left, right) => integer(op, a, b),
            (Value::Int(a), Value::Int(b)) => typed(op, machine(a), machine(b)),
            (Value::Float(a), right) => real(op, a, right.as_real()?),
            (left, Value::Float(b)) => real(op, left.as_real()?, b),
            (left, right) => typed(op, left, right),
        },
    }
}

/// Whether the type of both is still open. Booleans and single bits are `int` unless the other operand has a type:
/// the type must not depend on their values.
fn are_literals(left: Value, right: Value) -> bool {
    matches!((left, right), (Value::Int(_), Value::Int(_)))
}

fn machine(number: i128) -> Value {
    Value::Integer(Integer::machine(number))
}

/// Arithmetic on integers, at least one of which has a type.
fn typed(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    match op {
        BinaryOp::DivideReal => real(op, left.as_real()?, right.as_real()?),
        BinaryOp::Power => typed_power(left, right),
        _ => {
            let Some((a, b)) = together(left, right) else {
                return type_error("no arithmetic on these values");
            };
            match a.combined(op, b) {
                Some(result) => Ok(Value::Integer(result)),
                None => domain_error("division by zero"),
            }
        }
    }
}

/// The exponent does not change the type of the base, unless its own type is greater.
fn typed_power(base: Value, exponent: Value) -> Evaluated {
    let power = match exponent {
        Value::Integer(integer) => match integer.value() {
            Some(value) => u128::try_from(value),
            None => Ok(integer.word()),
        },
        other => u128::try_from(other.as_int()?),
    };
    let Ok(power) = power else {
        return real(BinaryOp::Power, base.as_real()?, exponent.as_real()?);
    };
    let base = match (base, exponent) {
        (Value::Integer(base), Value::Integer(exponent)) => base.together(exponent).0,
        (Value::Integer(base), _) => base,
        (other, _) => Integer::machine(other.as_int()?),
    };
    Ok(Value::Integer(base.power(power)))
}

/// Converts two integers, at least one of which has a type, to their common type.
fn together(left: Value, right: Value) -> Option<(Integer, Integer)> {
    match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => Some(a.together(b)),
        (Value::Integer(a), Value::Int(b)) => Some(a.together(a.literal(b))),
        (Value::Int(a), Value::Integer(b)) => Some(b.literal(a).together(b)),
        _ => None,
    }
}

fn complex(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    let (a, b) = (left.as_complex()?, right.as_complex()?);
    let result = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Divide | BinaryOp::DivideReal if b == Complex::ZERO => {
            return domain_error("division by zero");
        }
        BinaryOp::Divide | BinaryOp::DivideReal => quotient(a, b),
        BinaryOp::Power if b == Complex::ZERO => Complex::ONE,
        BinaryOp::Power if a == Complex::ZERO && b.re <= 0.0 => {
            return domain_error("division by zero");
        }
        BinaryOp::Power if a == Complex::ZERO => a,
        // exp(b ln a)
        BinaryOp::Power => {
            let (size, turn) = (a.re.hypot(a.im).ln(), a.arg());
            Complex::cis(b.im * size + b.re * turn).scale((b.re * size - b.im * turn).exp())
        }
        _ => return type_error("complex numbers have no remainder"),
    };
    if result.re.is_finite() && result.im.is_finite() {
        Ok(Value::Complex(result))
    } else {
        domain_error("the result is infinite")
    }
}

/// The divisor is scaled to a magnitude near 1 first, because its square may overflow.
fn quotient(a: Complex, b: Complex) -> Complex {
    let size = b.re.abs().max(b.im.abs());
    let b = Complex::new(b.re / size, b.im / size);
    let (product, norm) = (a * b.conj(), b.norm2());
    Complex::new(product.re / norm / size, product.im / norm / size)
}

/// Sums and multiples of durations, and their ratio, which is a number.
fn lasting(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    use BinaryOp as Op;
    let (a, b, is_number) = match (op, left, right) {
        (Op::Add | Op::Subtract, Value::Duration(a), Value::Duration(b)) => (a, b, false),
        (Op::Divide | Op::DivideReal, Value::Duration(a), Value::Duration(b)) => (a, b, true),
        (Op::Multiply | Op::Divide | Op::DivideReal, Value::Duration(a), other) => {
            (a, other.as_real()?, false)
        }
        (Op::Multiply, other, Value::Duration(b)) => (other.as_real()?, b, false),
        _ => return type_error("durations can be added, multiplied by a number and divided"),
    };
    if a.is_nan() || b.is_nan() {
        return if is_number {
            unknown_duration()
        } else {
            Ok(Value::Duration(f64::NAN))
        };
    }
    match real(op, a, b)? {
        Value::Float(length) if !is_number => Ok(Value::Duration(length)),
        number => Ok(number),
    }
}

/// A duration that only a schedule determines: a `stretch`, or the duration of gates.
fn unknown_duration() -> Evaluated {
    domain_error("this depends on a duration that only the schedule of a device tells")
}

fn integer(op: BinaryOp, a: i128, b: i128) -> Evaluated {
    match op {
        BinaryOp::Add => checked(a.checked_add(b)),
        BinaryOp::Subtract => checked(a.checked_sub(b)),
        BinaryOp::Multiply => checked(a.checked_mul(b)),
        BinaryOp::Divide | BinaryOp::Remainder if b == 0 => domain_error("division by zero"),
        BinaryOp::Divide => checked(a.checked_div(b)),
        BinaryOp::Remainder => checked(a.checked_rem(b)),
        BinaryOp::Power if b >= 0 => checked(u32::try_from(b).ok().and_then(|b| a.checked_pow(b))),
        _ => real(op, Value::Int(a).as_real()?, Value::Int(b).as_real()?),
    }
}

fn real(op: BinaryOp, a: f64, b: f64) -> Evaluated {
    let result = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::Power => a.powf(b),
        _ if b == 0.0 => return domain_error("division by zero"),
        BinaryOp::Remainder => a % b,
        _ => a / b,
    };
    finite(result)
}

/// Arithmetic on angles wraps at a full turn. Operations without a meaning for turns (a product with a real number, a
/// power) are computed in radians.
fn angular(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    use BinaryOp as Op;
    match (op, left, right) {
        (
            Op::Add | Op::Subtract | Op::Divide | Op::Remainder,
            Value::Angle { width, .. },
            Value::Angle { width: other, .. },
        ) => {
            let width = width.max(other);
            turns(op, word_of(left, width)?, word_of(right, width)?, width)
        }
        (Op::Add | Op::Subtract, Value::Angle { width, .. }, _)
        | (Op::Add | Op::Subtract, _, Value::Angle { width, .. }) => {
            turns(op, word_of(left, width)?, word_of(right, width)?, width)
        }
        (
            Op::Multiply,
            Value::Angle { value, width },
            factor @ (Value::Int(_) | Value::Integer(_)),
        )
        | (
            Op::Multiply,
            factor @ (Value::Int(_) | Value::Integer(_)),
            Value::Angle { value, width },
        ) => {
            let factor = u128::try_from(factor.as_int()?.rem_euclid(1 << 64)).unwrap_or(0);
            Ok(Value::angle(u128::from(value).wrapping_mul(factor), width))
        }
        (Op::Divide, Value::Angle { value, width }, Value::Int(_) | Value::Integer(_)) => {
            let divisor = right.as_int()?;
            if divisor == 0 {
                return domain_error("division by zero");
            }
            let quotient = u128::from(value) / divisor.unsigned_abs();
            let signed = if divisor < 0 {
                quotient.wrapping_neg()
            } else {
                quotient
            };
            Ok(Value::angle(signed, width))
        }
        (Op::Divide, Value::Int(_) | Value::Integer(_), Value::Angle { .. }) => {
            type_error("an integer cannot be divided by an angle")
        }
        (Op::Multiply, Value::Angle { .. }, Value::Angle { .. }) => {
            type_error("angles cannot be multiplied with each other")
        }
        _ => real(op, left.as_real()?, right.as_real()?),
    }
}

/// A value as an angle of that width.
fn word_of(value: Value, width: u32) -> Result<u128, EvalError> {
    value.cast_to(Type::Angle(width))?.word(width)
}

fn turns(op: BinaryOp, a: u128, b: u128, width: u32) -> Evaluated {
    match op {
        BinaryOp::Add => Ok(Value::angle(a + b, width)),
        BinaryOp::Subtract => Ok(Value::angle(a.wrapping_sub(b), width)),
        _ if b == 0 => domain_error("division by zero"),
        BinaryOp::Divide => Ok(Value::Integer(Integer::new(a / b, width, false))),
        _ => Ok(Value::angle(a % b, width)),
    }
}

fn checked(result: Option<i128>) -> Evaluated {
    match result {
        Some(value) => Ok(Value::Int(value)),
        None => domain_error("integer overflow"),
    }
}

pub(crate) fn finite(value: f64) -> Evaluated {
    if value.is_nan() {
        domain_error("the result is not a real number")
    } else if value.is_infinite() {
        domain_error("the result is infinite")
    } else {
        Ok(Value::Float(value))
    }
}

fn compare(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    if let (Value::Complex(_), _) | (_, Value::Complex(_)) = (left, right) {
        let same = left.as_complex()? == right.as_complex()?;
        return match op {
            BinaryOp::Equal => Ok(Value::Bool(same)),
            BinaryOp::NotEqual => Ok(Value::Bool(!same)),
            _ => type_error("complex numbers have no order"),
        };
    }
    let order = match (left, right) {
        (Value::Duration(a), Value::Duration(b)) => a.partial_cmp(&b),
        (Value::Bits { value: a, .. }, Value::Bits { value: b, .. }) => Some(a.cmp(&b)),
        (Value::Angle { width, .. }, Value::Angle { width: other, .. }) => {
            let width = width.max(other);
            Some(word_of(left, width)?.cmp(&word_of(right, width)?))
        }
        (Value::Angle { width, .. }, _) | (_, Value::Angle { width, .. }) => {
            Some(word_of(left, width)?.cmp(&word_of(right, width)?))
        }
        _ => match (left.numeric(), right.numeric()) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(&b)),
            (left, right) => match together(left, right) {
                Some((a, b)) => Some(a.order(b)),
                None => left.as_real()?.partial_cmp(&right.as_real()?),
            },
        },
    };
    if let (Value::Duration(_), None) = (left, order) {
        return unknown_duration();
    }
    let Some(order) = order else {
        return domain_error("these values cannot be compared");
    };
    Ok(Value::Bool(op.holds(order)))
}

fn bitwise(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    match (as_bits(left), as_bits(right)) {
        (Some((a, width)), Some((b, other))) if width == other => {
            let value = combined(op, a, b);
            Ok(match left {
                Value::Angle { .. } => Value::angle(value, width),
                _ => Value::Bits { value, width },
            })
        }
        (Some((_, width)), Some((_, other)))
            if [left, right]
                .iter()
                .any(|side| matches!(side, Value::Angle { .. })) =>
        {
            type_error(format!("{width} and {other} bits do not match"))
        }
        // Qiskit combines registers of different sizes: the shorter one is extended with zeros above.
        (Some((a, width)), Some((b, other))) => Ok(Value::Bits {
            value: combined(op, a, b),
            width: width.max(other),
        }),
        _ => match (left.numeric(), right.numeric()) {
            (Value::Int(a), Value::Int(b)) if are_literals(left, right) => {
                Ok(Value::Int(combined(op, a, b)))
            }
            (Value::Int(a), Value::Int(b)) => typed(op, machine(a), machine(b)),
            (left, right) => match together(left, right) {
                Some((a, b)) => typed(op, Value::Integer(a), Value::Integer(b)),
                None => type_error(format!(
                    "no bits of {} and {} can be combined",
                    left.described(),
                    right.described()
                )),
            },
        },
    }
}

fn combined<T>(op: BinaryOp, a: T, b: T) -> T
where
    T: std::ops::BitAnd<Output = T> + std::ops::BitOr<Output = T> + std::ops::BitXor<Output = T>,
{
    match op {
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        _ => a ^ b,
    }
}

/// The bits, and their number, of a value that consists of bits.
pub(crate) fn as_bits(value: Value) -> Option<(u128, u32)> {
    match value {
        Value::Bits { value, width } => Some((value, width)),
        Value::Bool(value) => Some((u128::from(value), 1)),
        Value::Angle { value, width } => Some((u128::from(value), width)),
        _ => None,
    }
}

fn shift(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    let Ok(by) = u32::try_from(right.numeric().as_int()?) else {
        return domain_error("a shift must be by a small number that is not negative");
    };
    match (op, left) {
        (_, Value::Angle { value, width }) => {
            let value = u128::from(value);
            Ok(match op {
                BinaryOp::ShiftLeft => Value::angle(value.checked_shl(by).unwrap_or(0), width),
                _ => Value::angle(value.checked_shr(by).unwrap_or(0), width),
            })
        }
        (BinaryOp::ShiftLeft, Value::Bits { value, width }) => Ok(Value::Bits {
            value: value.checked_shl(by).unwrap_or(0) & mask(width),
            width,
        }),
        (_, Value::Bits { value, width }) => Ok(Value::Bits {
            value: value.checked_shr(by).unwrap_or(0),
            width,
        }),
        (BinaryOp::ShiftLeft, Value::Integer(integer)) => {
            Ok(Value::Integer(integer.shifted_left(by)))
        }
        (_, Value::Integer(integer)) => Ok(Value::Integer(integer.shifted_right(by))),
        // Only literals are computed without a width.
        (_, Value::Int(number)) if !matches!(right, Value::Int(_)) => shift(
            op,
            Value::Integer(Integer::machine(number)),
            Value::Int(i128::from(by)),
        ),
        (BinaryOp::ShiftLeft, _) => {
            let power = 1_i128.checked_shl(by).filter(|power| *power > 0);
            let number = left.as_int()?;
            checked(power.and_then(|power| number.checked_mul(power)))
        }
        _ => Ok(Value::Int(left.as_int()? >> by.min(127))),
    }
}
