//! Settlements: out of `processing`, by the owner of the attempt and nobody else.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use uuid::Uuid;

use super::StoreError;
use super::batch::Flush;
use super::pool::Pools;
use super::statement::Prepared;
use crate::domain::owner::Lease;
use crate::domain::settlement::{Settlement, Verdict};
use crate::domain::status::Status;
use crate::metrics;

/// The answer to a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The task moved to this status now.
    Moved(Status),
    /// The owner had made this move before, and the answer was lost on the way: the task is in, or
    /// went on from, this status.
    Already(Status),
    /// The owner lost the task before this; nothing was changed.
    LeaseLost,
}

/// A settlement on its way, and who counts it.
#[derive(Debug, Clone)]
pub(super) struct Report {
    pub(super) settlement: Arc<Settlement>,
    /// Whether the move adds to the counters of the owner's session, in the same statement: of owners that
    /// do not count by themselves.
    pub(super) is_counted: bool,
}

/// The answer to a `Report`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// What became of the move.
    pub settled: Settled,
    /// The task's, where this made the move.
    pub correlation_id: Option<String>,
}

pub(super) struct Settle {
    pub(super) pools: Pools,
}

// Where the task goes on this verdict. Whether attempts are left, and whether a cancel was asked
// for, is the row's to say.
macro_rules! next_status {
    () => {
        "(CASE
            WHEN i.verdict = 'completed' THEN 'completed'
            WHEN t.cancel_requested_at IS NOT NULL THEN 'cancelled'
            WHEN i.verdict = 'failed' THEN 'failed'
            WHEN i.verdict = 'retry' AND t.attempt - t.uncounted_attempts >= t.max_attempts THEN 'failed'
            ELSE 'retrying'
        END)"
    };
}

// A worker of our own says how long the attempt took; for others the row's times are added. Where there is
// no execution, || gives null.
const SETTLE: &str = concat!(
    "WITH input AS (
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        AS i(task_id, worker_id, session_id, attempt, verdict, result, execution, error_code, error_message, delay_ms, note, blamed, is_counted)
), moved AS (
    UPDATE tasks t
    SET current_status = ",
    next_status!(),
    "::task_status,
        completed_at = CASE WHEN ",
    next_status!(),
    " <> 'retrying' THEN clock_timestamp() END,
        available_at = CASE WHEN ",
    next_status!(),
    " = 'retrying' THEN clock_timestamp() + i.delay_ms * interval '1 millisecond' END,
        waits_since = CASE WHEN ",
    next_status!(),
    " = 'retrying' THEN clock_timestamp() ELSE t.waits_since END,
        dispatched_at = CASE WHEN ",
    next_status!(),
    " = 'retrying' THEN NULL ELSE t.dispatched_at END,
        uncounted_attempts = t.uncounted_attempts + (i.verdict = 'released')::integer,
        worker_id = NULL, session_id = NULL,
        blamed_workers = CASE WHEN i.blamed
                              THEN (i.worker_id || array_remove(t.blamed_workers, i.worker_id))[:8]
                              ELSE t.blamed_workers END,
        blamed_at = CASE WHEN i.blamed THEN now() ELSE t.blamed_at END,
        result = i.result, error_code = i.error_code, error_message = i.error_message,
        execution = CASE WHEN i.execution ? 'executed_ms' THEN i.execution ELSE jsonb_build_object(
            'queued_ms', greatest(0, floor(extract(epoch FROM t.started_at - t.submitted_at) * 1000))::bigint,
            'executed_ms', greatest(0, floor(extract(epoch FROM clock_timestamp() - t.started_at) * 1000))::bigint
        ) || i.execution END
    FROM input i
    WHERE t.task_id = i.task_id AND t.current_status = 'processing'
      AND t.worker_id = i.worker_id AND t.session_id = i.session_id AND t.attempt = i.attempt
    RETURNING t.task_id, t.backend, t.attempt, t.current_status AS status, t.correlation_id, i.worker_id, i.session_id, i.is_counted,
              CASE WHEN t.current_status = 'cancelled' THEN 'Cancelled on request'
                   WHEN i.verdict <> 'retry' THEN i.note
                   WHEN t.current_status = 'failed' THEN i.note || '; that was the last of ' || t.max_attempts || ' attempts'
                   WHEN t.current_status = 'retrying' THEN i.note || '; next attempt in ' || round(i.delay_ms / 1000.0, 1) || ' s'
                        || CASE WHEN i.blamed THEN ', at another worker first' ELSE '' END
                   ELSE i.note END AS note
), noted AS (
    INSERT INTO status_history (task_id, status, transitioned_at, attempt, worker_id, session_id, notes)
    SELECT task_id, status, clock_timestamp(), attempt, worker_id, session_id, note FROM moved
), woken AS (
    SELECT count(pg_notify('qtask_ready', backend)) AS backends
    FROM (SELECT DISTINCT backend FROM moved WHERE status = 'retrying') AS ready
), ended AS MATERIALIZED (
    SELECT worker_id, session_id, count(*) FILTER (WHERE status = 'completed') AS completed,
           count(*) FILTER (WHERE status = 'failed') AS failed
    FROM moved WHERE is_counted AND status IN ('completed', 'failed') GROUP BY worker_id, session_id
), locked AS MATERIALIZED (
    SELECT w.worker_id, ended.session_id, ended.completed, ended.failed
    FROM ended JOIN workers w ON w.worker_id = ended.worker_id
    ORDER BY w.worker_id FOR UPDATE OF w
), counted AS (
    UPDATE workers w
    SET tasks_completed = w.tasks_completed + locked.completed, tasks_failed = w.tasks_failed + locked.failed
    FROM locked WHERE w.worker_id = locked.worker_id AND w.session_id = locked.session_id
)
SELECT i.task_id, i.attempt, i.session_id, moved.status::text AS moved_to, moved.backend, moved.correlation_id,
       CASE WHEN moved.task_id IS NULL THEN (
           SELECT h.status::text FROM status_history h
           WHERE h.task_id = i.task_id AND h.attempt = i.attempt AND h.session_id = i.session_id AND h.status <> 'processing'
             AND (h.status::text = i.verdict OR i.verdict IN ('retry', 'released')
                  OR (i.verdict = 'failed' AND h.status = 'cancelled'))
           ORDER BY h.id DESC LIMIT 1
       ) END AS moved_before,
       woken.backends
