//! Connections whose process stands still (SIGSTOP, a dead machine) in the middle of a statement or a
//! notification.
//!
//! Its backend waits for the client to read or write, and no timeout of PostgreSQL ends that: it keeps its
//! snapshot, so that VACUUM removes nothing, its locks, and the tail of the NOTIFY queue.

use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Integer, Text};
use diesel_async::RunQueryDsl;

use super::statement::Prepared;
use super::sweep::milliseconds;
use super::turn::turn_is_recent;
use super::{Store, StoreError};

/// What a listening connection and a slow machine may add to two statements of full length.
const MARGIN: Duration = Duration::from_secs(10);

/// A backend that was ended.
#[derive(Debug, Clone, QueryableByName)]
pub struct FrozenBackend {
    /// Its process id on the server.
    #[diesel(sql_type = Integer)]
    pub pid: i32,
    /// What it waited for: `ClientRead` or `ClientWrite`.
    #[diesel(sql_type = Text)]
    pub waited_for: String,
    /// The start of its last statement.
    #[diesel(sql_type = Text)]
    pub statement: String,
}

// Of this application and role alone. A listening backend shows the start of its last statement, whatever it was
// notified of since: it is asked something every few seconds.
const END_FROZEN: &str = concat!(
    "WITH frozen AS MATERIALIZED (
    SELECT a.pid, a.wait_event AS waited_for, left(a.query, 40) AS statement
    FROM sweeps, pg_stat_activity a
    WHERE sweeps.duty = 'reap' AND ",
    turn_is_recent!("interval '10 seconds'"),
    "
      AND a.datname = current_database() AND a.usename = current_user AND a.pid <> pg_backend_pid()
      AND a.application_name = current_setting('application_name')
      AND a.wait_event_type = 'Client' AND a.xact_start IS NOT NULL
      AND greatest(a.xact_start, a.state_change, sweeps.steady_since)
          < clock_timestamp() - $1 * interval '1 millisecond'
)
SELECT pid, waited_for, statement FROM frozen WHERE pg_terminate_backend(pid)"
);

impl Store {
    /// Ends the backends that have waited for their client within a statement for longer than any client
    /// of this deployment takes.
    pub async fn end_frozen_backends(&self) -> Result<Vec<FrozenBackend>, StoreError> {
        let limit = self.pools.timeout() * 2 + MARGIN;
        self.pools
            .run_control("end frozen backends", async |connection| {
                Prepared(diesel::sql_query(END_FROZEN).bind::<Integer, _>(milliseconds(limit)))
                    .load(connection)
                    .await
            })
            .await
    }
}
