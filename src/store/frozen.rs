//! Connections whose client process froze (SIGSTOP, a dead machine) during a statement or a notification.
//!
//! The PostgreSQL backend of such a connection waits for its client, and no timeout of PostgreSQL ends the wait: the backend keeps
//! its snapshot, so that VACUUM removes nothing, its locks, and its position in the NOTIFY queue.

use std::sync::LazyLock;
use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Integer, Text};
use diesel_async::RunQueryDsl;

use super::sql::fill;
use super::statement::Prepared;
use super::sweep_bounds::milliseconds;
use super::turn::turn_is_recent;
use super::{Store, StoreError};
use crate::metrics;

/// Added to the duration of two statements, for listening connections and slow machines.
const MARGIN: Duration = Duration::from_secs(10);

/// A PostgreSQL backend that was terminated.
#[derive(Debug, Clone, QueryableByName)]
pub struct FrozenBackend {
    /// The process id on the server.
    #[diesel(sql_type = Integer)]
    pub pid: i32,
    /// The wait event: `ClientRead` or `ClientWrite`.
    #[diesel(sql_type = Text)]
    pub waited_for: String,
    /// The first characters of its last statement.
    #[diesel(sql_type = Text)]
    pub statement: String,
}

static END_FROZEN: LazyLock<String> = LazyLock::new(|| {
    let turn_is_recent = turn_is_recent!("interval '10 seconds'");
    fill(
        include_str!("frozen.sql"),
        &[("turn_is_recent", turn_is_recent)],
    )
});

impl Store {
    /// Terminates the PostgreSQL backends that wait for their client during a transaction, for longer than two statements may
    /// take.
    pub async fn end_frozen_backends(&self) -> Result<Vec<FrozenBackend>, StoreError> {
        let limit = self.pools.timeout() * 2 + MARGIN;
        self.pools
            .run_control("end frozen backends", async |connection| {
                Prepared(diesel::sql_query(&*END_FROZEN).bind::<Integer, _>(milliseconds(limit)))
                    .load(connection)
                    .await
            })
            .await
            .inspect(|ended: &Vec<FrozenBackend>| metrics::connections_terminated(ended.len()))
    }
}
