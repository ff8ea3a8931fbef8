//! Statements that move a limited number of tasks, repeated until none is left.

use std::future::Future;

use tracing::warn;

use crate::store::{SWEEP_ROWS, StoreError, Transition};

/// The most statements of one kind in one sweep; the rest waits for the next one.
pub(super) const MAX_ROUNDS: usize = 100;

/// Repeats a statement as long as it moves as many rows as it may.
pub(super) async fn run_until_drained<F>(
    event: &str,
    mut statement: impl FnMut() -> F,
) -> Result<(), StoreError>
where
    F: Future<Output = Result<Vec<Transition>, StoreError>>,
{
    for _ in 0..MAX_ROUNDS {
        let moved = statement().await?;
        for Transition {
            task_id,
            attempt,
            worker_id,
            status,
            correlation_id,
            ..
        } in &moved
        {
            warn!(%task_id, correlation_id, attempt, worker_id, from = "processing", to = %status, "{event}");
        }
        if !is_full(moved.len()) {
            break;
        }
    }
    Ok(())
}

/// Whether a statement has moved as much as it may, so that more may be left.
pub(super) fn is_full(rows: usize) -> bool {
    i32::try_from(rows).is_ok_and(|rows| rows >= SWEEP_ROWS)
}