FROM input i LEFT JOIN moved ON moved.task_id = i.task_id AND moved.attempt = i.attempt AND moved.session_id = i.session_id
CROSS JOIN woken"
);

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
    #[diesel(sql_type = Nullable<Text>)]
    moved_before: Option<String>,
    #[diesel(sql_type = BigInt)]
    #[allow(dead_code, reason = "selected so that the notifications are sent")]
    backends: i64,
}

impl SettledRow {
    fn count(&self) {
        if let (Some(backend), Ok(Settled::Moved(to))) = (&self.backend, self.answer()) {
            metrics::task_moved(backend, to);
        }
    }

    fn answer(&self) -> Result<Settled, StoreError> {
        let parse = |name: &str| -> Result<Status, StoreError> {
            name.parse()
                .map_err(|error| StoreError::Refused(format!("{error}")))
        };
        match (&self.moved_to, &self.moved_before) {
            (Some(status), _) => parse(status).map(Settled::Moved),
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
        // Ordered by task, so that two statements over the same rows wait for each other instead of
        // deadlocking.
        let mut ordered: Vec<&Report> = reports.iter().collect();
        ordered.sort_by_key(|report| report.settlement.lease.task_id);
        ordered.dedup_by_key(|report| &report.settlement.lease);
        let mut answers = self.answers(&ordered).await?;
        // While the statement waited for a row, the same report may have been carried out by another
        // one, whose history row this one's snapshot does not show. A second look does.
        ordered.retain(|report| {
            let answer = answers.get(&key(&report.settlement.lease));
            answer.is_some_and(|answer| answer.settled == Settled::LeaseLost)
        });
        if !ordered.is_empty() {
            answers.extend(self.answers(&ordered).await?);
        }
        // Two settlements of one attempt in one flush: one of them was written. The other learns
        // that an end stands, as it would in a flush of its own.
        let answer = |report: &Report| {
            let Some(answer) = answers.get_mut(&key(&report.settlement.lease)) else {
                return Reported {
                    settled: Settled::LeaseLost,
                    correlation_id: None,
                };
            };
            let first = answer.clone();
            if let Settled::Moved(status) = first.settled {
                answer.settled = Settled::Already(status);
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
                    diesel::sql_query(SETTLE)
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
