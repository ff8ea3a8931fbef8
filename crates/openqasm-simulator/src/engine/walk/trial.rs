//! What can go wrong with a value or a gate: found by trying where all is known, and told where it
//! depends on what is not.

use super::super::super::arithmetic::BinaryOp;
use super::super::super::functions::Function;
use super::super::super::program::{Expr, GateCall, GateRef, Operand};
use super::super::super::stop::Stop;
use super::super::super::value::{Type, Value};
use super::super::Running;
use super::super::expand::{Applied, Controls, Expander, Sink};
use super::super::kernels::Op;
use super::Walk;

/// Most qubits of one gate that the expansion of gates can name.
const MAX_OPERANDS: usize = 64;

/// A gate with the bits of its parameters and powers, and its controls.
pub(super) type Tried = (GateRef, Vec<u64>, Vec<bool>);

impl Walk<'_> {
    /// Expands a gate as a run does, once for each of its values: powers may be too large, and
    /// values within a definition may have no result.
    pub(super) fn try_gate(&mut self, call: &GateCall, at: u32) -> Running<()> {
        let is_plain = matches!(call.gate, GateRef::Builtin(_)) && call.powers.is_empty();
        if is_plain || call.operands.len() > MAX_OPERANDS {
            return Ok(());
        }
        // A definition may use an input of which only a run knows the value.
        let mut inputs = self.program.inputs.iter();
        if matches!(call.gate, GateRef::Defined(_)) && inputs.any(|input| input.open.is_some()) {
            return Ok(());
        }
        let mut values = Vec::with_capacity(call.parameters.len() + call.powers.len());
        for value in call.parameters.iter().chain(&call.powers) {
            match self.value(value)?.map(Value::as_real) {
                Some(Ok(value)) => values.push(value),
                _ => return Ok(()),
            }
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

    /// Notes that a value depends on what is not known, if it may then have no result.
    pub(super) fn doubt(&self, expr: &Expr) {
        if can_fail(expr) {
            self.is_doubtful.set(true);
        }
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
                BinaryOp::Divide
                | BinaryOp::DivideReal
                | BinaryOp::Remainder
                | BinaryOp::ShiftLeft
                | BinaryOp::ShiftRight => is_positive(&sides.1),
                BinaryOp::Power => false,
                _ => true,
            };
            !is_safe || can_fail(&sides.0) || can_fail(&sides.1)
        }
        Expr::Call(function, arguments, _) => {
            let is_safe = matches!(
                function,
                Function::Arctan
                    | Function::Ceiling
                    | Function::Cos
                    | Function::Floor
                    | Function::Popcount
                    | Function::Rotl
                    | Function::Rotr
                    | Function::Sin
            );
            !is_safe || arguments.iter().any(can_fail)
        }
        Expr::Cast(ty, operand, _) => {
            matches!(ty, Type::Bits(_) | Type::Int(_) | Type::Uint(_)) || can_fail(operand)
        }
        Expr::Select(value, positions, _) => can_fail(value) || is_computed(positions),
        Expr::Insert(values, positions, ..) => {
            can_fail(&values.0) || can_fail(&values.1) || is_computed(positions)
        }
    }
}

fn is_positive(expr: &Expr) -> bool {
    match expr {
        Expr::Constant(value) => value.as_real().is_ok_and(|value| value > 0.0),
        _ => false,
    }
}

fn is_computed(operand: &Operand) -> bool {
    matches!(operand, Operand::At { .. })
}

/// Takes operations and does nothing with them.
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
