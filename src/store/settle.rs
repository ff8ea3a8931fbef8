//! Settlements: the owner of an attempt, and no other session, moves its task out of `processing`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{
    Array, BigInt, Bool, Double, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::StoreError;
use super::batch::Flush;
use super::pool::Pools;
use super::sql::fill;
use super::statement::Prepared;
use crate::domain::owner::Lease;
use crate::domain::settlement::{Settlement, Verdict};
use crate::domain::status::Status;
use crate::metrics;

/// The answer to a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The task moved to this status.
    Transitioned(Status),
    /// An earlier settlement by the same owner made this move, and its answer was lost: the task reached this status.
    Already(Status),
    /// The session no longer owns the task; nothing was changed.
    LeaseLost,
}

/// A settlement, and whether the statement counts it.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) settlement: Arc<Settlement>,
    /// Whether the statement increments the counters of the session: for workers that do not report counters.
    pub(super) is_counted: bool,
}

/// The answer to a `Report`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The result of the settlement.
    pub settled: Settled,
    /// The correlation id of the task, if this settlement moved it.
    pub correlation_id: Option<String>,
}

pub(super) struct Settle {
    pub(super) pools: Pools,
}

/// The next status of the task. Whether attempts are left, and whether a cancel was requested, is read from its row.
const NEXT_STATUS: &str = "(CASE
            WHEN i.verdict = 'completed' THEN 'completed'
            WHEN t.cancel_requested_at IS NOT NULL THEN 'cancelled'
            WHEN i.verdict = 'failed' THEN 'failed'
            WHEN i.verdict = 'retry' AND t.attempt - t.uncounted_attempts >= t.max_attempts THEN 'failed'
            ELSE 'retrying'
        END)";

static SETTLE: LazyLock<String> =
    LazyLock::new(|| fill(include_str!("settle.sql"), &[("next_status", NEXT_STATUS)]));

#[derive(QueryableByName)]
struct SettledRow {
    #[diesel(sql_type = SqlUuid)]
    task_id: Uuid,
    #[diesel(sql_type = Integer)]
    attempt: i32,
    #[diesel(sql_type = SqlUuid)]
    session_id: Uuid,
    #[diesel(sql_type = Nullable<Text>)]
    moved_to: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    backend: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    correlation_id: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    ran_seconds: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    age_seconds: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    moved_before: Option<String>,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notifications are sent")]
    backends: i64,
}

impl SettledRow {
    fn count(&self) {
        if let (Some(backend), Ok(Settled::Transitioned(to))) = (&self.backend, self.answer()) {
            metrics::task_moved(backend, to);
            metrics::attempt_ended(backend, to, self.ran_seconds.unwrap_or_default());
            metrics::task_ended(backend, to, self.age_seconds.unwrap_or_default());
        }
    }

    fn answer(&self) -> Result<Settled, StoreError> {
        let parse = |name: &str| -> Result<Status, StoreError> {
            name.parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))
        };
        match (&self.moved_to, &self.moved_before) {
            (Some(status), _) => parse(status).map(Settled::Transitioned),
            (None, Some(status)) => parse(status).map(Settled::Already),
            (None, None) => Ok(Settled::LeaseLost),
        }
    }
}

impl Flush for Settle {
    type Item = Report;
    type Outcome = Reported;

    fn task_id(report: &Report) -> Uuid {
        report.settlement.lease.task_id
    }

    fn weight(report: &Report) -> usize {
        report.settlement.weight()
    }

    async fn flush(&self, reports: &[Report]) -> Result<Vec<Reported>, StoreError> {
        // In the order of the tasks: two statements over the same rows then wait for each other and do not deadlock.
        let mut ordered: Vec<&Report> = reports.iter().collect();
        ordered.sort_by_key(|report| report.settlement.lease.task_id);
        ordered.dedup_by_key(|report| &report.settlement.lease);
        let mut answers = self.answers(&ordered).await?;
        // While the statement waited for a row, another one may have written the same settlement; its history entry is not in the
        // snapshot of this statement, but in that of a second one.
        ordered.retain(|report| {
            let answer = answers.get(&key(&report.settlement.lease));
            answer.is_some_and(|answer| answer.settled == Settled::LeaseLost)
        });
        if !ordered.is_empty() {
            answers.extend(self.answers(&ordered).await?);
        }
        // Of two settlements of one attempt in one flush, one was written. The other gets the answer that it would get in a later
        // flush.
        let answer = |report: &Report| {
            let Some(answer) = answers.get_mut(&key(&report.settlement.lease)) else {
                return Reported {
                    settled: Settled::LeaseLost,
                    correlation_id: None,
                };
            };
            let first = answer.clone();
            match first.settled {
                Settled::Transitioned(status) => answer.settled = Settled::Already(status),
                Settled::LeaseLost => metrics::write_fenced("settlement"),
                Settled::Already(_) => {}
            }
            first
        };
        Ok(reports.iter().map(answer).collect())
    }
}

