//! Tasks that a session owns without its worker knowing: the answer to their claim was lost.

use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Integer, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::claim::{ClaimRow, MAX_CLAIMED_BYTES, granted};
use super::sql::body;
use super::statement::Prepared;
use super::{Store, StoreError};
use crate::domain::owner::Session;
use crate::domain::task::Assignment;

const OWNED: &str = body(include_str!("owned_tasks.sql"));

const OWNED_FOR_A_LEASE: &str = "
SELECT t.task_id, t.attempt FROM tasks t JOIN workers w USING (session_id)
WHERE t.session_id = $1 AND NOT t.task_id = ANY ($2)
  AND t.started_at NOT BETWEEN clock_timestamp() - w.lease_ms * interval '1 millisecond'
                           AND clock_timestamp() + w.lease_ms * interval '1 millisecond'
LIMIT 1000";

#[derive(QueryableByName)]
struct OwnedRow {
    #[diesel(sql_type = SqlUuid)]
    task_id: Uuid,
    #[diesel(sql_type = Integer)]
    attempt: i32,
}

impl Store {
    /// Returns up to `limit` tasks that the session owns, except those given: the answer to their claim was lost. Only tasks claimed
    /// more than `min_age` ago: a younger claim may still be answered, or be released because its client has disconnected.
    pub async fn owned_tasks(
        &self,
        session: &Session,
        except: &[Uuid],
        min_age: Duration,
        limit: usize,
    ) -> Result<Vec<Assignment>, StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let rows: Vec<ClaimRow> = self
            .pools
            .run("find owned tasks", async |connection| {
                Prepared(
                    diesel::sql_query(OWNED)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Array<SqlUuid>, _>(except)
                        .bind::<Integer, _>(limit)
                        .bind::<Integer, _>(i32::try_from(min_age.as_millis()).unwrap_or(i32::MAX))
                        .bind::<BigInt, _>(MAX_CLAIMED_BYTES),
                )
                .load(connection)
                .await
            })
            .await?;
        granted(rows, session)
    }

    /// Returns the attempts that the session has owned for longer than its lease, except those of the given tasks.
    pub async fn attempts_owned_for_a_lease(
        &self,
        session: &Session,
        except: &[Uuid],
    ) -> Result<Vec<(Uuid, i32)>, StoreError> {
        let rows: Vec<OwnedRow> = self
            .pools
            .run("find unreported tasks", async |connection| {
                Prepared(
                    diesel::sql_query(OWNED_FOR_A_LEASE)
                        .bind::<SqlUuid, _>(session.session_id)
                        .bind::<Array<SqlUuid>, _>(except),
                )
                .load(connection)
                .await
            })
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.task_id, row.attempt))
            .collect())
    }
}
