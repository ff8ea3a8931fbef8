//! Operators and built-in functions on classical values.

use super::value::{EvalError, Evaluated, Value, domain_error, mask, type_error};

/// An operator with one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Negate,
    /// `!`
    Not,
    /// `~`
    Invert,
}

/// An operator with two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    /// Whole when both sides are integers, as version 3 defines it.
    Divide,
    /// Always real, as version 2 defines it.
    DivideReal,
    Remainder,
    Power,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
}

/// Applies an operator with one operand.
pub fn unary(op: UnaryOp, value: Value) -> Evaluated {
    match (op, value) {
        (UnaryOp::Not, _) => Ok(Value::Bool(!value.truth()?)),
        (UnaryOp::Negate, Value::Int(number)) => checked(number.checked_neg()),
        (UnaryOp::Negate, Value::Float(number)) => Ok(Value::Float(-number)),
        (UnaryOp::Negate, Value::Duration(seconds)) => Ok(Value::Duration(-seconds)),
        (UnaryOp::Invert, Value::Bits { value, width }) => Ok(Value::Bits {
            value: !value & mask(width),
            width,
        }),
        (UnaryOp::Negate, _) => type_error(format!("a {} has no sign", value.kind())),
        (UnaryOp::Invert, _) => type_error(format!(
            "`~` is for bit registers, this is a {}",
            value.kind()
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
        _ => match (left, right) {
            (Value::Int(a), Value::Int(b)) => integer(op, a, b),
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                real(op, left.as_real()?, right.as_real()?)
            }
            (other, Value::Int(_) | Value::Float(_)) | (_, other) => type_error(format!(
                "no arithmetic on a {}; cast it first, such as `int(x)`",
                other.kind()
            )),
        },
    }
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

fn checked(result: Option<i128>) -> Evaluated {
    match result {
        Some(value) => Ok(Value::Int(value)),
        None => domain_error("integer overflow"),
    }
}

fn finite(value: f64) -> Evaluated {
    if value.is_nan() {
        domain_error("the result is not a real number")
    } else if value.is_infinite() {
        domain_error("the result is infinite")
    } else {
        Ok(Value::Float(value))
    }
}

fn compare(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    let order = match (left, right) {
        (Value::Duration(a), Value::Duration(b)) => a.partial_cmp(&b),
        _ => match (left.numeric()?, right.numeric()?) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_real()?.partial_cmp(&b.as_real()?),
        },
    };
    let Some(order) = order else {
        return domain_error("these values cannot be compared");
    };
    Ok(Value::Bool(match op {
        BinaryOp::Equal => order.is_eq(),
        BinaryOp::NotEqual => order.is_ne(),
        BinaryOp::Less => order.is_lt(),
        BinaryOp::LessEqual => order.is_le(),
        BinaryOp::Greater => order.is_gt(),
        _ => order.is_ge(),
    }))
}

fn bitwise(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    match (as_bits(left), as_bits(right)) {
        (Some((a, width)), Some((b, other))) if width == other => {
            let value = match op {
                BinaryOp::BitAnd => a & b,
                BinaryOp::BitOr => a | b,
                _ => a ^ b,
            };
            Ok(Value::Bits { value, width })
        }
        (Some((_, width)), Some((_, other))) => type_error(format!(
            "registers of {width} and {other} bits do not match"
        )),
        _ => {
            let (a, b) = (left.numeric()?.as_int()?, right.numeric()?.as_int()?);
            Ok(Value::Int(match op {
                BinaryOp::BitAnd => a & b,
                BinaryOp::BitOr => a | b,
                _ => a ^ b,
            }))
        }
    }
}

fn as_bits(value: Value) -> Option<(u128, u32)> {
    match value {
        Value::Bits { value, width } => Some((value, width)),
        Value::Bool(value) => Some((u128::from(value), 1)),
        _ => None,
    }
}

fn shift(op: BinaryOp, left: Value, right: Value) -> Evaluated {
    let Ok(by) = u32::try_from(right.as_int()?) else {
        return domain_error("a shift must be by a small number that is not negative");
    };
    match (op, left) {
        (BinaryOp::ShiftLeft, Value::Bits { value, width }) => Ok(Value::Bits {
            value: value.checked_shl(by).unwrap_or(0) & mask(width),
            width,
        }),
        (_, Value::Bits { value, width }) => Ok(Value::Bits {
            value: value.checked_shr(by).unwrap_or(0),
            width,
        }),
        (BinaryOp::ShiftLeft, _) => {
            let power = 1_i128.checked_shl(by).filter(|power| *power > 0);
            let number = left.as_int()?;
            checked(power.and_then(|power| number.checked_mul(power)))
        }
        _ => Ok(Value::Int(left.as_int()? >> by.min(127))),
    }
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
    Log,
    Mod,
    Popcount,
    Pow,
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
            "ln" | "log" => Self::Log,
            "mod" => Self::Mod,
            "popcount" => Self::Popcount,
            "pow" => Self::Pow,
            "sin" => Self::Sin,
            "sqrt" => Self::Sqrt,
            "tan" => Self::Tan,
            _ => return None,
        })
    }

    /// How many arguments it takes.
    pub fn arity(self) -> usize {
        match self {
            Self::Mod | Self::Pow => 2,
            _ => 1,
        }
    }

    /// Calls it. The number of arguments has been checked against [`Self::arity`].
    pub fn call(self, arguments: &[Value]) -> Evaluated {
        match (self, arguments) {
            (Self::Mod, [a, b]) => binary(BinaryOp::Remainder, *a, *b),
            (Self::Pow, [a, b]) => binary(BinaryOp::Power, *a, *b),
            (Self::Popcount, [value]) => match as_bits(*value) {
                Some((bits, _)) => Ok(Value::Int(i128::from(bits.count_ones()))),
                None => type_error("`popcount` is for bit registers"),
            },
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
            Self::Mod | Self::Popcount | Self::Pow => f64::NAN,
        }
    }
}
