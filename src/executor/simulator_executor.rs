//! The built-in simulator as an executor: on a blocking thread, stoppable, within its memory limit.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use super::simulator::{self, Output, Request, SimulatorError, Stop, Stopped};
use super::{Control, Executor, crashed};
use crate::domain::settlement::{ErrorCode, Failure, Outcome};
use crate::domain::task::{Assignment, Work};

/// The simulator backend.
#[derive(Debug, Clone, Copy)]
pub struct Simulator {
    /// The most that the state of one circuit may take.
    pub memory_limit_bytes: u64,
}

impl Executor for Simulator {
    fn execute<'a>(
        &'a self,
        assignment: &'a Assignment,
        control: Control,
    ) -> BoxFuture<'a, Result<Outcome, Failure>> {
        async move {
            let Work::Circuit { source, shots } = &assignment.work else {
                return Err(Failure::permanent(
                    ErrorCode::UnsupportedTask,
                    "the simulator runs circuits only",
                ));
            };
            let stop = Stop::new(Some(control.deadline));
            let (source, shots) = (source.clone(), *shots);
            let seed = assignment.parameters.get("seed").and_then(Value::as_u64);
            let memory = assignment
                .parameters
                .get("memory")
                .and_then(Value::as_bool)
                .unwrap_or(false);
            let memory_limit_bytes = self.memory_limit_bytes;
            let thread = tokio::task::spawn_blocking({
                let stop = stop.clone();
                move || {
                    let request = Request {
                        source: &source,
                        shots,
                        seed,
                        memory,
                        memory_limit_bytes,
                    };
                    // The outcome may be many texts: they are made here as well.
                    simulator::run(&request, &stop).map(|output| into_outcome(&output))
                }
            });
            let mut thread = thread.fuse();
            let answer = futures_util::select_biased! {
                answer = thread => answer,
                () = control.stop.cancelled().fuse() => {
                    stop.cancel();
                    thread.await
                }
            };
            match answer {
                Ok(outcome) => {
                    outcome.map_err(|error| into_failure(&error, assignment.timeout_seconds))
                }
                Err(error) => Err(crashed("the simulator failed on this circuit", error)),
            }
        }
        .boxed()
    }
}

fn into_outcome(output: &Output) -> Outcome {
    let registers: Vec<Value> = output
        .registers
        .iter()
        .map(|register| json!({"name": register.name, "size": register.size}))
        .collect();
    let mut execution = Map::new();
    execution.insert("qubits".to_owned(), json!(output.qubits));
    execution.insert("registers".to_owned(), json!(registers));
    execution.insert("bit_order".to_owned(), json!(output.bit_order));
    execution.insert("seed".to_owned(), json!(output.seed));
    execution.insert("method".to_owned(), json!(output.method));
    if let Some(memory) = &output.memory {
        execution.insert(
            "memory".to_owned(),
            json!(memory.iter().collect::<Vec<_>>()),
        );
    }
    Outcome::new(json!(output.counts), Value::Object(execution))
}

fn into_failure(error: &SimulatorError, timeout_seconds: i32) -> Failure {
    let message = error.to_string();
    match error {
        SimulatorError::Circuit(_) => Failure::permanent(ErrorCode::InvalidCircuit, message),
        SimulatorError::ResourceLimit { .. } => {
            Failure::permanent(ErrorCode::ResourceLimit, message)
        }
        SimulatorError::Stopped(Stopped::DeadlineExceeded) => {
            // In the words of the worker, who may be the first to see it.
            let message = format!("ran longer than {timeout_seconds} s");
            Failure::permanent(ErrorCode::Timeout, message)
        }
        SimulatorError::Stopped(Stopped::Cancelled) => {
            Failure::transient(ErrorCode::ExecutionError, message)
        }
    }
}
