//! Classical values and their conversions, used for constants and at run time.

use crate::ir::complex::Complex;
use crate::ir::integer::Integer;
use std::fmt;

/// A classical value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// `true` or `false`.
    Bool(bool),
    /// An integer without a declared type: a literal, or computed from literals alone. Beside a typed integer it
    /// takes a type.
    Int(i128),
    /// A value of type `int[n]` or `uint[n]`.
    Integer(Integer),
    /// `float`.
    Float(f64),
    /// `complex`.
    Complex(Complex),
    /// A bit register of up to 128 bits, read as an unsigned number.
    Bits {
        /// Bit 0 is the lowest.
        value: u128,
        /// Number of bits.
        width: u32,
    },
    /// A turn by `value / 2^width` of a full one.
    Angle {
        /// Less than `2^width`.
        value: u64,
        /// 1 to 64.
        width: u32,
    },
    /// A length of time in nanoseconds (`dt` counts as one). Has no effect. NaN if only a schedule would determine
    /// it.
    Duration(f64),
}

/// The type of a classical variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `bool`
    Bool,
    /// `int[n]`
    Int(u32),
    /// `uint[n]`
    Uint(u32),
    /// `float[32]` or `float[64]`
    Float(u32),
    /// `complex[float[32]]` or `complex[float[64]]`
    Complex(u32),
    /// `bit[n]`
    Bits(u32),
    /// `angle[n]`
    Angle(u32),
    /// `duration`
    Duration,
}

/// Why an operation has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvalError {
    /// The operands are of the wrong kind, whatever their values.
    Type(String),
    /// These values have no result (division by zero, overflow, not a real number).
    Domain(String),
}

impl EvalError {
    /// The message for the author of the circuit.
    pub fn message(self) -> String {
        match self {
            Self::Type(message) | Self::Domain(message) => message,
        }
    }
}

/// The result of an operation on values.
pub type Evaluated = Result<Value, EvalError>;

pub(crate) fn type_error<T>(message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError::Type(message.into()))
}

pub(crate) fn domain_error<T>(message: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError::Domain(message.into()))
}

