//! The numbers of waiting and running tasks, counted at most once per `GOOD_FOR`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::store::{Depth, Store};

/// The lifetime of a count.
const GOOD_FOR: Duration = Duration::from_secs(2);
/// How long a caller waits for a count before it gets none.
const COUNT_TIMEOUT: Duration = Duration::from_secs(5);

type Counted = (Instant, Vec<Depth>);

/// The last count. Cheap to clone.
#[derive(Clone)]
pub struct Depths {
    store: Store,
    last: Arc<Mutex<Option<Counted>>>,
}

impl Depths {
    /// Counts nothing until the first call.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            last: Arc::default(),
        }
    }

    /// The depths of the backends that have tasks; `None` if the database does not answer.
    pub async fn now(&self) -> Option<Vec<Depth>> {
        tokio::time::timeout(COUNT_TIMEOUT, self.ask()).await.ok()?
    }

    async fn ask(&self) -> Option<Vec<Depth>> {
        // Held during the query: concurrent callers get the same answer.
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
