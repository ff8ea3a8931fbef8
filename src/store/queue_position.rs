//! The position of a waiting task in the queue of its backend.

/// The position of a waiting task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePosition {
    /// 1 is the next task; [`MAX_COUNTED_AHEAD`] + 1 is any position behind the counted ones.
    pub position: i64,
    /// Whether all tasks ahead were counted.
    pub exact: bool,
}

/// The most tasks that are counted ahead of another.
pub const MAX_COUNTED_AHEAD: i32 = 1_000;

/// Subquery: the number of due tasks ahead of the task `t`, counted up to `$limit`. A retry that is not due yet is not ahead of
/// any task.
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
            exact: ahead < i64::from(MAX_COUNTED_AHEAD),
        }
    }
}
