//! A waiting task's place in the line of its backend.

/// Where a waiting task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePosition {
    /// 1 is the next; [`COUNTED_PLACES`] and one more stands for everything behind them.
    pub position: i64,
    /// Whether the position was counted to its end.
    pub exact: bool,
}

/// How many tasks in front of another are counted.
pub const COUNTED_PLACES: i32 = 1_000;

/// A subquery: how many tasks that are due wait in front of the task `t`, counted up to `$limit`, however long the line
/// is. A retry that is due later keeps no one waiting.
macro_rules! waiting_ahead {
    ($limit:literal) => {
        concat!(
            "(SELECT count(*) FROM (
     SELECT FROM tasks a
     WHERE a.backend = t.backend AND a.available_at <= clock_timestamp() AND a.queue_rank <= t.queue_rank
       AND (a.queue_rank, a.task_id) < (t.queue_rank, t.task_id)
     LIMIT ",
            $limit,
            ") AS before)"
        )
    };
}
pub(super) use waiting_ahead;

impl QueuePosition {
    pub(super) fn behind(ahead: i64) -> Self {
        Self {
            position: ahead + 1,
            exact: ahead < i64::from(COUNTED_PLACES),
        }
    }
}
