//! Gates on more qubits than the simulator applies at once, such as a whole circuit that Qiskit made a gate: they are
//! replaced by the gates of their definition.

use crate::error::Diagnostic;
use crate::ir::arithmetic;
use crate::ir::program::{Action, BodyCall, Expr, GateCall, GateRef, Operand};
use crate::ir::value::Value;
use crate::sema::gate::Application;
use crate::sema::{Checked, Checker};

/// Maximum qubits of one gate that the simulator can number.
const MAX_WHOLE: usize = 64;

/// A gate of a definition, with its parameters computed.
type Part = (BodyCall, Vec<Expr>, Vec<Expr>);

impl Checker<'_> {
    /// Inlines the gates of a large definition here, if that is possible; returns whether it did.
    pub(crate) fn inline_wide_gate(
        &mut self,
        application: &Application,
        operands: &[Operand],
        at: u32,
    ) -> Checked<bool> {
        if operands.len() <= MAX_WHOLE || operands.iter().any(|operand| operand.len() != 1) {
            return Ok(false);
        }
        self.inline_one(application, operands, at)
    }

    fn inline_one(
        &mut self,
        application: &Application,
        operands: &[Operand],
        at: u32,
    ) -> Checked<bool> {
        let GateRef::Defined(index) = application.gate else {
            return Ok(false);
        };
        let Some(parts) = self.parts_of(index, &application.parameters) else {
            return Ok(false);
        };
        for (part, parameters, powers) in parts {
            let qubits = part.qubits.iter();
            let own: Vec<Operand> = qubits.filter_map(|q| operands.get(*q).cloned()).collect();
            let part = Application {
                gate: part.gate,
                powers,
                controls: part.controls,
                parameters,
                size: 0,
                depth: 0,
            };
            if self.does_reset(part.gate) {
                self.inline_resets(&part, &own, 1, at)?;
                continue;
            }
            let plain = part.powers.is_empty() && part.controls.is_empty();
            if plain && self.inline_wide_gate(&part, &own, at)? {
                continue;
            }
            let call = GateCall {
                gate: part.gate,
                powers: part.powers.into(),
                controls: part.controls.into(),
                parameters: part.parameters.into(),
                operands: own.into(),
            };
            self.emit(Action::Gate(Box::new(call)), at)?;
        }
        Ok(true)
    }

    /// Inlines the gates and resets of a definition here, for each of the qubits of registers.
    pub(crate) fn inline_resets(
        &mut self,
        application: &Application,
        operands: &[Operand],
        times: u32,
        at: u32,
    ) -> Checked<()> {
        let too_many = || Diagnostic::limit(at, "gates that reset qubits are used too often");
        for round in 0..times {
            let one = |operand: &Operand| {
                let place = if operand.len() == 1 { 0 } else { round };
                operand
                    .get(place)
                    .map_or_else(|| operand.clone(), |first| Operand::Range { first, len: 1 })
            };
            let own: Vec<Operand> = operands.iter().map(one).collect();
            if let GateRef::Reset = application.gate {
                for operand in own {
                    self.emit(Action::Reset(operand), at)?;
                }
            } else if !self.inline_one(application, &own, at)? {
                return Err(too_many());
            }
        }
        Ok(())
    }

    /// The gates of a definition, if their parameters are known and they are not too many.
    fn parts_of(&mut self, index: usize, parameters: &[Expr]) -> Option<Vec<Part>> {
        let parameters: Option<Vec<Value>> = parameters.iter().map(|e| folded(e, &[])).collect();
        let parameters = parameters?;
        let body = &self.definitions.get(index)?.body;
        // A wide gate counts as several narrow ones.
        let narrow = body.iter().map(|call| 1 + call.qubits.len() as u64 / 4);
        self.unrolling.left = self.unrolling.left.checked_sub(narrow.sum())?;
        let all = |values: &[Expr]| -> Option<Vec<Expr>> {
            let known = values.iter().map(|value| {
                let number = folded(value, &parameters)?.as_real().ok()?;
                Some(Expr::Constant(Value::Float(number)))
            });
            known.collect()
        };
        let part = |call: &BodyCall| {
            let (own, powers) = (all(&call.parameters)?, all(&call.powers)?);
            Some((call.clone(), own, powers))
        };
        body.iter().map(part).collect()
    }
}

/// The value of an expression in the definition of a gate, if it has one.
fn folded(expr: &Expr, parameters: &[Value]) -> Option<Value> {
    let value = |expr: &Expr| folded(expr, parameters);
    match expr {
        Expr::Constant(value) => Some(*value),
        Expr::Parameter(index) => parameters.get(*index).copied(),
        Expr::Unary(op, operand, _) => arithmetic::unary(*op, value(operand)?).ok(),
        Expr::Binary(op, sides, _) => {
            arithmetic::binary(*op, value(&sides.0)?, value(&sides.1)?).ok()
        }
        Expr::Call(function, arguments, _) => {
            let arguments: Option<Vec<Value>> = arguments.iter().map(value).collect();
            function.call(&arguments?).ok()
        }
        Expr::Cast(ty, operand, _) => value(operand)?.cast_to(*ty).ok(),
        _ => None,
    }
}
