//! qtask: a task service for work that is slow, precious or remote.

pub mod domain;
pub mod store;
