//! Possible mistakes of values and gates: found by evaluation if all operands are known, and noted if they depend on
//! unknown values.

use crate::analysis::Interpreter;
use crate::exec::expand::{Applied, Controls, Expander, Sink};
use crate::ir::functions::Function;
use crate::ir::operator::{BinaryOp, UnaryOp};
use crate::ir::program::{Expr, GateCall, GateRef, Operand, Program};
use crate::ir::value::{Type, Value};
use crate::resources::stop::Stop;
use crate::run_error::Running;
use crate::statevector::op::Op;

/// Maximum depth and length of definitions that are searched for possible mistakes.
const MAX_DEFINITION_DEPTH: u32 = 4;
const MAX_BODY: usize = 64;
/// Products of numbers up to this one are finite, except those of very many factors.
const LARGE: f64 = 1e60;

/// Most qubits of one gate that the expansion of gates can name.
const MAX_OPERANDS: usize = 64;

/// Powers nearer to zero than this have a result for whole numbers.
const LEAST_UNSAFE_POWER: i128 = 1 << 20;

/// A gate with the bits of its parameters and powers, and its controls.
pub(crate) type Tried = (GateRef, Vec<u64>, Vec<bool>);

impl Interpreter<'_> {
    /// Expands a gate as a run does, once for each combination of values: powers may be too large, and values within
    /// a definition may have no result.
    pub(crate) fn try_gate(&mut self, call: &GateCall, at: u32) -> Running<()> {
        let is_plain = matches!(call.gate, GateRef::Builtin(_)) && call.powers.is_empty();
        if is_plain || call.operands.len() > MAX_OPERANDS {
            return Ok(());
        }
        // A definition may use an input whose value only the run knows.
        let mut inputs = self.program.inputs.iter();
        if matches!(call.gate, GateRef::Defined(_)) && inputs.any(|input| input.open.is_some()) {
            self.doubt_gate(call);
            return Ok(());
        }
        let mut values = Vec::with_capacity(call.parameters.len() + call.powers.len());
        for value in call.parameters.iter().chain(&call.powers) {
            let Some(Ok(value)) = self.value(value)?.map(Value::as_real) else {
                self.doubt_gate(call);
                return Ok(());
            };
            values.push(value);
        }
        let bits = values.iter().map(|value| value.to_bits()).collect();
        if !self.tried.insert((call.gate, bits, call.controls.to_vec())) {
            return Ok(());
        }
        let (parameters, powers) = values.split_at(call.parameters.len());
        let names: Vec<u8> = (0_u8..).take(call.operands.len()).collect();
        let (controls, qubits) = Controls::of(call, &names);
        let mut count = 0;
        let result = Expander {
            program: self.program,
            memory: &self.known.memory,
            count: &mut count,
            sink: &mut Silent {
                stop: self.stop,
                seen: 0,
            },
        }
        .apply(&Applied {
            gate: call.gate,
            powers,
            parameters,
            qubits,
            controls,
            at,
        });
        self.spend(count)?;
        self.sure(Some(result)).map(drop)
    }

    fn doubt_gate(&self, call: &GateCall) {
        let is_safe = |power: &Expr| match self.known.value(power) {
            Some(value) => value.is_ok(),
            None => self
                .bounds(power)
                .is_some_and(|(low, high)| low > -LEAST_UNSAFE_POWER && high < LEAST_UNSAFE_POWER),
        };
        if !call.powers.iter().all(is_safe) || definition_can_fail(self.program, call.gate, 0) {
            self.is_doubtful.set(true);
        }
    }

    /// The range of whole numbers of a value that depends on unknown values.
    pub(crate) fn bounds(&self, expr: &Expr) -> Option<(i128, i128)> {
        if let Some(known) = self.known.value(expr) {
            let value = known.ok()?.numeric().as_int().ok()?;
            return Some((value, value));
        }
        let of_bits = |width: u32| (width < 64).then(|| (0, (1_i128 << width) - 1));
        match expr {
            Expr::Bits(operand) => of_bits(operand.len()),
            Expr::Select(_, positions, _) => of_bits(positions.len()),
            Expr::Cast(Type::Bits(width) | Type::Uint(width), _, _) if *width < 8 => {
                of_bits(*width)
            }
            Expr::Cast(Type::Int(width) | Type::Uint(width), inner, _) => {
                let (low, high) = self.bounds(inner)?;
                (low >= 0 && high < 1_i128 << (width - 1).min(64)).then_some((low, high))
            }
            _ => None,
        }
    }

    /// Notes that an index may be out of range.
    pub(crate) fn doubt_index(&self, index: &Expr, len: u32) {
        let len = i128::from(len);
        if !(self.bounds(index)).is_some_and(|(low, high)| low >= -len && high < len) {
            self.is_doubtful.set(true);
        }
    }

    /// Notes that an operand with an unknown index may be out of range.
    pub(crate) fn doubt_place(&self, operand: &Operand) {
        if let Operand::At { of, index, .. } = operand {
            self.doubt_place(of);
            if self.known.value(index).is_none() {
                self.doubt_index(index, of.len());
            }
        }
    }

    /// Notes that a value may not fit the type that it is assigned to.
    pub(crate) fn doubt_assignment(&self, expr: &Expr, ty: Type) {
        let Type::Bits(width) = ty else {
            return;
        };
        let fits = |(low, high): (i128, i128)| low >= 0 && (width >= 64 || high < 1 << width);
        let is_bits = matches!(
            expr,
            Expr::Bits(_) | Expr::Select(..) | Expr::Insert(..) | Expr::CompareBits(..)
        ) || matches!(expr, Expr::Cast(Type::Bits(_) | Type::Bool, _, _))
            || matches!(expr, Expr::Binary(op, ..) if op.is_comparison() || matches!(op, BinaryOp::And | BinaryOp::Or))
            || matches!(expr, Expr::Unary(UnaryOp::Not, ..));
        if !is_bits && !self.bounds(expr).is_some_and(fits) {
            self.is_doubtful.set(true);
        }
    }

    /// Notes that a value depends on unknown values, if it may have no result.
    pub(crate) fn doubt(&self, expr: &Expr) {
        if can_fail(expr) {
            self.is_doubtful.set(true);
        }
    }
}

