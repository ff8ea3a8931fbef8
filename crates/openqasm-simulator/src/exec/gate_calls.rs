//! The gates that a program applies, and the qubits that they touch.

use crate::ir::program::{Action, GateCall, Operand, Program};
use std::collections::HashSet;

/// Maximum operands searched for the used qubits.
const MAX_LOOKS: u32 = 1 << 20;

/// All gate applications of a program.
pub(crate) fn calls(program: &Program) -> impl Iterator<Item = &GateCall> {
    program.steps.iter().filter_map(|step| match &step.action {
        Action::Gate(call) => Some(&**call),
        _ => None,
    })
}

/// The number of qubits that gates may touch; counting ends beyond `most`. A program with very many operands is taken
/// to touch all of its qubits.
pub(crate) fn used_qubits(program: &Program, most: usize) -> usize {
    let mut used = HashSet::new();
    let mut looks = 0_u32;
    for operand in calls(program).flat_map(|call| &call.operands) {
        let mut whole = operand;
        while let Operand::At { of, .. } = whole {
            whole = of;
        }
        for qubit in whole.known() {
            used.insert(qubit);
            looks += 1;
            if looks > MAX_LOOKS {
                return program.qubits as usize;
            }
            if used.len() > most {
                return used.len();
            }
        }
    }
    used.len()
}
