//! The built-in simulator as an executor: on a blocking thread, stoppable, within its memory limit.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;

use openqasm_simulator::sweep::PointError;
use openqasm_simulator::{
    Done, MAX_SOURCE_BYTES, MemoryPool, Observable, Request, SimulatorError, Stop, Stopped,
    ThreadBudget,
};

use super::simulator_result::{into_outcome, sweep};
use super::{Control, Executor, LogBuffer, crashed};
use crate::domain::circuit_options::CircuitOptions;
use crate::domain::observables::{Observables, PauliTerm};
use crate::domain::settlement::{ErrorCode, Failure, Outcome};
use crate::domain::task::{Assignment, Work};

/// Runs shorter than this report no progress.
const FIRST_PROGRESS: Duration = Duration::from_secs(2);
/// The interval between progress reports.
const PROGRESS: Duration = Duration::from_millis(500);

/// The message of the failure for other work.
pub const CIRCUITS_ONLY: &str = "the simulator runs circuits only";

/// The simulator backend.
#[derive(Debug, Clone)]
pub struct Simulator {
    /// The memory that the states of all concurrent circuits share.
    memory: Arc<MemoryPool>,
    /// The threads that all of them share.
    threads: Arc<ThreadBudget>,
}

impl Simulator {
    /// A simulator whose tasks together use at most this much memory (in bytes) for states, and this many threads.
    /// Clones share both.
    pub fn new(memory_limit_bytes: u64, threads: usize) -> Self {
        Self {
            memory: Arc::new(MemoryPool::new(memory_limit_bytes)),
            threads: Arc::new(ThreadBudget::new(threads)),
        }
    }
}

impl Executor for Simulator {
    fn execute<'a>(
        &'a self,
        assignment: &'a Assignment,
        control: Control,
    ) -> BoxFuture<'a, Result<Outcome, Failure>> {
        async move {
            let Work::Circuit { source, options } = &assignment.work else {
                return Err(Failure::permanent(
                    ErrorCode::UnsupportedTask,
                    CIRCUITS_ONLY,
                ));
            };
            if let Err(error) = options.check() {
                let message = error.to_string();
                return Err(Failure::permanent(ErrorCode::UnsupportedTask, message));
            }
            let stop = Stop::new(Some(control.deadline));
            let (source, options, shots) = (source.clone(), options.clone(), options.shots);
            let timeout = assignment.timeout_seconds;
            let (pool, threads) = (self.memory.clone(), self.threads.clone());
            let thread = tokio::task::spawn_blocking({
                let stop = stop.clone();
                move || {
                    // A task without `inputs` has no inputs.
                    let inputs = options.inputs.clone().unwrap_or_default();
                    let observables = observables(&options);
                    let request = Request {
                        observables: &observables,
                        source: &source,
                        // The API applies its configured limit; a circuit that it has accepted must run.
                        max_source_bytes: MAX_SOURCE_BYTES,
                        max_program_bytes: pool.capacity(),
                        shots: options.shots,
                        seed: options.seed,
                        parameters: Some(&inputs),
                        memory: options.memory.unwrap_or(false),
                        memory_limit_bytes: pool.capacity(),
                        probabilities: options.probabilities.unwrap_or(false),
                        statevector: options.statevector.unwrap_or(false),
                        threads: Some(&threads),
                        shared: Some(&pool),
                    };
                    // Formatting the outcome can take long, so it is done on this thread as well.
                    match &options.sweep {
                        None => openqasm_simulator::run(&request, &stop)
                            .map(|output| into_outcome(&output))
                            .map_err(|error| into_failure(&error, timeout)),
                        Some(lists) => {
                            sweep(&request, lists, &stop).map_err(|error| of_point(&error, timeout))
                        }
                    }
                }
            });
            let mut thread = thread.fuse();
            let mut telling = Box::pin(tell_progress(&stop, shots, &control.log_buffer).fuse());
            let answer = futures_util::select_biased! {
                answer = thread => answer,
                () = control.stop.cancelled().fuse() => {
                    stop.cancel();
                    thread.await
                }
                () = telling => thread.await,
            };
            match answer {
                Ok(outcome) => outcome,
                Err(error) => Err(crashed("the simulator failed on this circuit", error)),
            }
        }
        .boxed()
    }
}

/// The observables of a task as the simulator takes them.
pub(super) fn observables(options: &CircuitOptions) -> Vec<Observable> {
    let all = options.observables.iter().flat_map(Observables::terms);
    let of = |terms: &Vec<PauliTerm>| Observable {
        terms: terms
            .iter()
            .map(|term| openqasm_simulator::PauliTerm {
                pauli: term.pauli.clone(),
                // Never missing: every number of JSON has a nearest one.
                coeff: term.coeff.as_f64().unwrap_or_default(),
            })
            .collect(),
    };
    all.map(of).collect()
}

/// Reports the progress of a run that takes longer than `FIRST_PROGRESS`.
async fn tell_progress(stop: &Stop, shots: u32, log_buffer: &LogBuffer) {
    let mut told = None;
    tokio::time::sleep(FIRST_PROGRESS).await;
    loop {
        let done = stop.meter().read();
        if done != told {
            told = done;
            match done {
                Some(Done::Points(done, of)) => {
                    log_buffer.progress(json!({"points": done, "of": of}));
                }
                Some(Done::Shots(done)) => log_buffer.progress(json!({"shots": done, "of": shots})),
                Some(Done::Passes(done, of)) => {
                    log_buffer.progress(json!({"passes": done, "of": of}));
                }
                None => {}
            }
        }
        tokio::time::sleep(PROGRESS).await;
    }
}

/// The failure of a sweep: the reason of its first point that failed.
fn of_point(failed: &PointError, timeout_seconds: i32) -> Failure {
    let reason = into_failure(&failed.error, timeout_seconds);
    match failed.error {
        SimulatorError::Stopped(_) => reason,
        _ => Failure::permanent(reason.code, failed.to_string()),
    }
}

fn into_failure(error: &SimulatorError, timeout_seconds: i32) -> Failure {
    let message = error.to_string();
    match error {
        SimulatorError::Circuit(_) | SimulatorError::Observable { .. } => {
            Failure::permanent(ErrorCode::InvalidCircuit, message)
        }
        SimulatorError::ResourceLimit { .. } => {
            Failure::permanent(ErrorCode::ResourceLimit, message)
        }
        SimulatorError::Stopped(Stopped::DeadlineExceeded) => {
            // The same message as the worker's own timeout, which may expire first.
            let message = format!("ran longer than {timeout_seconds} s");
            Failure::permanent(ErrorCode::Timeout, message)
        }
        SimulatorError::Stopped(Stopped::Cancelled) => {
            Failure::transient(ErrorCode::ExecutionError, message)
        }
    }
}