/// Whether a gate with unknown values may have powers or values in its definition without a result.
fn definition_can_fail(program: &Program, gate: GateRef, depth: u32) -> bool {
    let GateRef::Defined(place) = gate else {
        return false;
    };
    let Some(definition) = program.gates.get(place) else {
        return false;
    };
    // Deeper definitions are assumed to have possible mistakes, so that the search ends soon.
    depth > MAX_DEFINITION_DEPTH
        || definition.body.iter().take(MAX_BODY).any(|call| {
            call.parameters.iter().any(can_fail)
                || call.powers.iter().any(|power| !is_small(power))
                || definition_can_fail(program, call.gate, depth + 1)
        })
        || definition.body.len() > MAX_BODY
}

/// Whether a power is known and so small that all gates have it.
fn is_small(power: &Expr) -> bool {
    match power {
        Expr::Constant(value) => value.as_real().is_ok_and(|value| value.abs() <= 64.0),
        _ => false,
    }
}

/// Whether an expression may have no result for some values.
fn can_fail(expr: &Expr) -> bool {
    match expr {
        Expr::Constant(_) | Expr::Variable(_) | Expr::Parameter(_) | Expr::CompareBits(..) => false,
        Expr::Bits(operand) => is_computed(operand),
        Expr::Element(_) => true,
        Expr::Unary(_, operand, _) => can_fail(operand),
        Expr::Binary(op, sides, _) => {
            let is_safe = match op {
                BinaryOp::Divide | BinaryOp::DivideReal | BinaryOp::Remainder => {
                    is_positive(&sides.1)
                }
                BinaryOp::ShiftLeft | BinaryOp::ShiftRight => is_distance(&sides.1),
                BinaryOp::Power => false,
                _ => !is_huge(&sides.0) && !is_huge(&sides.1),
            };
            !is_safe || can_fail(&sides.0) || can_fail(&sides.1)
        }
        Expr::Call(function, arguments, _) => {
            let is_safe = matches!(
                function,
                Function::Abs
                    | Function::Arctan
                    | Function::Ceiling
                    | Function::Cos
                    | Function::Floor
                    | Function::Imag
                    | Function::Popcount
                    | Function::Real
                    | Function::Rotl
                    | Function::Rotr
                    | Function::Sin
            );
            !is_safe || arguments.iter().any(can_fail)
        }
        Expr::Cast(ty, operand, _) => {
            let may_not_fit = match ty {
                Type::Bits(_) => true,
                Type::Int(_) | Type::Uint(_) => !is_whole(operand),
                _ => false,
            };
            may_not_fit || can_fail(operand)
        }
        Expr::Select(value, positions, _) => can_fail(value) || is_computed(positions),
        Expr::Insert(values, positions, ..) => {
            can_fail(&values.0) || can_fail(&values.1) || is_computed(positions)
        }
    }
}

/// Whether a value is bits or an integer, of which a cast to an integer keeps the lowest bits.
fn is_whole(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Bits(_)
            | Expr::Select(..)
            | Expr::Insert(..)
            | Expr::CompareBits(..)
            | Expr::Cast(
                Type::Bool | Type::Bits(_) | Type::Int(_) | Type::Uint(_),
                ..
            )
    )
}

fn is_positive(expr: &Expr) -> bool {
    match expr {
        Expr::Constant(value) => value.as_real().is_ok_and(|value| value > 0.0),
        _ => false,
    }
}

/// Whether a constant is a valid distance of a shift.
fn is_distance(expr: &Expr) -> bool {
    match expr {
        Expr::Constant(value) => {
            let distance = value.numeric().as_int();
            distance.is_ok_and(|distance| u32::try_from(distance).is_ok())
        }
        _ => false,
    }
}

/// Whether a constant is so large that a sum or a product with it may be infinite.
fn is_huge(expr: &Expr) -> bool {
    match expr {
        Expr::Constant(Value::Float(value) | Value::Duration(value)) => value.abs() > LARGE,
        _ => false,
    }
}

fn is_computed(operand: &Operand) -> bool {
    matches!(operand, Operand::At { .. })
}

/// Accepts operations and ignores them.
struct Silent<'a> {
    stop: &'a Stop,
    seen: u32,
}

impl Sink for Silent<'_> {
    fn op(&mut self, _: Op) -> Running<()> {
        self.seen = self.seen.wrapping_add(1);
        if self.seen.is_multiple_of(1024) {
            self.stop.check()?;
        }
        Ok(())
    }
}
