//! The result of the simulator as the result of a task.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use openqasm_simulator::sweep::{self, PointError};
use openqasm_simulator::{Expectation, Output, Request, ShotMemory, SimulatorError, Stop};

use crate::domain::settlement::Outcome;
use crate::domain::stored_size::stored_size;
use crate::domain::sweep_points;

/// Maximum size of the results of all points of a sweep as JSON, in bytes: that of the text of one run's counts.
const MAX_POINTS_BYTES: usize = 16 << 20;

/// Runs all points of a sweep.
pub(super) fn sweep(
    request: &Request<'_>,
    lists: &Map<String, Value>,
    stop: &Stop,
) -> Result<Outcome, PointError> {
    let written = AtomicUsize::new(0);
    let convert = |index: usize, output: Output| {
        let point = of_point(&output);
        let bytes = stored_size(&point);
        // Relaxed: the counter guards no other memory.
        let all = bytes.saturating_add(written.fetch_add(bytes, Ordering::Relaxed));
        if all > MAX_POINTS_BYTES {
            return Err(SimulatorError::ResourceLimit {
                message: format!(
                    "the results of the points so far have {all} bytes as JSON; the limit is {MAX_POINTS_BYTES} bytes: request fewer points or results"
                ),
            });
        }
        let circuit = (index == 0).then(|| of_circuit(&output));
        Ok((circuit, point))
    };
    let parameters = |index| sweep_points::point(lists, request.parameters, index);
    let count = sweep_points::count(lists);
    let found = sweep::sweep(request, count, parameters, convert, stop)?;
    let (circuits, points): (Vec<_>, Vec<_>) = found.into_iter().unzip();
    // Registers and qubits may depend on inputs: those of the first point stand for all.
    let mut execution = circuits.into_iter().flatten().next().unwrap_or_default();
    execution.insert("points".to_owned(), Value::Array(points));
    Ok(Outcome::new(json!({}), Value::Object(execution)))
}

/// The result of one point.
fn of_point(output: &Output) -> Value {
    let mut point = Map::new();
    point.insert("counts".to_owned(), json!(output.counts));
    point.insert("seed".to_owned(), json!(output.seed));
    point.extend(requested(output));
    Value::Object(point)
}

pub(super) fn into_outcome(output: &Output) -> Outcome {
    let mut execution = of_circuit(output);
    execution.insert("seed".to_owned(), json!(output.seed));
    execution.extend(requested(output));
    Outcome::new(json!(output.counts), Value::Object(execution))
}

/// The circuit and how it ran.
fn of_circuit(output: &Output) -> Map<String, Value> {
    let registers: Vec<Value> = output
        .registers
        .iter()
        .map(|register| json!({"name": register.name, "size": register.size}))
        .collect();
    let mut execution = Map::new();
    execution.insert("qubits".to_owned(), json!(output.qubits));
    execution.insert("registers".to_owned(), json!(registers));
    execution.insert("bit_order".to_owned(), json!(output.bit_order));
    execution.insert("method".to_owned(), json!(output.method));
    execution
}

/// The results that were requested beside the counts.
fn requested(output: &Output) -> Map<String, Value> {
    let mut execution = Map::new();
    if let Some(memory) = &output.memory {
        execution.insert("memory".to_owned(), shots_by_register(output, memory));
    }
    if let Some(probabilities) = &output.probabilities {
        execution.insert("probabilities".to_owned(), json!(probabilities));
    }
    if let Some(statevector) = &output.statevector {
        execution.insert("statevector".to_owned(), json!(statevector));
    }
    if !output.expectations.is_empty() {
        let all: Vec<Value> = output.expectations.iter().map(expectation).collect();
        execution.insert("expectations".to_owned(), Value::Array(all));
    }
    if !output.notes.is_empty() {
        execution.insert("notes".to_owned(), json!(output.notes));
    }
    execution
}

fn expectation(found: &Expectation) -> Value {
    let mut members = Map::new();
    members.insert("value".to_owned(), json!(found.value));
    members.insert("variance".to_owned(), json!(found.variance));
    if let Some(standard_error) = found.standard_error {
        members.insert("standard_error".to_owned(), json!(standard_error));
    }
    Value::Object(members)
}

fn shots_by_register(output: &Output, memory: &ShotMemory) -> Value {
    let number = output.registers.len();
    let registers = output
        .registers
        .iter()
        .enumerate()
        .map(|(place, register)| {
            let samples: Vec<String> = memory.of_register(place, number).collect();
            let shots = json!({"num_bits": register.size, "samples": samples});
            (register.name.clone(), shots)
        });
    Value::Object(registers.collect())
}
