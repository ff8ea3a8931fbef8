//! The condition on a pause that every claim checks.

/// Condition: the backend of the task `t` is not paused.
///
/// `FOR KEY SHARE` locks no row, because no backend has the empty name: it makes the statement hold the lock ROW SHARE on the
/// table, for which `pause_backend` waits. `coalesce` keeps the planner from joining the tables.
pub(super) const IS_NOT_PAUSED: &str =
    "coalesce(NOT EXISTS (SELECT FROM paused_backends p WHERE p.backend = t.backend)
      AND NOT EXISTS (SELECT FROM paused_backends WHERE backend = '' FOR KEY SHARE), false)";
