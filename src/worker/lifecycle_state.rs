//! How far a worker has got with its set-up.

use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;

/// What the registry says of a worker that is not ready for tasks yet.
pub const SETTING_UP: &str = "setting up";

/// How far the worker has got with its surroundings.
#[derive(Debug, Default)]
pub struct LifecycleHooks {
    /// Cancelled when the worker is registered.
    pub registered: CancellationToken,
    /// Whether the set-up command was started.
    pub begun: AtomicBool,
}
