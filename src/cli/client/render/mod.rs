//! What people see.

pub mod chart;
pub mod circuit;
pub mod moment;
pub mod paint;
pub mod table;
pub mod task;
pub mod text;
pub mod timeline;
