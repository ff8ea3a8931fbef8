//! The backends that are paused, as far as the worker knows: hints, because the claim itself reads the pause.

use std::collections::BTreeSet;

use tokio::sync::watch;
use tracing::{debug, info};

use crate::store::Store;

/// Backends whose messages are not consumed, because a claim found them paused.
#[derive(Debug, Default)]
pub struct PausedBackends {
    names: watch::Sender<BTreeSet<String>>,
}

impl PausedBackends {
    /// Watches the names.
    pub fn subscribe(&self) -> watch::Receiver<BTreeSet<String>> {
        self.names.subscribe()
    }

    /// Records that a claim found the backend paused.
    pub fn add(&self, backend: &str) {
        let is_new = self
            .names
            .send_if_modified(|names| names.insert(backend.to_owned()));
        if is_new {
            info!(
                event = "worker.backend_paused",
                backend, "backend is paused: its messages are not consumed"
            );
        }
    }

    /// Records that the backend was resumed.
    pub fn remove(&self, backend: &str) {
        if self.names.send_if_modified(|names| names.remove(backend)) {
            info!(
                event = "worker.backend_resumed",
                backend, "backend is resumed: its messages are consumed"
            );
        }
    }

    /// Removes backends that are not paused any more. If the database does not answer, the next call does.
    pub async fn refresh(&self, store: &Store) {
        let names: Vec<String> = self.names.borrow().iter().cloned().collect();
        match store.paused_among(&names).await {
            Ok(paused) => {
                let is_paused = |name: &String| paused.iter().any(|it| it.backend == *name);
                for name in names.iter().filter(|name| !is_paused(name)) {
                    self.remove(name);
                }
            }
            Err(error) => {
                debug!(event = "database.pauses_unread", %error, "paused backends could not be read");
            }
        }
    }
}
