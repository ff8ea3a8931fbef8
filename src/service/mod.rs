//! Operations that span the store and the queue: submission, waiting for changes, workers that claim over HTTP,
//! and the sweep.

pub mod backends;
pub mod backlog;
pub mod claims;
pub mod depths;
pub mod dispatcher;
mod empty_claim_cache;
pub mod fleet;
pub mod prune;
pub mod rerun;
pub mod settled;
pub mod submit;
pub mod sweep;
pub mod tokens;
pub mod watch;
pub mod webhooks;
