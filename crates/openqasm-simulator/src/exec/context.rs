//! The context of a run.

use crate::exec::method::Method;
use crate::ir::pauli::PauliString;
use crate::ir::program::Program;
use crate::ir::value::Value;
use crate::resources::stop::Stop;
use crate::resources::thread_budget::ThreadBudget;
use std::sync::Arc;

/// The program, its limits and its method.
pub(crate) struct Context<'p> {
    pub(crate) program: &'p Program,
    pub(crate) stop: &'p Stop,
    pub(crate) memory_limit: u64,
    pub(crate) method: Method,
    pub(crate) wanted: Wanted,
    /// Values of variables at the start.
    pub(crate) bindings: &'p [(usize, Value)],
    /// Pauli strings whose means are requested, all different.
    pub(crate) strings: &'p [PauliString],
    pub(crate) threads: Arc<ThreadBudget>,
    /// Whether measurements may be deferred to the end.
    pub(crate) is_deferring: bool,
}

/// Which exact values are requested.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub probabilities: bool,
    pub statevector: bool,
}
