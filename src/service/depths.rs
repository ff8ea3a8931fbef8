//! How much waits and runs: asked for as often as anyone likes, and counted now and then.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::store::{Depth, Store};

/// For how long a count is good enough.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// Whoever asks would rather be told nothing than wait for longer.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);

type Counted = (Instant, Vec<Depth>);

/// The last count. Cheap to clone.
#[derive(Clone)]
pub struct Depths {
    store: Store,
    last: Arc<Mutex<Option<Counted>>>,
}

impl Depths {
    /// Counts nothing until asked.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            last: Arc::default(),
        }
    }

    /// What the backends have to do that have anything to do; None where the database does not say.
    pub async fn now(&self) -> Option<Vec<Depth>> {
        tokio::time::timeout(COUNT_TIMEOUT, self.ask()).await.ok()?
    }

    async fn ask(&self) -> Option<Vec<Depth>> {
        // Held while asking: those who come meanwhile get the same answer.
        let mut last = self.last.lock().await;
        match last.as_ref() {
            Some((at, depths)) if at.elapsed() < GOOD_FOR => Some(depths.clone()),
            _ => {
                let depths = self.store.depths().await.ok()?;
                *last = Some((Instant::now(), depths.clone()));
                Some(depths)
            }
        }
    }
}
