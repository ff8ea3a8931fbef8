//! Tasks and their transitions: plain data and rules, without I/O.

pub mod access;
pub mod backend;
pub mod backoff;
pub mod checks;
pub mod circuit_options;
pub mod correlation;
pub mod error_code;
pub mod id_prefix;
pub mod last_event_id;
pub mod log;
pub mod observables;
pub mod owner;
pub mod problem_patterns;
pub mod pruning;
pub mod settlement;
pub mod status;
pub mod stored_size;
pub mod submission;
pub mod sweep_points;
pub mod task;
pub mod timestamp;
pub mod token;
pub mod trace_context;
pub mod waiting;
pub mod webhook;
pub mod whole_number;
