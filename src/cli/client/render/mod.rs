//! What people see.

pub mod chart;
mod circuit_result;
mod error;
pub mod moment;
pub mod paint;
mod statevector;
pub mod survey;
pub mod table;
pub mod task;
pub mod text;
pub mod timeline;
