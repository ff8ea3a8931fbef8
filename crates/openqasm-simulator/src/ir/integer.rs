//! Integers of a declared width, whose arithmetic wraps: `int[n]` and `uint[n]`, and bit registers in arithmetic.
//!
//! Unsigned arithmetic is modulo `2^n`, as in C99. C99 leaves the overflow of signed integers
//! undefined; here it wraps in two's complement, the representation that the specification names.

use crate::ir::operator::BinaryOp;
use crate::ir::value::mask;

/// A value of type `int[width]` or `uint[width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer {
    /// In two's complement; less than `2^width`.
    word: u128,
    width: u32,
    is_signed: bool,
}

/// The width of `int` and `uint` without one, and of a literal beside a signed integer.
pub(crate) const MACHINE_WIDTH: u32 = 64;

impl Integer {
    /// The lowest `width` bits (1 to 128) of a word.
    pub const fn new(word: u128, width: u32, is_signed: bool) -> Self {
        Self {
            word: word & mask(width),
            width,
            is_signed,
        }
    }

    /// A sample value of a type: not negative, and 1 if the type can hold it.
    pub(crate) const fn sample(width: u32, is_signed: bool) -> Self {
        let word = if is_signed && width == 1 { 0 } else { 1 };
        Self::new(word, width, is_signed)
    }

    /// A number modulo `2^width`.
    #[allow(clippy::cast_sign_loss, reason = "two's complement")]
    pub const fn wrapped(number: i128, width: u32, is_signed: bool) -> Self {
        Self::new(number as u128, width, is_signed)
    }

    /// The type of a literal beside this one: if neither has a sign, unsigned and as wide as this one, or wider if
    /// needed (Qiskit's rule for its expressions); else an `int`, as in C99.
    pub(crate) fn literal(self, number: i128) -> Self {
        match u128::try_from(number) {
            Ok(word) if !self.is_signed => {
                let needed = u128::BITS - word.leading_zeros();
                Self::new(word, self.width.max(needed), false)
            }
            _ => Self::machine(number),
        }
    }

    /// A literal as an `int`, or wider where it does not fit one.
    pub(crate) fn machine(number: i128) -> Self {
        let width = if i64::try_from(number).is_ok() {
            MACHINE_WIDTH
        } else {
            128
        };
        Self::wrapped(number, width, true)
    }

    /// Its bits.
    pub const fn word(self) -> u128 {
        self.word
    }

    /// Its number of bits.
    pub const fn width(self) -> u32 {
        self.width
    }

    /// Whether it is an `int`.
    pub const fn is_signed(self) -> bool {
        self.is_signed
    }

    /// Its bits as a word of 128, sign-extended.
    #[allow(clippy::cast_possible_wrap, reason = "two's complement")]
    const fn extended(self) -> i128 {
        let free = 128 - self.width;
        if self.is_signed {
            ((self.word << free) as i128) >> free
        } else {
            self.word as i128
        }
    }

    /// Its value, if that is below `2^127`.
    pub fn value(self) -> Option<i128> {
        let value = self.extended();
        (self.is_signed || value >= 0).then_some(value)
    }

    /// Its value as a real number, rounded.
    #[allow(clippy::cast_precision_loss, reason = "that is what is asked for")]
    pub fn real(self) -> f64 {
        if self.is_signed {
            self.extended() as f64
        } else {
            self.word as f64
        }
    }

    /// Keeps the bits: truncated, or extended by its own sign.
    pub const fn to(self, width: u32, is_signed: bool) -> Self {
        Self::wrapped(self.extended(), width, is_signed)
    }

    /// Converts both to the type of C99's usual arithmetic conversions. Narrow types are not promoted to `int` first:
    /// the specification defines the operators on the bits of `uint[n]` itself.
    pub(crate) fn together(self, other: Self) -> (Self, Self) {
        let width = self.width.max(other.width);
        let is_signed = match (self.is_signed, other.is_signed) {
            (true, true) => true,
            (false, false) => false,
            (true, false) => self.width > other.width,
            (false, true) => other.width > self.width,
        };
        (self.to(width, is_signed), other.to(width, is_signed))
    }

    /// A sum, difference, product, quotient or remainder of two of the same type; `None` for a division by zero, or
    /// for another operator.
    pub(crate) fn combined(self, op: BinaryOp, other: Self) -> Option<Self> {
        let (a, b) = (self.word, other.word);
        let word = match op {
            BinaryOp::Add => a.wrapping_add(b),
            BinaryOp::Subtract => a.wrapping_sub(b),
            BinaryOp::Multiply => a.wrapping_mul(b),
            BinaryOp::BitAnd => a & b,
            BinaryOp::BitOr => a | b,
            BinaryOp::BitXor => a ^ b,
            BinaryOp::Divide | BinaryOp::Remainder if b == 0 => return None,
            BinaryOp::Divide | BinaryOp::Remainder if self.is_signed => {
                let (a, b) = (self.extended(), other.extended());
                let result = if op == BinaryOp::Divide {
                    a.wrapping_div(b)
                } else {
                    a.wrapping_rem(b)
                };
                return Some(Self::wrapped(result, self.width, true));
            }
            BinaryOp::Divide => a / b,
            BinaryOp::Remainder => a % b,
            _ => return None,
        };
        Some(Self::new(word, self.width, self.is_signed))
    }

    /// This value raised to a power that is not negative.
    pub(crate) fn power(self, mut exponent: u128) -> Self {
        let (mut result, mut base) = (1_u128, self.word);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result.wrapping_mul(base);
            }
            base = base.wrapping_mul(base);
            exponent >>= 1;
        }
        Self::new(result, self.width, self.is_signed)
    }

    /// Shifted to the left; bits shifted out are lost.
    pub(crate) fn shifted_left(self, by: u32) -> Self {
        let word = self.word.checked_shl(by).unwrap_or(0);
        Self::new(word, self.width, self.is_signed)
    }

    /// Shifted to the right; the sign of a signed value is repeated.
    pub(crate) fn shifted_right(self, by: u32) -> Self {
        let word = if self.is_signed {
            return Self::wrapped(self.extended() >> by.min(127), self.width, true);
        } else {
            self.word.checked_shr(by).unwrap_or(0)
        };
        Self::new(word, self.width, false)
    }

    /// All bits inverted.
    pub(crate) const fn inverted(self) -> Self {
        Self::new(!self.word, self.width, self.is_signed)
    }

    /// Zero minus this one.
    pub(crate) const fn negated(self) -> Self {
        Self::new(self.word.wrapping_neg(), self.width, self.is_signed)
    }

    /// The order of two values of the same type.
    pub(crate) fn order(self, other: Self) -> std::cmp::Ordering {
        if self.is_signed {
            self.extended().cmp(&other.extended())
        } else {
            self.word.cmp(&other.word)
        }
    }
}
