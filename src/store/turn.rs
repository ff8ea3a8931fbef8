//! Turns at the duties of the sweep, and what is known of the database's clock from one turn to the next.
//!
//! A clock may be set, or a standby with another one take over. Whatever compares times of rows with the
//! clock asks here first, in SQL, whether the clock went on evenly meanwhile.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Bool, Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use time::OffsetDateTime;
use tracing::warn;

use super::statement::Prepared;
use super::sweep::milliseconds;
use super::{Store, StoreError};

/// What a sweep does; each duty has a turn of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Ends dead sessions and releases what they had.
    Reap,
    /// Publishes what has no message.
    Dispatch,
    /// Compares what waits with what the queues hold.
    Reconcile,
}

impl Duty {
    const fn name(self) -> &'static str {
        match self {
            Self::Reap => "reap",
            Self::Dispatch => "dispatch",
            Self::Reconcile => "compare",
        }
    }
}

/// Whose turn it is to sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// This process sweeps now.
    Mine {
        /// Whether the clock was set back and times from before may stand in the future.
        set_back: bool,
    },
    /// Another process did so a moment ago.
    Taken,
}

/// Whether the row `sweeps` of the duty `reap` is of this moment: no statement relies on what an earlier turn
/// has found of a clock that was set since. `$within` is an interval.
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

/// Whether the session `w` was silent for its lease, by the row `sweeps` of the duty `reap`.
///
/// After a pause or a step nobody is silent for a whole lease. A heartbeat from further ahead than a lease
/// was written before the clock was set back, and proves nothing.
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

/// Whether the idempotency key `k` has had its time, `$seconds`. It takes an even clock of that length, or of an
/// hour, to say so: a step would forget keys whose requests may yet be repeated.
macro_rules! key_is_over {
    ($seconds:literal) => {
        concat!(
            // now(), unlike the clock, can be looked up in an index.
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

// A pause in reaping means that the database, or every process, was away; workers could not renew in
// it and are not to blame. So long as it is shorter than half of a lease, a worker that renews in time
// otherwise has not missed its own. A clock that was set back (a failover to another machine) is a
// pause, too: without that, nobody would sweep until it has caught up. A process that was there before
// a pause compares the clock with its own afterwards; for one that was not, the clock may have been set.
const TAKE_TURN: &str = "
WITH pause AS (
    SELECT greatest($3, (SELECT min(lease_ms) FROM workers WHERE ended_at IS NULL) / 2)
           * interval '1 millisecond' AS length
), taken AS (
    UPDATE sweeps
    SET last_run_at = clock_timestamp(),
        unbroken_since = CASE WHEN last_run_at BETWEEN clock_timestamp() - pause.length
                                                   AND clock_timestamp() + pause.length
                              THEN unbroken_since ELSE clock_timestamp() END,
        steady_since = CASE WHEN $4 OR last_run_at BETWEEN clock_timestamp() - pause.length
                                                       AND clock_timestamp() + pause.length
                            THEN steady_since ELSE clock_timestamp() END,
        latest_at = greatest(latest_at, clock_timestamp())
    FROM pause
    WHERE duty = $1
      AND (last_run_at < clock_timestamp() - $2 * interval '1 millisecond'
           OR last_run_at > clock_timestamp() + pause.length)
    RETURNING latest_at > clock_timestamp() AS set_back
)
SELECT EXISTS (SELECT FROM taken) AS mine, EXISTS (SELECT FROM taken WHERE set_back) AS set_back,
       clock_timestamp() AS now";

const NOTE_STEP: &str = "
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

/// The last time that a process has read from the database's clock, by its own monotonic one.
#[derive(Debug, Default)]
pub struct ClockWatch(Mutex<Option<ClockReading>>);

#[derive(Debug, Clone, Copy)]
struct ClockReading {
    now: OffsetDateTime,
    sent: Instant,
    received: Instant,
}

/// How far two clocks may go apart from one turn to the next.
const TOLERANCE: Duration = Duration::from_secs(1);

impl ClockReading {
    /// By how much the clock was set between the two readings, as far as it is certain; 0 where it was not.
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

    /// Notes a reading, and says by how much the clock was set since the last one.
    fn note(&self, reading: ClockReading) -> time::Duration {
        let before = self.lock().replace(reading);
        before.map_or(time::Duration::ZERO, |before| before.step_to(&reading))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ClockReading>> {
        // Nothing in here can panic half way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Takes the turn at a duty if nobody did within `interval`.
    ///
    /// A row instead of an advisory lock: a process that freezes while it holds a lock would stop all
    /// sweeping.
    pub async fn try_acquire_duty(
        &self,
        duty: Duty,
        interval: Duration,
        clock: &ClockWatch,
    ) -> Result<Turn, StoreError> {
        let sent = Instant::now();
        let row: TurnRow = self
            .pools
            .run_control("take the sweep's turn", async |connection| {
                Prepared(
                    diesel::sql_query(TAKE_TURN)
                        .bind::<Text, _>(duty.name())
                        .bind::<Integer, _>(milliseconds(interval))
                        .bind::<Integer, _>(milliseconds(interval * 2))
                        .bind::<Bool, _>(clock.has_reading()),
                )
                .get_result(connection)
                .await
            })
            .await?;
        let step = clock.note(ClockReading {
            now: row.now,
            sent,
            received: Instant::now(),
        });
        if !step.is_zero() {
            warn!(
                seconds = step.as_seconds_f64(),
                "the database's clock was set"
            );
            self.note_step().await?;
        }
        Ok(if row.mine {
            Turn::Mine {
                set_back: row.set_back,
            }
        } else {
            Turn::Taken
        })
    }

    /// Whatever is older than this proves nothing about how much time has passed since.
    async fn note_step(&self) -> Result<(), StoreError> {
        self.pools
            .run_control("note a step of the clock", async |connection| {
                Prepared(diesel::sql_query(NOTE_STEP))
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
    fn a_step_is_what_neither_the_pause_nor_the_way_of_the_answers_explains() {
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
