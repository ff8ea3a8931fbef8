//! Expressions: names resolved, constants folded, kinds of operands checked.

use crate::error::{Diagnostic, counted, quoted};
use crate::ir::arithmetic::{self};
use crate::ir::complex::Complex;
use crate::ir::functions::Function;
use crate::ir::integer::Integer;
use crate::ir::operator::{BinaryOp, UnaryOp};
use crate::ir::program::{Expr, Operand, Wide};
use crate::ir::value::{EvalError, Type, Value};
use crate::sema::element::Cell;
use crate::sema::scope::Symbol;
use crate::sema::{Checked, Checker, Numbers};
use crate::syntax::ast;
use crate::syntax::ast::{ExprKind, Index, Reference};
use crate::syntax::hint;

/// An expression with a sample value of its kind, so that operators can be checked before the run by evaluating them.
pub(crate) struct Typed {
    pub expr: Expr,
    pub sample: Value,
}

impl Typed {
    pub(crate) fn constant(value: Value) -> Self {
        Self {
            expr: Expr::Constant(value),
            sample: value,
        }
    }

    /// Some bits of a value that is stored in that many bits.
    pub(crate) fn selected(expr: Expr, positions: Operand, width: u32) -> Self {
        let len = positions.len();
        if let (Expr::Constant(value), false) = (&expr, matches!(positions, Operand::At { .. })) {
            let word = value.word(width).unwrap_or(0);
            let bit = |position| word.checked_shr(position).unwrap_or(0) & 1;
            let places = positions.known().take(128).zip(0_u32..);
            let value = places.fold(0, |bits, (position, place)| bits | bit(position) << place);
            return Self::constant(Value::Bits { value, width: len });
        }
        Self {
            expr: Expr::Select(Box::new(expr), positions, width),
            sample: Value::Bits {
                value: 1,
                width: len,
            },
        }
    }

    fn is_constant(&self) -> bool {
        matches!(self.expr, Expr::Constant(_))
    }
}

/// A sample value of the same kind.
fn typical(value: Value) -> Value {
    match value {
        Value::Bool(_) => Value::Bool(true),
        Value::Int(_) => Value::Int(1),
        Value::Integer(value) => Value::Integer(Integer::sample(value.width(), value.is_signed())),
        Value::Float(_) => Value::Float(1.0),
        Value::Complex(_) => Value::Complex(Complex::ONE),
        Value::Bits { width, .. } => Value::Bits { value: 1, width },
        Value::Angle { width, .. } => Value::Angle { value: 1, width },
        Value::Duration(_) => Value::Duration(1.0),
    }
}

/// A sample value of a type, for trying operators.
pub(crate) fn sample_of(ty: Type) -> Value {
    match ty {
        Type::Bool => Value::Bool(true),
        Type::Int(width) => Value::Integer(Integer::sample(width, true)),
        Type::Uint(width) => Value::Integer(Integer::sample(width, false)),
        Type::Float(_) => Value::Float(1.0),
        Type::Complex(_) => Value::Complex(Complex::ONE),
        Type::Bits(width) => Value::Bits { value: 1, width },
        Type::Angle(width) => Value::Angle { value: 1, width },
        Type::Duration => Value::Duration(1.0),
    }
}

/// The specification's programs have 3 for `int[2](b)`, its text -1: if bits cast to an `int` are compared with a
/// number that no `int` of that width has, their bit pattern is compared.
fn as_pattern(cast: Typed, other: &Typed) -> Typed {
    match other.expr {
        Expr::Constant(Value::Int(number)) if is_pattern(&cast.expr, number) => unsigned(cast),
        _ => cast,
    }
}

/// Whether bits cast to an `int` equal that number only as an unsigned integer.
pub(crate) fn is_pattern(cast: &Expr, number: i128) -> bool {
    match cast {
        Expr::Cast(Type::Int(width), bits, _) if *width < 127 => {
            matches!(**bits, Expr::Bits(_) | Expr::Select(..))
                && (1 << (width - 1)..1 << width).contains(&number)
        }
        _ => false,
    }
}

