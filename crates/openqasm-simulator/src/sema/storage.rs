//! Allocation of qubits and bits.

use crate::error::Diagnostic;
use crate::ir::program::{Action, Expr, Operand};
use crate::ir::value::Value;
use crate::limits::{MAX_BITS, MAX_QUBITS};
use crate::sema::{Checked, Checker};

impl Checker<'_> {
    pub(crate) fn new_qubits(&mut self, count: u32, at: u32) -> Checked<Operand> {
        let first = self.qubits;
        match first
            .checked_add(count)
            .filter(|total| *total <= MAX_QUBITS)
        {
            Some(total) => self.qubits = total,
            None => {
                return Err(Diagnostic::limit(
                    at,
                    format!("more than {MAX_QUBITS} qubits are declared"),
                ));
            }
        }
        Ok(Operand::Range { first, len: count })
    }

    pub(crate) fn new_bits(&mut self, count: u32, at: u32) -> Checked<Operand> {
        let scoped = !self.calls.is_empty() || self.is_unrolling();
        let spare = self.spare_bits.get_mut(&count);
        if scoped && let Some(first) = spare.and_then(Vec::pop) {
            self.own_bits(first, count);
            return Ok(Operand::Range { first, len: count });
        }
        let first = self.usage.bits;
        match first.checked_add(count).filter(|total| *total <= MAX_BITS) {
            Some(total) => self.usage.bits = total,
            None => {
                return Err(Diagnostic::limit(
                    at,
                    format!("more than {MAX_BITS} bits are declared"),
                ));
            }
        }
        self.own_bits(first, count);
        Ok(Operand::Range { first, len: count })
    }

    /// Notes bits that become free when the turn of an unrolled loop or the call ends.
    pub(crate) fn own_bits(&mut self, first: u32, count: u32) {
        self.unit_registers.remove(&first);
        if let Some(frame) = self.unrolling() {
            frame.bits.push((first, count));
        } else if let Some(frame) = self.calls.last_mut() {
            frame.bits.push((first, count));
        }
    }

    /// Allocates bits that belong to no call.
    pub(crate) fn lasting_bits(&mut self, count: u32, at: u32) -> Checked<Operand> {
        let calls = std::mem::take(&mut self.calls);
        let loops = std::mem::take(&mut self.loops);
        let operand = self.new_bits(count, at);
        (self.calls, self.loops) = (calls, loops);
        operand
    }

    /// Allocates bits that become free at the end of the statement.
    pub(crate) fn temporary(&mut self, count: u32, at: u32) -> Checked<Operand> {
        let spare = self.spare_bits.get_mut(&count).and_then(Vec::pop);
        let operand = match spare {
            Some(first) => Ok(Operand::Range { first, len: count }),
            None => self.lasting_bits(count, at),
        };
        if let Ok(Operand::Range { first, len }) = operand {
            self.temporary_bits.push((first, len));
        }
        operand
    }

    pub(crate) fn release_temporary_bits(&mut self, from: usize) {
        for (first, len) in self.temporary_bits.split_off(from) {
            self.spare_bits.entry(len).or_default().push(first);
        }
    }

    /// Sets bits to 0 that may have been used before.
    pub(crate) fn clear_bits(&mut self, target: &Operand, at: u32) -> Checked<()> {
        let Operand::Range { first, len } = *target else {
            return Ok(());
        };
        for offset in (0..len).step_by(128) {
            let width = (len - offset).min(128);
            let value = Expr::Constant(Value::Bits { value: 0, width });
            let first = first + offset;
            let target = Operand::Range { first, len: width };
            self.emit(Action::SetBits { target, value }, at)?;
        }
        Ok(())
    }
}
