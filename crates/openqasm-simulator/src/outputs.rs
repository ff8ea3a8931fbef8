//! The results that a request can ask for beside the counts: their cost, and why one may be missing.

use crate::error::SimulatorError;
use crate::exec::{MAX_LISTED_QUBITS, MAX_OUTCOMES};
use crate::ir::program::Program;
use crate::limits::MAX_RESULT_TEXT_BYTES;
use crate::output::Register;
use crate::request::Request;
use crate::sampling::text;
use std::collections::BTreeMap;

/// Outcomes below this probability are omitted: they are rounding, or practically impossible.
const LEAST_PROBABILITY: f64 = 1e-12;
/// Memory of a short text in a list, in bytes.
const SAMPLE_BYTES: u64 = 64;
/// Bytes of a number as text, with its colon and quotes.
const NUMBER_BYTES: u64 = 24;

/// Refuses, before the run, outcomes of all shots that would be too large.
pub(crate) fn check_shot_memory(
    program: &Program,
    request: &Request<'_>,
) -> Result<(), SimulatorError> {
    let shots = u64::from(request.shots);
    let refused = |what, bytes, limit| {
        Err(SimulatorError::ResourceLimit {
            message: format!(
                "the outcomes of {shots} shots need {bytes} bytes of {what}; the limit is {limit} bytes"
            ),
        })
    };
    let text_bytes = shots.saturating_mul(program.shot_bytes());
    if text_bytes > MAX_RESULT_TEXT_BYTES {
        return refused("text", text_bytes, MAX_RESULT_TEXT_BYTES);
    }
    let registers = program.registers.len() as u64;
    let memory_bytes = shots * (size_of::<u32>() as u64 + registers * SAMPLE_BYTES);
    if memory_bytes > request.memory_limit_bytes {
        return refused("memory", memory_bytes, request.memory_limit_bytes);
    }
    Ok(())
}

/// Probabilities by the text of their outcome; `None` if the texts would be too long.
pub(crate) fn by_text(
    program: &Program,
    outcomes: Vec<(Vec<u64>, f64)>,
) -> Option<BTreeMap<String, f64>> {
    let mut probabilities = BTreeMap::new();
    let each = program.outcome_bytes() + NUMBER_BYTES;
    for (outcome, probability) in outcomes {
        *probabilities
            .entry(text(&outcome, &program.registers))
            .or_insert(0.0) += probability;
        if each.saturating_mul(probabilities.len() as u64) > MAX_RESULT_TEXT_BYTES {
            return None;
        }
    }
    probabilities.retain(|_, probability| *probability >= LEAST_PROBABILITY);
    Some(probabilities)
}

/// Notes why requested probabilities and amplitudes are missing.
pub(crate) fn missing(
    request: &Request<'_>,
    program: &Program,
    [has_probabilities, has_statevector]: [bool; 2],
) -> Vec<String> {
    let mut notes = Vec::new();
    let middle = "the circuit has a random outcome before its end";
    if request.probabilities && !has_probabilities {
        notes.push(format!(
            "no probabilities: {middle}, or more than {MAX_OUTCOMES} outcomes or {MAX_RESULT_TEXT_BYTES} bytes of them"
        ));
    }
    if request.statevector && !has_statevector {
        notes.push(if program.qubits > MAX_LISTED_QUBITS {
            format!(
                "no statevector: the circuit declares {} qubits; at most {MAX_LISTED_QUBITS} are listed",
                program.qubits
            )
        } else {
            format!("no statevector: {middle}")
        });
    }
    notes
}

/// Whether the amplitudes are requested and few enough to be listed. Only a statevector has them.
pub(crate) fn lists_amplitudes(request: &Request<'_>, program: &Program) -> bool {
    request.statevector && program.qubits <= MAX_LISTED_QUBITS
}

/// The classical registers of a program, as described in the result.
pub(crate) fn registers(program: &Program) -> Vec<Register> {
    let described = program.registers.iter().map(|register| Register {
        name: register.name.clone(),
        size: register.len,
    });
    described.collect()
}

/// The order of the bits of an outcome, for people.
pub(crate) fn bit_order(program: &Program) -> String {
    let shown = program
        .registers
        .iter()
        .rev()
        .map(|register| match register.len {
            1 => format!("{}[0]", register.name),
            _ => format!("{0}[n-1]..{0}[0]", register.name),
        });
    shown.collect::<Vec<_>>().join(" ")
}
