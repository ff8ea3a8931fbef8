//! The duties of the sweep, one process at a time each, and steps of the database's clock.
//!
//! A clock may be set, or a standby with another clock take over. Statements that compare times in rows with the clock first
//! check, by the row of the duty `reap`, that the clock has run steadily.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Bool, Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use time::OffsetDateTime;
use tracing::warn;

use super::sql::body;
use super::statement::Prepared;
use super::sweep_bounds::milliseconds;
use super::{Store, StoreError};
use crate::metrics;

/// A duty of the sweep. Each is acquired separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Ends dead sessions and releases their tasks.
    Reap,
    /// Publishes messages for tasks that have none.
    Dispatch,
    /// Compares the number of waiting tasks with the depth of the queues.
    Reconcile,
    /// Deletes tasks that are older than the retention.
    Prune,
}

impl Duty {
    const fn name(self) -> &'static str {
        match self {
            Self::Reap => "reap",
            Self::Dispatch => "dispatch",
            Self::Reconcile => "compare",
            Self::Prune => "prune",
        }
    }

    /// The name in metrics: the row of reconciliation has an older one.
    const fn label(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            other => other.name(),
        }
    }
}

/// Which process performs a duty now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// This process.
    Acquired {
        /// Whether the clock was set back, so that rows may have times in the future.
        set_back: bool,
    },
    /// Another process has performed it within the interval.
    DoneByOther,
}

/// Condition: the row `sweeps` of the duty `reap` is at most `$within` old. An older row says nothing about a clock that may have
/// been set since.
macro_rules! turn_is_recent {
    ($within:expr) => {
        concat!(
            "sweeps.last_run_at BETWEEN clock_timestamp() - ",
            $within,
            " AND clock_timestamp() + ",
            $within
        )
    };
}
pub(super) use turn_is_recent;

/// Condition: the session `w` was silent for its lease, by the row `sweeps` of the duty `reap`.
///
/// For a whole lease after a pause or a step of the clock, no session counts as silent. A heartbeat more than a lease in the
/// future was written before the clock was set back, and is ignored.
macro_rules! is_silent {
    () => {
        concat!(
            turn_is_recent!("greatest(w.lease_ms / 2, 1000) * interval '1 millisecond'"),
            " AND greatest(CASE WHEN w.last_heartbeat_at < clock_timestamp() + w.lease_ms * interval '1 millisecond'
                    THEN w.last_heartbeat_at END,
               sweeps.unbroken_since) < clock_timestamp() - w.lease_ms * interval '1 millisecond'"
        )
    };
}
pub(super) use is_silent;

