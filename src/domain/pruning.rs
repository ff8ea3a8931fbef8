//! Pruning: which terminal tasks are deleted, and how far a pass over them has come.

use std::time::Duration;

use uuid::Uuid;

use super::status::Status;

/// The minimum age of a task that is deleted, counted from its end.
pub const MIN_AGE: Duration = Duration::from_hours(1);
/// The maximum age that can be asked for: 100 years.
pub const MAX_AGE: Duration = Duration::from_hours(100 * 366 * 24);
/// The most tasks that one statement reads, and deletes if all of them fit.
pub const MAX_STEP: usize = 1_000;
/// The statuses of tasks that can be deleted.
pub const TERMINAL: [Status; 3] = [Status::Completed, Status::Failed, Status::Cancelled];
/// The priority that a pass reads last; it begins with 0.
const LAST_PRIORITY: i16 = 10;

/// Which terminal tasks are deleted.
#[derive(Debug, Clone)]
pub struct PruneFilter {
    /// Only tasks that ended longer ago than this.
    pub older_than: Duration,
    /// Only tasks of these terminal statuses; all if empty.
    pub statuses: Vec<Status>,
    /// Only tasks of this backend.
    pub backend: Option<String>,
}

impl PruneFilter {
    fn asks_for(&self, status: Status) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    /// Where a pass begins; `None` if no terminal status is asked for.
    pub fn begin(&self) -> Option<PrunePosition> {
        let status = TERMINAL.into_iter().find(|status| self.asks_for(*status))?;
        Some(PrunePosition::of_group(status, 0))
    }

    /// The position after all tasks of the position's status and priority; `None` at the end of the pass.
    pub fn next_group(&self, position: &PrunePosition) -> Option<PrunePosition> {
        if position.priority < LAST_PRIORITY {
            return Some(PrunePosition::of_group(
                position.status,
                position.priority + 1,
            ));
        }
        let mut later = TERMINAL
            .into_iter()
            .skip_while(|status| *status != position.status)
            .skip(1);
        let status = later.find(|status| self.asks_for(*status))?;
        Some(PrunePosition::of_group(status, 0))
    }
}

/// How far a pass has come. It reads the tasks of one status and priority after the other, each in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrunePosition {
    /// The status of the tasks that are read next.
    pub status: Status,
    /// Their priority.
    pub priority: i16,
    /// The pass continues after this task.
    pub after: Uuid,
}

impl PrunePosition {
    const fn of_group(status: Status, priority: i16) -> Self {
        Self {
            status,
            priority,
            after: Uuid::nil(),
        }
    }
}

/// How many tasks the next statement reads: as many as take about 30 to 80 ms.
///
/// A task may have one log line or a hundred thousand, so the size follows the duration of the last statement.
#[derive(Debug, Clone, Copy)]
pub struct BatchSize(usize);

impl Default for BatchSize {
    fn default() -> Self {
        Self(100)
    }
}

impl BatchSize {
    /// After a faster statement, the size is doubled.
    const FAST: Duration = Duration::from_millis(30);
    /// After a slower statement, the size is halved.
    const SLOW: Duration = Duration::from_millis(80);

    /// The number of tasks, from 1 to [`MAX_STEP`].
    pub const fn get(self) -> usize {
        self.0
    }

    /// Adapts the size to the duration of a statement.
    pub fn record(&mut self, took: Duration) {
        if took < Self::FAST {
            self.0 = (self.0 * 2).min(MAX_STEP);
        } else if took > Self::SLOW {
            self.halve();
        }
    }

    /// Halves the size: the statement reached its time limit, or was slow.
    pub fn halve(&mut self) {
        self.0 = (self.0 / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(statuses: &[Status]) -> PruneFilter {
        PruneFilter {
            older_than: MIN_AGE,
            statuses: statuses.to_vec(),
            backend: None,
        }
    }

    fn groups(filter: &PruneFilter) -> Vec<(Status, i16)> {
        let mut groups = Vec::new();
        let mut position = filter.begin();
        while let Some(at) = position {
            groups.push((at.status, at.priority));
            position = filter.next_group(&at);
        }
        groups
    }

    #[test]
    fn a_pass_reads_every_priority_of_the_statuses_that_are_asked_for() {
        assert_eq!(groups(&filter(&[])).len(), 33);
        let two = groups(&filter(&[Status::Cancelled, Status::Completed]));
        assert_eq!(two.len(), 22);
        assert_eq!(two.first(), Some(&(Status::Completed, 0)));
        assert_eq!(two.last(), Some(&(Status::Cancelled, 10)));
        assert!(groups(&filter(&[Status::Pending])).is_empty());
    }

    #[test]
    fn a_batch_grows_while_statements_are_fast_and_shrinks_to_a_single_task() {
        let mut size = BatchSize::default();
        for _ in 0..20 {
            size.record(Duration::from_millis(1));
        }
        assert_eq!(size.get(), MAX_STEP);
        size.record(Duration::from_millis(50));
        assert_eq!(size.get(), MAX_STEP);
        for _ in 0..20 {
            size.record(Duration::from_secs(1));
        }
        assert_eq!(size.get(), 1);
        size.halve();
        assert_eq!(size.get(), 1);
    }
}
