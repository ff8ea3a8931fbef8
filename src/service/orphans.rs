//! Running tasks whose session is not alive: released by the sweep, and at once when a worker begins
//! anew.

use tracing::warn;

use super::rounds::run_until_drained;
use crate::store::{Store, StoreError};

/// Releases every running task whose session has ended or was replaced.
pub async fn release(store: &Store) -> Result<(), StoreError> {
    run_until_drained("task released: its worker was lost", || {
        store.release_orphans()
    })
    .await
}

/// The same without waiting for it, for a session that has just followed another one; the next sweep
/// does it all the same if this fails.
pub fn release_soon(store: &Store) {
    let store = store.clone();
    tokio::spawn(async move {
        if let Err(error) = release(&store).await {
            warn!(%error, "an older session's tasks are left to the sweep");
        }
    });
}
