//! The progress of a worker's set-up.

use std::sync::atomic::AtomicBool;

use tokio_util::sync::CancellationToken;

/// The reason that the registry shows for a worker that is not ready for tasks yet.
pub const SETTING_UP: &str = "setting up";

/// The progress of the worker's lifecycle hooks.
#[derive(Debug, Default)]
pub struct LifecycleHooks {
    /// Cancelled when the worker is registered.
    pub registered: CancellationToken,
    /// Whether the set-up command was started.
    pub begun: AtomicBool,
}