/// An attempt of a session.
type Key = (Uuid, i32, Uuid);

fn key(lease: &Lease) -> Key {
    (lease.task_id, lease.attempt, lease.session.session_id)
}

impl Settle {
    async fn answers(&self, reports: &[&Report]) -> Result<HashMap<Key, Reported>, StoreError> {
        let rows = self.settle(reports).await?;
        rows.iter().for_each(SettledRow::count);
        rows.into_iter()
            .map(|row| {
                let key = (row.task_id, row.attempt, row.session_id);
                let settled = row.answer()?;
                let correlation_id = row.correlation_id;
                Ok((
                    key,
                    Reported {
                        settled,
                        correlation_id,
                    },
                ))
            })
            .collect()
    }

    async fn settle(&self, reports: &[&Report]) -> Result<Vec<SettledRow>, StoreError> {
        let counted: Vec<bool> = reports.iter().map(|report| report.is_counted).collect();
        let settlements: Vec<&Settlement> =
            reports.iter().map(|report| &*report.settlement).collect();
        let settlements = &*settlements;
        let bytes = settlements.iter().map(|it| it.weight()).sum();
        self.pools
            .run_sized(bytes, "settle attempts", async |connection| {
                Prepared(
                    diesel::sql_query(&*SETTLE)
                        .bind::<Array<SqlUuid>, _>(column(settlements, |s| s.lease.task_id))
                        .bind::<Array<Text>, _>(column(settlements, |s| {
                            &*s.lease.session.worker_id
                        }))
                        .bind::<Array<SqlUuid>, _>(column(settlements, |s| {
                            s.lease.session.session_id
                        }))
                        .bind::<Array<Integer>, _>(column(settlements, |s| s.lease.attempt))
                        .bind::<Array<Text>, _>(column(settlements, |s| s.verdict.name()))
                        .bind::<Array<Nullable<Jsonb>>, _>(column(settlements, |s| {
                            result(&s.verdict)
                        }))
                        .bind::<Array<Nullable<Jsonb>>, _>(column(settlements, |s| {
                            execution(&s.verdict)
                        }))
                        .bind::<Array<Nullable<Text>>, _>(column(settlements, |s| {
                            s.failure().map(|failure| failure.code.as_str())
                        }))
                        .bind::<Array<Nullable<Text>>, _>(column(settlements, |s| {
                            s.failure().map(|failure| failure.message.as_str())
                        }))
                        .bind::<Array<BigInt>, _>(column(settlements, |s| delay_ms(&s.verdict)))
                        .bind::<Array<Text>, _>(column(settlements, Settlement::note))
                        .bind::<Array<Bool>, _>(column(settlements, Settlement::blames_worker))
                        .bind::<Array<Bool>, _>(counted),
                )
                .load(connection)
                .await
            })
            .await
    }
}

fn column<'a, T>(settlements: &[&'a Settlement], field: impl Fn(&'a Settlement) -> T) -> Vec<T> {
    settlements
        .iter()
        .map(|settlement| field(settlement))
        .collect()
}

fn result(verdict: &Verdict) -> Option<&Value> {
    if let Verdict::Completed(outcome) = verdict {
        Some(&outcome.result)
    } else {
        None
    }
}

fn execution(verdict: &Verdict) -> Option<&Value> {
    if let Verdict::Completed(outcome) = verdict {
        Some(&outcome.execution)
    } else {
        None
    }
}

fn delay_ms(verdict: &Verdict) -> i64 {
    let delay = if let Verdict::Retry(_, delay) = verdict {
        *delay
    } else {
        Duration::ZERO
    };
    i64::try_from(delay.as_millis()).unwrap_or(i64::MAX)
}
