//! Processes that qtask starts.

mod group;

pub use group::ProcessGroup;
