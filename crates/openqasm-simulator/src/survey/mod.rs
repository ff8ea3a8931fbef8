//! The check of a circuit without a run: its mistakes, or its gates, depth, method and memory.

mod report;

pub use report::{InputSurvey, MemorySurvey, Mistake, MistakeCode, Survey, Verdict};

use crate::analysis::{self, Analysis, AnalysisError};
use crate::compile::{self, Refusal};
use crate::error::{Diagnostic, SimulatorError};
use crate::exec::{self, MemoryNeed, Method};
use crate::ir::program::{Input, Program};
use crate::limits::MAX_ERRORS;
use crate::observables::ObservablePlan;
use crate::outputs::{self, lists_amplitudes, registers};
use crate::request::Request;
use crate::resources::stop::{Stop, Stopped};
use std::time::Duration;

/// Time limit for the choice of the method: gate definitions that apply each other can expand to very many gates.
const METHOD_TIME: Duration = Duration::from_secs(2);

/// Checks the circuit of the request. Without parameters its inputs may have any values.
pub fn survey(request: &Request<'_>, stop: &Stop) -> Result<Verdict, Stopped> {
    let source = request.source;
    let program = match compile::read(request, request.parameters, stop) {
        Ok(program) => program,
        Err(Refusal::TooLong(message)) => return Ok(refused(vec![Mistake::limit(message)])),
        Err(Refusal::Wrong(mistakes)) => return Ok(refused(located(mistakes, source))),
        Err(Refusal::Stopped(stopped)) => return Err(stopped),
    };
    let found = match analysis::analyse(&program, source, stop) {
        Ok(found) => found,
        Err(AnalysisError::Wrong(mistake)) => return Ok(refused(located(vec![mistake], source))),
        Err(AnalysisError::Stopped(stopped)) => return Err(stopped),
    };
    let method = method(request, &program, stop)?;
    let (mut errors, mut notes) = (Vec::new(), notes(&program, &found, method));
    if request.memory
        && let Err(SimulatorError::ResourceLimit { message }) =
            outputs::check_shot_memory(&program, request)
    {
        errors.push(Mistake::limit(message));
    }
    if let Err(error) = ObservablePlan::new(request.observables, &program) {
        errors.push(Mistake::whole(
            MistakeCode::InvalidCircuit,
            error.to_string(),
        ));
    }
    let need = method.map(|method| need(&program, &found, method));
    let limit = request.memory_limit_bytes;
    let memory = need.map(|need| MemorySurvey {
        state_bytes: u64::try_from(need.bytes).ok(),
        reserved_bytes: exec::bytes_to_reserve(&program, need.method, limit),
        limit_bytes: limit,
        fits: need.bytes <= u128::from(limit),
    });
    // Alternative branches may fit one by one, though they do not fit together.
    let least = method.map(|method| MemoryNeed::of(method, found.surely_used_qubits));
    if let Some(least) = least.filter(|least| least.bytes > u128::from(limit)) {
        errors.push(Mistake::limit(least.over_limit(limit)));
    } else if memory.is_some_and(|memory| !memory.fits) {
        notes.push("the state of all branches together does not fit; a run fails if that of its own branch does not".to_owned());
    }
    Ok(Verdict {
        valid: errors.is_empty(),
        errors,
        survey: Some(summary(&program, found, method, memory, notes)),
    })
}

fn refused(errors: Vec<Mistake>) -> Verdict {
    Verdict {
        valid: false,
        errors,
        survey: None,
    }
}

fn located(mut mistakes: Vec<Diagnostic>, source: &str) -> Vec<Mistake> {
    mistakes.sort_by_key(|mistake| mistake.at);
    mistakes.truncate(MAX_ERRORS);
    let located = mistakes.iter().map(|mistake| Mistake::at(mistake, source));
    located.collect()
}

/// The method of a run, unless finding it takes too long.
fn method(
    request: &Request<'_>,
    program: &Program,
    stop: &Stop,
) -> Result<Option<Method>, Stopped> {
    if lists_amplitudes(request, program) {
        return Ok(Some(Method::Statevector));
    }
    match Method::of(program, &stop.within(METHOD_TIME)) {
        Ok(method) => Ok(Some(method)),
        Err(_) => stop.check().map(|()| None),
    }
}

fn need(program: &Program, found: &Analysis, method: Method) -> MemoryNeed {
    let qubits = if found.is_cut {
        exec::used_qubits(program, usize::MAX)
    } else {
        found.used_qubits
    };
    MemoryNeed::of(method, qubits)
}

fn summary(
    program: &Program,
    found: Analysis,
    method: Option<Method>,
    memory: Option<MemorySurvey>,
    notes: Vec<String>,
) -> Survey {
    let counts_are_exact = !found.is_open && !found.is_cut;
    Survey {
        openqasm_version: program.version,
        qubits: program.qubits,
        qubits_used: found.used_qubits,
        registers: registers(program),
        inputs: program.inputs.iter().map(input).collect(),
        gate_count: found.gates.values().sum(),
        gates: found.gates,
        multi_qubit_gates: found.multi_qubit_gates,
        measurements: found.measurements,
        resets: found.resets,
        depth: found.depth,
        counts_are_exact,
        depth_is_exact: counts_are_exact && !found.has_open_index,
        method: method.map(Method::name),
        memory,
        notes,
    }
}

fn input(input: &Input) -> InputSurvey {
    InputSurvey {
        name: input.name.clone(),
        ty: input.ty.clone(),
    }
}

fn notes(program: &Program, found: &Analysis, method: Option<Method>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |holds: bool, text: &str| {
        if holds {
            notes.push(text.to_owned());
        }
    };
    let open_inputs = program.inputs.iter().any(|input| input.open.is_some());
    let unknown = if open_inputs {
        "outcomes, or on inputs without a value"
    } else {
        "outcomes"
    };
    note(
        found.is_open,
        &format!(
            "what runs depends on {unknown}: the gates of all branches are counted, a loop body without a known end once; the depth is that of the longest branch"
        ),
    );
    note(
        found.has_open_index && !found.is_open,
        &format!(
            "which qubits are meant depends on {unknown}: the depth is that of the longest branch"
        ),
    );
    note(
        found.is_doubtful,
        &format!(
            "values depend on {unknown}: a run may fail with a mistake, such as a division by zero or an index out of range"
        ),
    );
    note(
        found.is_cut,
        "analysis hit its work limit: counts and depth are lower bounds",
    );
    note(
        program.written < program.steps.len(),
        "nothing is measured: a run measures all qubits at the end",
    );
    note(
        method.is_none(),
        "the method is not known: nested gate definitions exceed the time limit of the analysis",
    );
    notes
}