/// The same bits as an unsigned integer.
pub(crate) fn unsigned(cast: Typed) -> Typed {
    match cast.expr {
        Expr::Cast(Type::Int(width), bits, at) => Typed {
            expr: Expr::Cast(Type::Uint(width), bits, at),
            sample: sample_of(Type::Uint(width)),
        },
        _ => cast,
    }
}

impl<'s> Checker<'s> {
    pub(crate) fn expression(&mut self, ast: &ast::Expr<'s>) -> Checked<Typed> {
        self.nested(ast.at, |checker| checker.typed(ast))
    }

    fn typed(&mut self, ast: &ast::Expr<'s>) -> Checked<Typed> {
        let at = ast.at;
        match &ast.kind {
            ExprKind::Integer(value) if self.numbers == Numbers::Real => {
                let real = Value::Int(*value).as_real().unwrap_or_default();
                Ok(Typed::constant(Value::Float(real)))
            }
            ExprKind::Integer(value) => Ok(Typed::constant(Value::Int(*value))),
            ExprKind::Float(value) => Ok(Typed::constant(Value::Float(*value))),
            ExprKind::Imaginary(value) => {
                let number = Complex::new(0.0, *value);
                Ok(Typed::constant(Value::Complex(number)))
            }
            ExprKind::Bool(value) => Ok(Typed::constant(Value::Bool(*value))),
            ExprKind::Duration(value) => Ok(Typed::constant(Value::Duration(*value))),
            ExprKind::Bits { value, width } => Ok(Typed::constant(Value::Bits {
                value: *value,
                width: *width,
            })),
            ExprKind::LongBits(_, width) => {
                let message =
                    format!("{width} bits are too many: at most 128 can be used as a value");
                Err(Diagnostic::limit(at, message))
            }
            ExprKind::Reference(reference) => self.value_of(reference),
            ExprKind::Unary(op, operand) => {
                let operand = match op {
                    UnaryOp::Not => self.expression(operand)?,
                    _ => self.computing_operand(operand)?,
                };
                let (folded, sample) = (operand.is_constant(), operand.sample);
                let result = arithmetic::unary(*op, sample);
                let expr = Expr::Unary(*op, Box::new(operand.expr), at);
                self.operation(expr, folded, result, (sample, at))
            }
            ExprKind::Binary(op, sides) => self.binary(*op, &sides.0, &sides.1, at),
            ExprKind::Call(name, arguments) => self.call(*name, arguments),
            ExprKind::Concatenation(parts) => self.concatenation(parts, at),
            ExprKind::Member(subject, items) => self.membership(subject, items, at),
            ExprKind::Indexed(value, indices) => self.indexed(value, indices, at),
            ExprKind::Cast(ty, operand) => {
                let ty = self.type_of(ty)?;
                let operand = self.expression(operand)?;
                let folded = operand.is_constant();
                let result = operand.sample.cast_to(ty);
                let expr = Expr::Cast(ty, Box::new(operand.expr), at);
                self.operation(expr, folded, result, (sample_of(ty), at))
            }
        }
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        left: &ast::Expr<'s>,
        right: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<Typed> {
        if matches!(op, BinaryOp::And | BinaryOp::Or) && self.calls_subroutine(right) {
            return self.one_after_the_other(op, left, right, at);
        }
        if op.is_comparison()
            && let Some(compared) = self.compared_registers(op, left, right, at)?
        {
            return Ok(compared);
        }
        if let BinaryOp::And | BinaryOp::Or = op {
            let left = self.expression(left)?;
            return self.short_circuit(op, left, right, at);
        }
        let (left, right) = if op.is_comparison() {
            (self.expression(left)?, self.expression(right)?)
        } else {
            (
                self.computing_operand(left)?,
                self.computing_operand(right)?,
            )
        };
        let op = match op {
            BinaryOp::Divide if self.numbers == Numbers::Divided => BinaryOp::DivideReal,
            _ => op,
        };
        let (left, right) = match op {
            BinaryOp::Equal | BinaryOp::NotEqual => {
                let left = as_pattern(left, &right);
                let right = as_pattern(right, &left);
                (left, right)
            }
            _ => (left, right),
        };
        self.combine(op, left, right, at)
    }

    /// `a && b` and `a || b`: values in `b` that have no result are mistakes only if `b` is reached.
    fn short_circuit(
        &mut self,
        op: BinaryOp,
        left: Typed,
        right: &ast::Expr<'s>,
        at: u32,
    ) -> Checked<Typed> {
        let wrong = |error: EvalError| Diagnostic::new(at, error.message());
        let decides =
            left.is_constant() && left.sample.truth().map_err(wrong)? == (op == BinaryOp::Or);
        let unreached = self.unreached;
        self.unreached |= decides || !left.is_constant();
        let right = self.expression(right);
        self.unreached = unreached;
        let right = right?;
        let result = arithmetic::binary(op, left.sample, right.sample);
        if decides {
            result.map_err(wrong)?;
            return Ok(Typed::constant(Value::Bool(op == BinaryOp::Or)));
        }
        let folded = left.is_constant() && right.is_constant();
        let expr = Expr::Binary(op, Box::new((left.expr, right.expr)), at);
        self.operation(expr, folded, result, (Value::Bool(true), at))
    }

    /// `i in {0, 3}`
    fn membership(
        &mut self,
        subject: &ast::Expr<'s>,
        items: &[ast::Expr<'s>],
        at: u32,
    ) -> Checked<Typed> {
        let subject = self.expression(subject)?;
        let mut found = Typed::constant(Value::Bool(false));
        for item in items {
            self.count_part(item.at)?;
            let item = self.expression(item)?;
            let subject = Typed {
                expr: subject.expr.clone(),
                sample: subject.sample,
            };
            let same = self.combine(BinaryOp::Equal, subject, item, at)?;
            found = self.combine(BinaryOp::Or, found, same, at)?;
        }
        Ok(found)
    }

    /// Combines two checked values.
    pub(crate) fn combine(
        &self,
        op: BinaryOp,
        left: Typed,
        right: Typed,
        at: u32,
    ) -> Checked<Typed> {
        let folded = left.is_constant() && right.is_constant();
        let result = arithmetic::binary(op, left.sample, right.sample);
        // The kind of most operators' results.
        let like = arithmetic::binary(BinaryOp::Add, left.sample, right.sample);
        let like = like.unwrap_or(left.sample);
        let expr = Expr::Binary(op, Box::new((left.expr, right.expr)), at);
        self.operation(expr, folded, result, (like, at))
    }

    /// The folded constant, or the operation with a sample of its kind; if there is none, one of the kind of `like`.
    fn operation(
        &self,
        expr: Expr,
        folded: bool,
        result: Result<Value, EvalError>,
        (like, at): (Value, u32),
    ) -> Checked<Typed> {
        match result {
            Ok(value) if folded => Ok(Typed::constant(value)),
            Ok(value) => Ok(Typed {
                expr,
                sample: typical(value),
            }),
            // A sample may have no result where the actual values have one; unreached code needs none.
            Err(EvalError::Domain(_)) if self.unreached || !folded => Ok(Typed {
                expr,
                sample: typical(like),
            }),
            Err(error) => Err(Diagnostic::new(at, error.message())),
        }
    }

    /// Concatenated registers, the first lowest.
    fn concatenation(&mut self, parts: &[ast::Expr<'s>], at: u32) -> Checked<Typed> {
        let mut operands = Vec::with_capacity(parts.len());
        for part in parts {
            let ExprKind::Reference(reference) = &part.kind else {
                return Err(Diagnostic::new(part.at, "expected a register beside `++`"));
            };
            operands.push(self.bits(reference)?);
        }
        let operand = self.concatenate(&operands, at)?;
        Self::whole_bits(operand, at)
    }

    /// Bits as one value.
    fn whole_bits(operand: Operand, at: u32) -> Checked<Typed> {
        let width = operand.len();
        if width > 128 {
            let message = format!("{width} bits are too many: at most 128 can be used as a value");
            return Err(Diagnostic::limit(at, message));
        }
        Ok(Self::bits_value(operand))
    }

    /// Bits of an unnamed value.
    fn indexed(&mut self, value: &ast::Expr<'s>, indices: &[Index<'s>], at: u32) -> Checked<Typed> {
        let whole = self.expression(value)?;
        let width = match whole.sample {
            Value::Integer(integer) => Some(integer.width()),
            Value::Bits { width, .. } | Value::Angle { width, .. } => Some(width),
            _ => None,
        };
        let indices: Vec<&Index> = indices.iter().collect();
        let name = ast::Name {
            text: "the value",
            at,
        };
        self.bits_of(whole, width, &indices, name)
    }

    pub(crate) fn call(
        &mut self,
        name: ast::Name<'s>,
        arguments: &[ast::Expr<'s>],
    ) -> Checked<Typed> {
        if let Some(subroutine) = self.find_subroutine(name)? {
            return match self.call_subroutine(&subroutine, name.at, arguments)? {
                Some(result) => Ok(result),
                None => Err(Diagnostic::new(
                    name.at,
                    format!("{} returns nothing, so it is no value", quoted(name.text)),
                )),
            };
        }
        if name.text == "sizeof" {
            return self.size_of(name, arguments);
        }
        let Some(function) = Function::named(name.text) else {
            return Err(Diagnostic::new(name.at, self.no_function(name.text)));
        };
        if arguments.len() != function.arity() {
            return Err(Diagnostic::new(
                name.at,
                format!(
                    "{} takes {}, not {}",
                    quoted(name.text),
                    counted(function.arity(), "argument"),
                    arguments.len()
                ),
            ));
        }
        if let (Function::Popcount, [argument]) = (function, arguments)
            && let Some(population) = self.wide_population(argument)?
        {
            return Ok(population);
        }
        let typed = arguments
            .iter()
            .map(|argument| self.expression(argument))
            .collect::<Checked<Vec<_>>>()?;
        let folded = typed.iter().all(Typed::is_constant);
        let samples: Vec<Value> = typed.iter().map(|argument| argument.sample).collect();
        let result = function.call(&samples);
        let expr = Expr::Call(
            function,
            typed.into_iter().map(|t| t.expr).collect(),
            name.at,
        );
        let like = match samples.as_slice() {
            [a, b] => arithmetic::binary(BinaryOp::Add, *a, *b).ok(),
            _ => None,
        };
        let like = like.or(samples.first().copied()).unwrap_or(Value::Int(1));
        self.operation(expr, folded, result, (like, name.at))
    }

    fn no_function(&self, name: &'s str) -> String {
        let suggestion = hint::for_function(name, self.subroutines.keys().copied());
        let advice = if suggestion.is_empty() {
            "; a subroutine must be defined before it is used"
        } else {
            &suggestion
        };
        format!(
            "there is no function or subroutine {}{advice}",
            quoted(name)
        )
    }

    pub(crate) fn value_of(&mut self, reference: &Reference<'s>) -> Checked<Typed> {
        let name = reference.name;
        if name.text.starts_with('$') {
            return Err(Diagnostic::new(
                name.at,
                "a qubit is not a value; measure it into a bit first",
            ));
        }
        let symbol = self.lookup(name)?;
        if self.in_gate
            && !self.is_open_input(name)
            && matches!(
                symbol,
                Symbol::Bits(_) | Symbol::Variable { .. } | Symbol::Array(_)
            )
        {
            return Err(Diagnostic::new(
                name.at,
                "a gate can use only its parameters and constants",
            ));
        }
        match symbol {
            Symbol::Bits(_) => {
                let operand = self.bits(reference)?;
                let width = operand.len();
                if width > 128 {
                    return Err(Diagnostic::limit(
                        name.at,
                        format!(
                            "{} has {width} bits; at most 128 can be used as a value",
                            quoted(name.text)
                        ),
                    ));
                }
                Ok(Typed {
                    expr: Expr::Bits(operand),
                    sample: Value::Bits { value: 1, width },
                })
            }
            Symbol::Qubits(_) => Err(Diagnostic::new(
                name.at,
                format!(
                    "{} is a qubit, not a value; measure it into a bit first",
                    quoted(name.text)
                ),
            )),
            Symbol::Formal(_) | Symbol::Broken => Err(Diagnostic::new(
                name.at,
                format!(
                    "{} is {}, not a value; expected a number",
                    quoted(name.text),
                    symbol.kind()
                ),
            )),
            Symbol::Constant(value, ty) => {
                let indices: Vec<&Index> = reference.indices().collect();
                self.bits_of(Typed::constant(value), ty.bits(), &indices, name)
            }
            Symbol::Variable { slot, ty } => {
                let indices: Vec<&Index> = reference.indices().collect();
                let whole = Cell::Variable(slot).value(ty);
                self.bits_of(whole, ty.bits(), &indices, name)
            }
            Symbol::Array(array) => self.element_value(&array, reference),
            Symbol::Parameter(index) => {
                let indices: Vec<&Index> = reference.indices().collect();
                let whole = Typed {
                    expr: Expr::Parameter(index),
                    sample: Value::Float(1.0),
                };
                self.bits_of(whole, None, &indices, name)
            }
        }
    }

    /// A value, or the bits of it that indices select.
    pub(crate) fn bits_of(
        &mut self,
        whole: Typed,
        width: Option<u32>,
        indices: &[&Index<'s>],
        name: ast::Name<'s>,
    ) -> Checked<Typed> {
        Ok(match self.positions(width, indices, name)? {
            None => whole,
            Some((positions, width)) => Typed::selected(whole.expr, positions, width),
        })
    }

    /// The bits of a value that indices select, and the value's number of bits.
    pub(crate) fn positions(
        &mut self,
        width: Option<u32>,
        indices: &[&Index<'s>],
        name: ast::Name<'s>,
    ) -> Checked<Option<(Operand, u32)>> {
        if indices.is_empty() {
            return Ok(None);
        }
        let Some(width) = width else {
            return Err(Diagnostic::new(
                name.at,
                format!(
                    "{} has no elements that an index could select",
                    quoted(name.text)
                ),
            ));
        };
        let bits = Operand::Range {
            first: 0,
            len: width,
        };
        let positions = self.select_all(bits, indices.iter().copied(), name)?;
        if positions.len() > 128 {
            return Err(Diagnostic::limit(
                name.at,
                "at most 128 bits can be used as a value",
            ));
        }
        Ok(Some((positions, width)))
    }

    /// An expression that will be assigned to that type.
    pub(crate) fn assignable(&mut self, ast: &ast::Expr<'s>, ty: Type) -> Checked<Expr> {
        let typed = self.expression(ast)?;
        let fitted = Self::fit(typed, ty, ast.at)?;
        Ok(fitted.expr)
    }

    /// Checks that a value can be assigned to that type; constants are converted at once.
    pub(crate) fn fit(typed: Typed, ty: Type, at: u32) -> Checked<Typed> {
        match (typed.sample.assign_to(ty), typed.is_constant()) {
            (Ok(value), true) => Ok(Typed::constant(value)),
            (Ok(_) | Err(EvalError::Domain(_)), false) => Ok(typed),
            (Err(error), _) => Err(Diagnostic::new(at, error.message())),
        }
    }

    /// A condition: any value that is true or false.
    pub(crate) fn condition(&mut self, ast: &ast::Expr<'s>) -> Checked<Expr> {
        if let Some(bits) = self.wide_bits(ast)? {
            let zero = Wide::Value(Expr::Constant(Value::Int(0)));
            let sides = Box::new((bits, zero));
            return Ok(Expr::CompareBits(BinaryOp::NotEqual, sides, ast.at));
        }
        let typed = self.expression(ast)?;
        match typed.sample.truth() {
            Ok(_) => Ok(typed.expr),
            Err(error) => Err(Diagnostic::new(ast.at, error.message())),
        }
    }

    /// The bits of a symbol, as a value to combine with another.
    pub(crate) fn bits_value(operand: Operand) -> Typed {
        let width = operand.len();
        Typed {
            expr: Expr::Bits(operand),
            sample: Value::Bits { value: 1, width },
        }
    }
}
