//! Gates of a branch: the qubits of a call, and the open measurements that it would disturb.

use crate::exec::context::Context;
use crate::exec::expand::{Applied, Controls, Expander};
use crate::exec::machine::Machine;
use crate::exec::quantum::{Slot, Status};
use crate::ir::gates::{Base as B, Builtin};
use crate::ir::program::{GateCall, GateRef, Operand};
use crate::run_error::{RunError, Running};

impl Machine {
    /// Applies a call to all its qubits, or returns the qubit that must be decided first.
    pub(crate) fn gate(
        &mut self,
        call: &GateCall,
        at: u32,
        context: &Context<'_>,
    ) -> Running<Option<Slot>> {
        let times = call.operands.iter().map(Operand::len).max().unwrap_or(1);
        self.work(times as usize * call.operands.len(), context)?;
        let mut rounds = Vec::with_capacity(times as usize);
        for round in 0..times {
            let qubits = self.round(call, round, at)?;
            rounds.push(qubits);
        }
        if let GateRef::Builtin(Builtin {
            base: B::Swap,
            controls: 0,
        }) = call.gate
            && call.controls.is_empty()
            && call.powers.is_empty()
        {
            for pair in &rounds {
                if let [a, b] = pair.as_slice() {
                    self.quantum.relabel(*a, *b);
                }
            }
            return Ok(None);
        }
        let kept = kept_operands(call);
        for qubits in &rounds {
            while let Some(slot) = self.disturbed(qubits, &kept) {
                if !self.quantum.defer_with_ancilla(slot)? {
                    return Ok(Some(slot));
                }
            }
        }
        let real = |expr| self.memory.real(expr, &[], at);
        let parameters = call
            .parameters
            .iter()
            .map(real)
            .collect::<Running<Vec<f64>>>()?;
        let powers = call
            .powers
            .iter()
            .map(real)
            .collect::<Running<Vec<f64>>>()?;
        for qubits in &rounds {
            self.apply(call, qubits, &kept, &parameters, &powers, at, context)?;
        }
        Ok(None)
    }

    /// The qubits of one round of a call, all different.
    fn round(&self, call: &GateCall, round: u32, at: u32) -> Running<Vec<u32>> {
        let mut qubits = Vec::with_capacity(call.operands.len());
        let mut dynamic = false;
        for operand in &call.operands {
            let place = if operand.len() == 1 { 0 } else { round };
            dynamic |= matches!(operand, Operand::At { .. });
            qubits.push(self.memory.element(operand, place)?);
        }
        if dynamic {
            let mut sorted = qubits.clone();
            sorted.sort_unstable();
            if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
                return Err(RunError::wrong(
                    at,
                    "the same qubit is used twice by one gate",
                ));
            }
        }
        Ok(qubits)
    }

    /// A qubit with an open measurement that this gate would change.
    fn disturbed(&self, qubits: &[u32], kept: &[bool]) -> Option<Slot> {
        qubits.iter().zip(kept).find_map(|(qubit, kept)| {
            let slot = self.quantum.slot(*qubit)?;
            let status = self.quantum.statuses().get(usize::from(slot))?;
            (!kept && matches!(status, Status::Measured(_))).then_some(slot)
        })
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one round of a call, all parts computed before"
    )]
    fn apply(
        &mut self,
        call: &GateCall,
        qubits: &[u32],
        kept: &[bool],
        parameters: &[f64],
        powers: &[f64],
        at: u32,
        context: &Context<'_>,
    ) -> Running<()> {
        let mut slots = Vec::with_capacity(qubits.len());
        for (qubit, kept) in qubits.iter().zip(kept) {
            let Some(slot) = self.quantum.touch(*qubit) else {
                continue;
            };
            slots.push(slot);
            if *kept {
                self.quantum.keep(slot);
            } else {
                self.quantum.disturb(slot);
            }
        }
        if self.quantum.is_too_large() {
            return Ok(());
        }
        let names = self.quantum.names(&slots);
        let (controls, own) = Controls::of(call, &names);
        Expander {
            program: context.program,
            memory: &self.memory,
            count: &mut self.gates,
            sink: &mut self.quantum,
        }
        .apply(&Applied {
            gate: call.gate,
            powers,
            parameters,
            qubits: own,
            controls,
            at,
        })
    }
}

/// For each operand of a call, whether the gate leaves its basis states unchanged: controls, and the targets of
/// diagonal gates. An open measurement of such a qubit can stay open.
fn kept_operands(call: &GateCall) -> Vec<bool> {
    let mut kept = vec![true; call.controls.len()];
    let own = call.operands.len().saturating_sub(call.controls.len());
    match call.gate {
        GateRef::Builtin(Builtin { base, controls }) => {
            kept.extend(std::iter::repeat_n(true, usize::from(controls).min(own)));
            let diagonal = matches!(
                base,
                B::I | B::Z | B::S | B::Sdg | B::T | B::Tdg | B::P | B::Rz | B::U0 | B::GlobalPhase
            );
            kept.resize(call.operands.len(), diagonal);
        }
        GateRef::Library(_) | GateRef::Defined(_) | GateRef::Reset => {
            kept.resize(call.operands.len(), false);
        }
    }
    kept
}
