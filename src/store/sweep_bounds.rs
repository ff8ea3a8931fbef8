//! What the statements of the sweep share: a bound of rows, and times as binds.

use std::time::Duration;

/// The most rows that one statement of a sweep moves; the next statement continues.
pub const SWEEP_ROWS: i32 = 500;

/// The duration in milliseconds, as a bind.
pub(super) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
