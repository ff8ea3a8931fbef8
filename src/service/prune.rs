//! Pruning: passes over the terminal tasks, one statement and one commit at a time.

use crate::domain::pruning::{PruneFilter, PrunePosition};
use crate::metrics;
use crate::store::{PruneStep, Store, StoreError};

/// Whether tasks are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneMode {
    /// They are deleted.
    Delete,
    /// They are only counted.
    Count,
}

/// The result of one step of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruned {
    /// The step was made.
    Step {
        /// The number of tasks that were deleted or counted.
        tasks: u64,
        /// Where the pass continues; `None` at its end.
        next: Option<PrunePosition>,
    },
    /// The database's clock has not run steadily for an hour, so that the age of no task is known.
    ClockUnsteady,
}

/// Reads up to `limit` tasks from `from` on, or from the start of the pass, and deletes or counts those that the filter fits.
///
/// Groups without tasks are passed over: a step ends after the first statement that reads any.
pub async fn step(
    store: &Store,
    mode: PruneMode,
    filter: &PruneFilter,
    from: Option<PrunePosition>,
    limit: usize,
) -> Result<Pruned, StoreError> {
    let mut position = from.or_else(|| filter.begin());
    while let Some(from) = position {
        let step = match mode {
            PruneMode::Delete => store.prune(filter, &from, limit).await?,
            PruneMode::Count => store.count_prunable(filter, &from, limit).await?,
        };
        if !step.is_steady {
            return Ok(Pruned::ClockUnsteady);
        }
        let tasks = u64::try_from(step.tasks).unwrap_or_default();
        if mode == PruneMode::Delete {
            metrics::tasks_pruned(tasks);
        }
        position = after(filter, from, &step, limit);
        if step.examined > 0 {
            return Ok(Pruned::Step {
                tasks,
                next: position,
            });
        }
    }
    Ok(Pruned::Step {
        tasks: 0,
        next: None,
    })
}

fn after(
    filter: &PruneFilter,
    from: PrunePosition,
    step: &PruneStep,
    limit: usize,
) -> Option<PrunePosition> {
    let is_full = usize::try_from(step.examined).is_ok_and(|examined| examined >= limit);
    match step.last {
        Some(last) if is_full => Some(PrunePosition {
            after: last,
            ..from
        }),
        _ => filter.next_group(&from),
    }
}
