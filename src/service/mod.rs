//! What spans the store and the queue: submission, waiting for changes, workers that pull over HTTP,
//! and the sweep that heals.

pub mod backends;
pub mod claims;
pub mod depths;
pub mod dispatcher;
mod empty_claim_cache;
pub mod fleet;
pub mod settled;
pub mod submit;
pub mod sweep;
pub mod watch;
pub mod webhooks;