/// Condition: the idempotency key `k` has expired after `$seconds`. The clock must have run steadily for that long, or for an hour:
/// after a step, keys would expire whose requests may still be repeated.
macro_rules! key_is_over {
    ($seconds:literal) => {
        concat!(
            // now(), unlike clock_timestamp(), can be an index condition.
            "(k.created_at < now() - ",
            $seconds,
            " * interval '1 second' AND EXISTS (
         SELECT FROM sweeps
         WHERE duty = 'reap' AND ",
            turn_is_recent!("interval '1 minute'"),
            "
           AND steady_since < clock_timestamp() - least(",
            $seconds,
            ", 3600) * interval '1 second'))"
        )
    };
}
pub(super) use key_is_over;

const ACQUIRE_DUTY: &str = body(include_str!("turn.sql"));

const RECORD_STEP: &str = "
UPDATE sweeps SET unbroken_since = clock_timestamp(), steady_since = clock_timestamp() WHERE duty = 'reap'";

#[derive(QueryableByName)]
struct TurnRow {
    #[diesel(sql_type = Bool)]
    mine: bool,
    #[diesel(sql_type = Bool)]
    set_back: bool,
    #[diesel(sql_type = Timestamptz)]
    now: OffsetDateTime,
}

/// The last reading of the database's clock, with the monotonic clock of this process at that time.
#[derive(Debug, Default)]
pub struct ClockWatch(Mutex<Option<ClockReading>>);

#[derive(Debug, Clone, Copy)]
struct ClockReading {
    now: OffsetDateTime,
    sent: Instant,
    received: Instant,
}

/// The tolerated difference between the two clocks from one reading to the next.
const TOLERANCE: Duration = Duration::from_secs(1);

impl ClockReading {
    /// The step of the clock between two readings, as far as it is certain; 0 if there was none.
    fn step_to(&self, next: &Self) -> time::Duration {
        let shown = next.now - self.now;
        let least = next.sent.saturating_duration_since(self.received);
        let most = next.received.saturating_duration_since(self.sent);
        let (least, most) = (least.saturating_sub(TOLERANCE), most + TOLERANCE);
        if shown > most {
            shown - most
        } else if shown < least {
            shown - least
        } else {
            time::Duration::ZERO
        }
    }
}

impl ClockWatch {
    fn has_reading(&self) -> bool {
        self.lock().is_some()
    }

    /// Stores a reading, and returns the step of the clock since the last one.
    fn record(&self, reading: ClockReading) -> time::Duration {
        let before = self.lock().replace(reading);
        before.map_or(time::Duration::ZERO, |before| before.step_to(&reading))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ClockReading>> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Acquires a duty, unless a process performed it within `interval`.
    ///
    /// By a row instead of an advisory lock: a process that freezes while it holds a lock would stop all sweeping.
    pub async fn try_acquire_duty(
        &self,
        duty: Duty,
        interval: Duration,
        clock: &ClockWatch,
    ) -> Result<Turn, StoreError> {
        let sent = Instant::now();
        let row: TurnRow = self
            .pools
            .run_control("acquire duty", async |connection| {
                Prepared(
                    diesel::sql_query(ACQUIRE_DUTY)
                        .bind::<Text, _>(duty.name())
                        .bind::<Integer, _>(milliseconds(interval))
                        .bind::<Integer, _>(milliseconds(interval * 2))
                        .bind::<Bool, _>(clock.has_reading()),
                )
                .get_result(connection)
                .await
            })
            .await?;
        let step = clock.record(ClockReading {
            now: row.now,
            sent,
            received: Instant::now(),
        });
        if !step.is_zero() {
            warn!(
                event = "database.clock_stepped",
                seconds = step.as_seconds_f64(),
                "database clock was set"
            );
            metrics::clock_stepped();
            self.record_step().await?;
        }
        Ok(if row.mine {
            metrics::sweep_turn(duty.label());
            Turn::Acquired {
                set_back: row.set_back,
            }
        } else {
            Turn::DoneByOther
        })
    }

    /// Records a step of the clock: times before it say nothing about how much time has passed since.
    async fn record_step(&self) -> Result<(), StoreError> {
        self.pools
            .run_control("record clock step", async |connection| {
                Prepared(diesel::sql_query(RECORD_STEP))
                    .execute(connection)
                    .await
            })
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(now: OffsetDateTime, sent: Instant) -> ClockReading {
        ClockReading {
            now,
            sent,
            received: sent + Duration::from_millis(500),
        }
    }

    #[test]
    fn a_step_is_a_difference_that_neither_the_pause_nor_the_round_trips_explain() {
        let (clock, began) = (OffsetDateTime::UNIX_EPOCH, Instant::now());
        let first = reading(clock, began);
        for (passed, shown, step) in [
            (5, 5, 0),
            (300, 300, 0),
            (5, 6, 0),
            (5, 3_605, 3_598),
            (5, -3_595, -3_598),
            (3_600, 0, -3_598),
        ] {
            let next = reading(
                clock + time::Duration::seconds(shown),
                began + Duration::from_secs(passed),
            );
            let found = first.step_to(&next).whole_seconds();
            assert_eq!(found, step, "{passed} s passed, {shown} s shown");
        }
    }
}
