//! What a task is and how it may move: plain data and rules, no input or output.

pub mod backend;
pub mod backoff;
pub mod owner;
pub mod settlement;
pub mod status;
pub mod submission;
pub mod task;
