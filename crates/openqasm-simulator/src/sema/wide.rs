//! Registers of more bits than a value can have: resolved, compared, and combined bit by bit.

use crate::error::Diagnostic;
use crate::ir::arithmetic::{self};
use crate::ir::functions::Function;
use crate::ir::operator::{BinaryOp, UnaryOp};
use crate::ir::program::{Action, Expr, Operand, Wide};
use crate::ir::value::{Type, Value};
use crate::sema::expression::{Typed, sample_of};
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker};
use crate::syntax::ast::{self, ExprKind, Index, Reference};

/// Maximum bits of a value.
pub(crate) const MAX_VALUE: u32 = 128;

/// The other operand of a wide register.
enum Side {
    Bits(Operand),
    /// An unsigned number.
    Number(Expr),
}

impl<'s> Checker<'s> {
    /// The bits of an expression that has too many for a value: the bits that it names, or temporary ones that hold
    /// its result until the end of the statement.
    pub(crate) fn wide_bits(&mut self, ast: &ast::Expr<'s>) -> Checked<Option<Operand>> {
        if self.in_gate {
            return Ok(None);
        }
        let at = ast.at;
        match &ast.kind {
            ExprKind::Reference(reference) => self.wide_register(reference),
            ExprKind::LongBits(words, width) => {
                let word = |place| words.get(place).copied().unwrap_or(0);
                self.stored(*width, at, |place, width| {
                    let value = word(place);
                    Ok(Expr::Constant(Value::Bits { value, width }))
                })
                .map(Some)
            }
            ExprKind::Concatenation(parts) => self.wide_concatenation(parts, at),
            ExprKind::Unary(UnaryOp::Invert, inner) => match self.wide_bits(inner)? {
                None => Ok(None),
                Some(bits) => {
                    let inverted = |place, _| {
                        let bits = Box::new(Expr::Bits(chunk(&bits, place)));
                        Ok(Expr::Unary(UnaryOp::Invert, bits, at))
                    };
                    self.stored(bits.len(), at, inverted).map(Some)
                }
            },
            ExprKind::Binary(op, sides) if is_bitwise(*op) => {
                let (left, right) = (self.wide_bits(&sides.0)?, self.wide_bits(&sides.1)?);
                let (bits, other) = match (left, right) {
                    (None, None) => return Ok(None),
                    (Some(left), Some(right)) => (left, Side::Bits(right)),
                    (Some(bits), None) => (bits, Side::Number(self.number(&sides.1)?)),
                    (None, Some(bits)) => (bits, Side::Number(self.number(&sides.0)?)),
                };
                self.bitwise(*op, &bits, &other, at).map(Some)
            }
            ExprKind::Binary(op @ (BinaryOp::ShiftLeft | BinaryOp::ShiftRight), sides) => {
                match self.wide_bits(&sides.0)? {
                    Some(bits) => self.shifted(*op, &bits, &sides.1, at).map(Some),
                    None => Ok(None),
                }
            }
            ExprKind::Call(name, arguments) => {
                let function = Function::named(name.text);
                let own = self.subroutines.contains_key(name.text);
                match (function, arguments.as_slice()) {
                    (Some(rotation @ (Function::Rotl | Function::Rotr)), [value, by]) if !own => {
                        match self.wide_bits(value)? {
                            Some(bits) => self.rotated(rotation, &bits, by, at).map(Some),
                            None => Ok(None),
                        }
                    }
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// The bits that a reference names, if they are too many for a value.
    fn wide_register(&mut self, reference: &Reference<'s>) -> Checked<Option<Operand>> {
        let is_one = |index: &Index| matches!(index, Index::One(_));
        if reference.name.text.starts_with('$') || reference.indices().any(is_one) {
            return Ok(None);
        }
        let Symbol::Bits(whole) = self.lookup(reference.name)? else {
            return Ok(None);
        };
        if whole.len() <= MAX_VALUE {
            return Ok(None);
        }
        let bits = self.bits(reference)?;
        Ok((bits.len() > MAX_VALUE).then_some(bits))
    }

    fn wide_concatenation(&mut self, parts: &[ast::Expr<'s>], at: u32) -> Checked<Option<Operand>> {
        let mut operands = Vec::with_capacity(parts.len());
        for part in parts {
            let ExprKind::Reference(reference) = &part.kind else {
                return Ok(None);
            };
            if reference.name.text.starts_with('$')
                || !matches!(self.lookup(reference.name)?, Symbol::Bits(_))
            {
                return Ok(None);
            }
            operands.push(self.bits(reference)?);
        }
        let width: u64 = operands.iter().map(|part| u64::from(part.len())).sum();
        if width <= u64::from(MAX_VALUE) {
            return Ok(None);
        }
        self.concatenate(&operands, at).map(Some)
    }

    /// Unnamed bits, filled 128 at a time by their number and width.
    fn stored(
        &mut self,
        width: u32,
        at: u32,
        mut value: impl FnMut(usize, u32) -> Checked<Expr>,
    ) -> Checked<Operand> {
        let chunks = width.div_ceil(MAX_VALUE) as usize;
        // Each chunk counts as 16 numbers.
        self.count_listed(chunks * 16, at)?;
        let stored = self.temporary(width, at)?;
        for place in 0..chunks {
            let target = chunk(&stored, place);
            let value = value(place, target.len())?;
            self.emit(Action::SetBits { target, value }, at)?;
        }
        Ok(stored)
    }

    fn bitwise(&mut self, op: BinaryOp, bits: &Operand, other: &Side, at: u32) -> Checked<Operand> {
        let width = match other {
            Side::Bits(other) => bits.len().max(other.len()),
            Side::Number(_) => bits.len(),
        };
        let bits = self.padded(bits, width, at)?;
        let other = match other {
            Side::Bits(other) => Side::Bits(self.padded(other, width, at)?),
            Side::Number(number) => Side::Number(number.clone()),
        };
        self.stored(width, at, |place, width| {
            let right = match &other {
                Side::Bits(other) => Expr::Bits(chunk(other, place)),
                Side::Number(number) if place == 0 => {
                    let number = Expr::Cast(Type::Uint(width), Box::new(number.clone()), at);
                    Expr::Cast(Type::Bits(width), Box::new(number), at)
                }
                Side::Number(_) => Expr::Constant(Value::Bits { value: 0, width }),
            };
            let sides = Box::new((Expr::Bits(chunk(&bits, place)), right));
            Ok(Expr::Binary(op, sides, at))
        })
    }

    /// Bits, extended with zeros above to the width.
    fn padded(&mut self, bits: &Operand, width: u32, at: u32) -> Checked<Operand> {
        let missing = width.saturating_sub(bits.len());
        if missing == 0 {
            return Ok(bits.clone());
        }
        let zero = self.zero_bit(at)?;
        let zeros = std::iter::repeat_n(zero, missing as usize);
        self.listed(bits.known().chain(zeros).collect(), at)
    }

    fn shifted(
        &mut self,
        op: BinaryOp,
        bits: &Operand,
        by: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<Operand> {
        let by_at = by.at;
        let by = self.constant_int(by, "the distance by which more than 128 bits are shifted")?;
        if by < 0 {
            let message = "a shift by a negative number of places";
            return Err(Diagnostic::new(by_at, message));
        }
        let width = bits.len() as usize;
        let by = usize::try_from(by).unwrap_or(width).min(width);
        let zeros = std::iter::repeat_n(self.zero_bit(at)?, by);
        let numbers = match op {
            BinaryOp::ShiftLeft => zeros.chain(bits.known().take(width - by)).collect(),
            _ => bits.known().skip(by).chain(zeros).collect(),
        };
        self.listed(numbers, at)
    }

    fn rotated(
        &mut self,
        rotation: Function,
        bits: &Operand,
        by: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<Operand> {
        let by = self.constant_int(by, "the distance by which more than 128 bits are rotated")?;
        let to_the_left = if rotation == Function::Rotl {
            by
        } else {
            by.saturating_neg()
        };
        let by = to_the_left.rem_euclid(i128::from(bits.len()));
        let mut numbers: Vec<u32> = bits.known().collect();
        numbers.rotate_right(usize::try_from(by).unwrap_or(0));
        self.listed(numbers, at)
    }

    /// A bit that is 0 until the end of the statement.
    fn zero_bit(&mut self, at: u32) -> Checked<u32> {
        let bit = self.temporary(1, at)?;
        self.clear_bits(&bit, at)?;
        Ok(bit.get(0).unwrap_or_default())
    }

    fn listed(&mut self, numbers: Vec<u32>, at: u32) -> Checked<Operand> {
        self.count_listed(numbers.len(), at)?;
        Ok(Operand::List(numbers.into()))
    }

    /// `a &= b;` and its like, where `a` is wide.
    fn updated_bits(
        &mut self,
        op: BinaryOp,
        bits: &Operand,
        right: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<Operand> {
        match op {
            BinaryOp::ShiftLeft | BinaryOp::ShiftRight => self.shifted(op, bits, right, at),
            _ if is_bitwise(op) => {
                let other = match self.wide_bits(right)? {
                    Some(other) => Side::Bits(other),
                    None => Side::Number(self.number(right)?),
                };
                self.bitwise(op, bits, &other, at)
            }
            _ => {
                let message = "at most 128 bits can be used as a number";
                Err(Diagnostic::limit(at, message))
            }
        }
    }

    /// Assigns the value of an expression to bits, if it is wide.
    pub(crate) fn set_wide_bits(
        &mut self,
        target: &Operand,
        op: Option<BinaryOp>,
        value: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<bool> {
        let source = match op {
            Some(op) if target.len() > MAX_VALUE => self.updated_bits(op, target, value, at)?,
            _ => match self.wide_bits(value)? {
                Some(source) => source,
                None => return Ok(false),
            },
        };
        let (found, expected) = (source.len(), target.len());
        if found != expected || (op.is_some() && expected <= MAX_VALUE) {
            let message = format!("{found} bits do not fit a register of {expected}");
            return Err(Diagnostic::new(value.at, message));
        }
        let target = target.clone();
        self.emit(Action::CopyBits { source, target }, at)?;
        Ok(true)
    }

    /// The number of ones in wide bits, a `uint`.
    pub(crate) fn wide_population(&mut self, ast: &ast::Expr<'s>) -> Checked<Option<Typed>> {
        let Some(bits) = self.wide_bits(ast)? else {
            return Ok(None);
        };
        let at = ast.at;
        let ones = |place| {
            let bits = Expr::Bits(chunk(&bits, place));
            Expr::Call(Function::Popcount, vec![bits], at)
        };
        let mut sums: Vec<Expr> = (0..bits.len().div_ceil(MAX_VALUE) as usize)
            .map(ones)
            .collect();
        while sums.len() > 1 {
            let mut pairs = sums.into_iter();
            sums = Vec::new();
            while let Some(left) = pairs.next() {
                sums.push(match pairs.next() {
                    Some(right) => Expr::Binary(BinaryOp::Add, Box::new((left, right)), at),
                    None => left,
                });
            }
        }
        let sample = sample_of(Type::Uint(64));
        Ok(sums.pop().map(|expr| Typed { expr, sample }))
    }

    /// A comparison with a wide register.
    pub(crate) fn compared_registers(
        &mut self,
        op: BinaryOp,
        left: &ast::Expr<'s>,
        right: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<Option<Typed>> {
        let (bits, other, op) = match (self.wide_bits(left)?, self.wide_bits(right)?) {
            (None, None) => return Ok(None),
            (Some(a), Some(b)) => (a, Wide::Bits(b), op),
            (Some(bits), None) => (bits, Wide::Value(self.unsigned(right)?.expr), op),
            (None, Some(bits)) => (bits, Wide::Value(self.unsigned(left)?.expr), op.mirrored()),
        };
        Ok(Some(Typed {
            expr: Expr::CompareBits(op, Box::new((bits, other)), at),
            sample: Value::Bool(true),
        }))
    }

    /// A value that can be compared with bits.
    fn unsigned(&mut self, ast: &ast::Expr<'s>) -> Checked<Typed> {
        let typed = self.expression(ast)?;
        let bit = Value::Bits { value: 1, width: 1 };
        arithmetic::binary(BinaryOp::BitAnd, typed.sample.numeric(), bit)
            .map_err(|error| Diagnostic::new(ast.at, error.message()))?;
        Ok(typed)
    }

    /// An unsigned number, extended with zeros above.
    fn number(&mut self, ast: &ast::Expr<'s>) -> Checked<Expr> {
        let typed = self.unsigned(ast)?;
        let has_sign = match (typed.sample, &typed.expr) {
            (Value::Int(number), Expr::Constant(_)) => number < 0,
            (Value::Int(_), _) => true,
            (Value::Integer(integer), _) => integer.is_signed(),
            _ => false,
        };
        if has_sign {
            let message = "expected bits or a `uint` beside a register of more than 128 bits";
            return Err(Diagnostic::new(ast.at, message));
        }
        Ok(typed.expr)
    }
}

fn is_bitwise(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor)
}

/// Up to 128 bits of an operand, from that many times 128 on.
fn chunk(bits: &Operand, place: usize) -> Operand {
    let skipped = u32::try_from(place * MAX_VALUE as usize).unwrap_or(u32::MAX);
    let len = bits.len().saturating_sub(skipped).min(MAX_VALUE);
    match bits {
        Operand::Range { first, .. } => Operand::Range {
            first: first + skipped,
            len,
        },
        other => {
            let numbers = (skipped..skipped + len).filter_map(|place| other.get(place));
            Operand::List(numbers.collect())
        }
    }
}
