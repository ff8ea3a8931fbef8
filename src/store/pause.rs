//! Paused backends: their tasks are not claimed. Submissions and running tasks go on.

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use time::OffsetDateTime;

use super::sql::body;
use super::statement::Prepared;
use super::{Store, StoreError};

/// The most backends that are paused at once.
pub const MAX_PAUSED: i32 = 1_000;

/// A paused backend.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct PausedBackend {
    /// The name of the backend.
    #[diesel(sql_type = Text)]
    pub backend: String,
    /// Since when no task is claimed.
    #[diesel(sql_type = Timestamptz)]
    pub paused_at: OffsetDateTime,
    /// The reason that the operator gave.
    #[diesel(sql_type = Nullable<Text>)]
    pub reason: Option<String>,
    /// Who paused it, if known.
    #[diesel(sql_type = Nullable<Text>)]
    pub paused_by: Option<String>,
}

const PAUSE: &str = "SELECT pause_backend($1, $2, $3, $4) AS holds";

const RESUME: &str = body(include_str!("resume_backend.sql"));

const PAUSED: &str = "
SELECT backend, paused_at, reason, paused_by FROM paused_backends WHERE backend > '' ORDER BY backend LIMIT $1";

const PAUSED_AMONG: &str = "
SELECT backend, paused_at, reason, paused_by FROM paused_backends WHERE backend = ANY ($1) ORDER BY backend";

#[derive(QueryableByName)]
struct PauseRow {
    #[diesel(sql_type = Bool)]
    holds: bool,
}

#[derive(QueryableByName)]
struct ResumeRow {
    #[diesel(sql_type = Bool)]
    was_paused: bool,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notifications are sent")]
    sent: i64,
}

impl Store {
    /// Pauses a backend, whether or not it has tasks or workers: no claim commits after this call returns. False if
    /// [`MAX_PAUSED`] others are paused.
    pub async fn pause_backend(
        &self,
        backend: &str,
        reason: Option<&str>,
        paused_by: Option<&str>,
    ) -> Result<bool, StoreError> {
        let row: PauseRow = self
            .pools
            .run_control("pause backend", async |connection| {
                let pause = Prepared(
                    diesel::sql_query(PAUSE)
                        .bind::<Text, _>(backend)
                        .bind::<Nullable<Text>, _>(reason)
                        .bind::<Nullable<Text>, _>(paused_by)
                        .bind::<Integer, _>(MAX_PAUSED),
                );
                pause.get_result(connection).await
            })
            .await?;
        Ok(row.holds)
    }

    /// Ends the pause of a backend. False if it was not paused.
    pub async fn resume_backend(&self, backend: &str) -> Result<bool, StoreError> {
        let row: ResumeRow = self
            .pools
            .run_control("resume backend", async |connection| {
                Prepared(diesel::sql_query(RESUME).bind::<Text, _>(backend))
                    .get_result(connection)
                    .await
            })
            .await?;
        Ok(row.was_paused)
    }

    /// Returns up to `limit` paused backends, by name.
    pub async fn paused_backends(&self, limit: i32) -> Result<Vec<PausedBackend>, StoreError> {
        self.pools
            .run_control("list paused backends", async |connection| {
                Prepared(diesel::sql_query(PAUSED).bind::<Integer, _>(limit))
                    .load(connection)
                    .await
            })
            .await
    }

    /// Returns those of the backends that are paused.
    pub async fn paused_among(
        &self,
        backends: &[String],
    ) -> Result<Vec<PausedBackend>, StoreError> {
        self.pools
            .run_control("find paused backends", async |connection| {
                Prepared(diesel::sql_query(PAUSED_AMONG).bind::<Array<Text>, _>(backends))
                    .load(connection)
                    .await
            })
            .await
    }
}
