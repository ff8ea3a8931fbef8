//! What spans the store and the queue: submission, and the sweep that heals.

pub mod backends;
pub mod dispatcher;
pub mod submit;
pub mod sweep;
