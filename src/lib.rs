//! qtask: a task service for work that is slow, precious or remote.
//!
//! `docs/architecture.md` says how the floors stand; each imports only from those below it.

pub mod api;
pub mod cli;
pub mod config;
pub mod domain;
pub mod executor;
pub mod metrics;
pub mod queue;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod worker;