impl Value {
    /// The name of the value's kind, for messages.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Integer(integer) if !integer.is_signed() => "uint",
            Self::Int(_) | Self::Integer(_) => "int",
            Self::Float(_) => "float",
            Self::Complex(_) => "complex number",
            Self::Bits { .. } => "bit",
            Self::Angle { .. } => "angle",
            Self::Duration(_) => "duration",
        }
    }

    /// The name of the value's kind with its article, for messages.
    pub(crate) fn described(self) -> String {
        let kind = self.kind();
        let article = if kind.starts_with(['a', 'i']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {kind}")
    }

    /// A real number, for the parameter of a gate.
    pub fn as_real(self) -> Result<f64, EvalError> {
        match self {
            #[allow(clippy::cast_precision_loss, reason = "angles are floating point")]
            Self::Int(value) => Ok(value as f64),
            Self::Integer(value) => Ok(value.real()),
            Self::Float(value) => Ok(value),
            Self::Angle { value, width } => Ok(radians(value, width)),
            other => type_error(format!("expected a number, found {}", other.described())),
        }
    }

    /// A complex number; real values are converted.
    pub(crate) fn as_complex(self) -> Result<Complex, EvalError> {
        match self {
            Self::Complex(value) => Ok(value),
            Self::Bool(value) => Ok(Complex::new(f64::from(u8::from(value)), 0.0)),
            Self::Int(_) | Self::Integer(_) | Self::Float(_) => {
                Ok(Complex::new(self.as_real()?, 0.0))
            }
            other => type_error(format!("expected a number, found {}", other.described())),
        }
    }

    /// A whole number, for indices, sizes and counts.
    pub fn as_int(self) -> Result<i128, EvalError> {
        match self {
            Self::Int(value) => Ok(value),
            Self::Integer(integer) => integer
                .value()
                .ok_or_else(|| EvalError::Domain("this integer is too large a number".into())),
            Self::Bits { value, .. } => i128::try_from(value)
                .map_err(|_| EvalError::Domain("this bit register is too large a number".into())),
            other => type_error(format!("expected an integer, found {}", other.described())),
        }
    }

    /// Whether the value counts as true in a condition.
    pub fn truth(self) -> Result<bool, EvalError> {
        match self {
            Self::Bool(value) => Ok(value),
            Self::Int(value) => Ok(value != 0),
            Self::Integer(integer) => Ok(integer.word() != 0),
            Self::Float(value) => Ok(value != 0.0),
            Self::Bits { value, .. } => Ok(value != 0),
            Self::Angle { value, .. } => Ok(value != 0),
            other => type_error(format!("{} is neither true nor false", other.described())),
        }
    }

    /// Converts for an assignment to a variable of that type. An integer without a type must fit; one with a type
    /// keeps its lowest bits.
    pub fn assign_to(self, ty: Type) -> Evaluated {
        match (ty, self) {
            (Type::Int(_) | Type::Uint(_), Self::Float(_)) => {
                type_error("a float needs an explicit cast to become an integer, such as `int(x)`")
            }
            (Type::Int(_) | Type::Uint(_), Self::Int(number)) => fit(number, ty),
            (Type::Int(width) | Type::Uint(width), Self::Bits { width: own, .. })
                if own > width =>
            {
                type_error(format!(
                    "{own} bits do not fit `{ty}`; select {width} of them, or cast them"
                ))
            }
            _ => self.cast_to(ty),
        }
    }

    /// Converts as an explicit cast does.
    pub fn cast_to(self, ty: Type) -> Evaluated {
        match (ty, self) {
            (Type::Duration, Self::Duration(_)) => Ok(self),
            (Type::Complex(width), _) => {
                let Complex { re, im } = self.as_complex()?;
                let round = |part| round_to(width, part);
                Ok(Self::Complex(Complex::new(round(re), round(im))))
            }
            (_, Self::Complex(_)) => type_error(format!(
                "a complex number cannot become a value of type `{ty}`; take its `real(x)` or `imag(x)`"
            )),
            (_, Self::Duration(_)) | (Type::Duration, _) => type_error(format!(
                "{} cannot become a value of type `{ty}`",
                self.described()
            )),
            (Type::Angle(width), _) => self.to_angle(width),
            (Type::Bool, _) => Ok(Self::Bool(self.truth()?)),
            (Type::Float(width), _) => Ok(Self::Float(round_to(width, self.numeric().as_real()?))),
            (Type::Int(width), _) => self.to_integer(width, true),
            (Type::Uint(width), _) => self.to_integer(width, false),
            (Type::Bits(_), Self::Float(_)) => type_error("a float cannot become a bit register"),
            (Type::Bits(width), _) => self.to_bits(width),
        }
    }

    /// Converts booleans and single bits to integers without a type, registers to unsigned integers of their width;
    /// other values are unchanged.
    pub(crate) fn numeric(self) -> Self {
        match self {
            Self::Bool(value) => Self::Int(i128::from(value)),
            Self::Bits { value, width: 1 } => Self::Int(i128::from(value != 0)),
            Self::Bits { value, width } => Self::Integer(Integer::new(value, width, false)),
            other => other,
        }
    }

    fn to_integer(self, width: u32, is_signed: bool) -> Evaluated {
        let ty = if is_signed {
            Type::Int(width)
        } else {
            Type::Uint(width)
        };
        match self {
            Self::Integer(integer) => Ok(Self::Integer(integer.to(width, is_signed))),
            Self::Bits { value, .. } => Ok(Self::Integer(Integer::new(value, width, is_signed))),
            #[allow(
                clippy::cast_possible_truncation,
                reason = "the range is checked first"
            )]
            Self::Float(value) if value.abs() < 1e30 => fit(value.trunc() as i128, ty),
            Self::Float(_) => domain_error("this number is too large for an integer"),
            other => {
                let number = other.numeric().as_int()?;
                Ok(Self::Integer(Integer::wrapped(number, width, is_signed)))
            }
        }
    }

    fn to_angle(self, width: u32) -> Evaluated {
        match self {
            Self::Angle { value, width: own } => Ok(Self::Angle {
                value: if own > width {
                    value >> (own - width)
                } else {
                    value << (width - own)
                },
                width,
            }),
            Self::Bits { value, width: own } if own == width => Ok(Self::angle(value, width)),
            Self::Int(_) | Self::Float(_) => Ok(turn(self.as_real()?, width)),
            Self::Integer(_) => type_error(format!(
                "{} cannot become a value of type `angle[{width}]`; make it a `float` for radians, or `bit[{width}]` to keep its bits",
                self.described()
            )),
            other => type_error(format!(
                "{} cannot become a value of type `angle[{width}]`",
                other.described()
            )),
        }
    }

    /// The angle with the lowest bits of `value`.
    pub(crate) fn angle(value: u128, width: u32) -> Self {
        let value = u64::try_from(value & mask(width.min(64))).unwrap_or(0);
        Self::Angle { value, width }
    }

    /// The lowest bits of a value as it is stored, an integer in two's complement.
    pub(crate) fn word(self, width: u32) -> Result<u128, EvalError> {
        match self {
            #[allow(clippy::cast_sign_loss, reason = "two's complement")]
            Self::Int(value) => Ok(value as u128 & mask(width)),
            Self::Integer(integer) => Ok(integer.word()),
            Self::Bits { value, .. } => Ok(value),
            Self::Angle { value, .. } => Ok(u128::from(value)),
            other => type_error(format!("{} has no bits of its own", other.described())),
        }
    }

    /// The value of that type that is stored as these bits.
    pub(crate) fn from_word(word: u128, ty: Type) -> Self {
        let word = word & mask(ty.bits().unwrap_or(128));
        match ty {
            Type::Angle(width) => Self::angle(word, width),
            Type::Bits(width) => Self::Bits { value: word, width },
            Type::Int(width) => Self::Integer(Integer::new(word, width, true)),
            Type::Uint(width) => Self::Integer(Integer::new(word, width, false)),
            _ => Self::Int(i128::try_from(word).unwrap_or(0)),
        }
    }

    fn to_bits(self, width: u32) -> Evaluated {
        match self {
            Self::Bits { value, width: own } if own == width => Ok(Self::Bits { value, width }),
            Self::Angle { value, width: own } if own == width => Ok(Self::Bits {
                value: u128::from(value),
                width,
            }),
            Self::Integer(integer) if integer.width() == width => Ok(Self::Bits {
                value: integer.word(),
                width,
            }),
            Self::Bits { width: own, .. } => {
                type_error(format!("{own} bits do not fit a register of {width}"))
            }
            other => {
                let number = other.numeric().as_int()?;
                match u128::try_from(number) {
                    Ok(value) if value <= mask(width) => Ok(Self::Bits { value, width }),
                    _ => domain_error(format!("{number} does not fit in {width} bits")),
                }
            }
        }
    }
}

