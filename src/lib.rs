//! qtask: a task service for work that is slow, precious or remote.
//!
//! `docs/architecture.md` shows the layers and what each may import.

pub mod api;
mod cgroup;
pub mod cli;
pub mod config;
pub mod domain;
pub mod executor;
pub mod metrics;
mod process;
pub mod queue;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod traces;
pub mod worker;

/// The revision of the source in git, of an executable that was built with `QTASK_REVISION`: `abc1234`, or `abc1234-dirty` if
/// files differed from it.
///
/// Cargo does not ask git: each commit would then compile everything anew.
pub const REVISION: Option<&str> = match option_env!("QTASK_REVISION") {
    Some(revision) if !revision.is_empty() => Some(revision),
    _ => None,
};
