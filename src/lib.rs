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
pub mod worker;