impl Type {
    /// The number of bits of a value that can be indexed.
    pub(crate) fn bits(self) -> Option<u32> {
        match self {
            Self::Int(width) | Self::Uint(width) | Self::Bits(width) | Self::Angle(width) => {
                Some(width)
            }
            Self::Bool | Self::Float(_) | Self::Complex(_) | Self::Duration => None,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "angles are floating point")]
fn radians(value: u64, width: u32) -> f64 {
    value as f64 / 2_f64.powi(width.cast_signed()) * std::f64::consts::TAU
}

/// An angle in radians, rounded to the nearest of that width, halves to the even one.
fn turn(radians: f64, width: u32) -> Value {
    let turns = (radians / std::f64::consts::TAU).rem_euclid(1.0);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 2^64"
    )]
    let value = (turns * 2_f64.powi(width.cast_signed())).round_ties_even() as u128;
    Value::angle(value, width)
}

/// The largest value with that many bits.
pub const fn mask(width: u32) -> u128 {
    if width >= 128 {
        u128::MAX
    } else {
        (1 << width) - 1
    }
}

fn round_to(width: u32, value: f64) -> f64 {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "float[32] is what the program asked for"
    )]
    if width == 32 {
        f64::from(value as f32)
    } else {
        value
    }
}

/// An integer, in a type that holds it.
fn fit(value: i128, ty: Type) -> Evaluated {
    let fitted = match ty {
        Type::Int(width) => Integer::wrapped(value, width, true),
        Type::Uint(width) => Integer::wrapped(value, width, false),
        _ => return Ok(Value::Int(value)),
    };
    if fitted.value() == Some(value) {
        Ok(Value::Integer(fitted))
    } else {
        domain_error(format!("{value} does not fit in `{ty}`"))
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int(width) => write!(f, "int[{width}]"),
            Self::Uint(width) => write!(f, "uint[{width}]"),
            Self::Float(width) => write!(f, "float[{width}]"),
            Self::Complex(width) => write!(f, "complex[float[{width}]]"),
            Self::Bits(width) => write!(f, "bit[{width}]"),
            Self::Angle(width) => write!(f, "angle[{width}]"),
            Self::Duration => f.write_str("duration"),
        }
    }
}
