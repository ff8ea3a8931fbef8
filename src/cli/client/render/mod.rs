//! Output for people.

pub mod chart;
mod circuit_result;
mod error;
pub mod paint;
pub mod progress;
mod statevector;
pub mod submitted;
pub mod survey;
pub mod table;
pub mod task;
pub mod text;
pub mod time_format;
pub mod timeline;
pub mod waiting;
