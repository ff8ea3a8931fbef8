//! The sweep: finds orphans, overdue attempts, lost messages and expired rows in PostgreSQL, and repairs them.
//!
//! Every process of a deployment runs it; a row in the database assigns each duty to one process at a
//! time. Reaping runs independently: a broker that answers slowly must not delay the release of orphans. So does the deletion of
//! expired tasks, which has pauses of its own.

mod dispatch;
mod reap;
mod retention;
mod rounds;

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::config::timing::SweepSettings;
use crate::domain::backoff::Backoff;
use crate::metrics;
use crate::service::dispatcher::Dispatcher;
use crate::store::{ClockWatch, Store, StoreError};

pub use dispatch::publish_due_soon;
pub use reap::release_orphans_soon;
pub use retention::announce as announce_retention;

/// Sweeps until cancelled.
pub async fn run(
    store: Store,
    dispatcher: Dispatcher,
    settings: SweepSettings,
    cancel: CancellationToken,
) {
    let clock = ClockWatch::default();
    let reaping = repeat(settings.interval, || reap::reap(&store, settings, &clock));
    let dispatching = repeat(settings.interval, || {
        dispatch::dispatch(&store, &dispatcher, settings)
    });
    let retaining = async {
        if let Some(retention) = store.retention() {
            retention::retain(&store, retention, settings.interval).await;
        }
    };
    let sweeping = async { tokio::join!(reaping, dispatching, retaining) };
    Box::pin(cancel.run_until_cancelled(sweeping)).await;
}

async fn repeat<F>(interval: Duration, mut sweep: impl FnMut() -> F)
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut failures = 0;
    loop {
        let pause = match sweep().await {
            Ok(()) => {
                failures = 0;
                interval
            }
            Err(error) => {
                failures += 1;
                metrics::sweep_failed();
                warn!(event = "sweep.failed", %error, failures, "sweep failed");
                Backoff::RECONNECT.delay(failures).max(interval)
            }
        };
        tokio::time::sleep(pause).await;
    }
}
