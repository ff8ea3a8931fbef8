//! Reruns: new tasks with the inputs of tasks that have ended, accepted as a submission is.

use std::collections::BTreeSet;

use tracing::{Instrument, Span, info};
use uuid::Uuid;

use super::backlog::BacklogReservation;
use super::submit::{Accepted, CommittedTasks, SubmitError, Submitter, end_submission};
use crate::domain::correlation;
use crate::domain::status::Status;
use crate::domain::task::Idempotency;
use crate::domain::trace_context::TraceContext;
use crate::queue::amqp::OutgoingMessage;
use crate::store::{PriorSubmission, RerunSource, RerunTask, StoreError};
use crate::traces::{Span as TraceSpan, SpanKind, SpanStart};

/// The most bytes of inputs that one statement copies, before its last task.
const MAX_COPIED_BYTES: i64 = 16 << 20;

/// Maximum number of traces that the span of a request links to.
const MAX_LINKS: usize = 32;

/// A new task, and the task whose inputs it has.
#[derive(Debug, Clone)]
pub struct Rerun {
    /// The new task.
    pub accepted: Accepted,
    /// The other.
    pub rerun_of: Uuid,
}

/// What all reruns of one request have in common.
#[derive(Clone, Copy)]
struct RerunParams<'a> {
    correlation_id: &'a str,
    trace: Option<&'a TraceContext>,
    idempotency: Option<&'a Idempotency>,
}

/// Begins the span of the request, with links to the first traces of the other tasks.
fn begin(trace: Option<&TraceContext>, sources: &[RerunSource]) -> TraceSpan {
    let others = sources.iter().filter_map(|source| source.trace.clone());
    let links: Vec<TraceContext> = others.take(MAX_LINKS).collect();
    let mut span = SpanStart {
        kind: SpanKind::Internal,
        name: "rerun".into(),
        parent: trace,
        links: &links,
    }
    .begin();
    let tasks = i64::try_from(sources.len()).unwrap_or(i64::MAX);
    span.number("qtask.task.count", tasks);
    span
}

/// Returns as many of the tasks as one request reruns, at least one.
pub fn within_limits(sources: &[RerunSource]) -> &[RerunSource] {
    let mut bytes = 0;
    let count = sources.iter().take_while(|source| {
        let fits = bytes < MAX_COPIED_BYTES;
        bytes += source.bytes;
        fits
    });
    sources.get(..count.count()).unwrap_or(sources)
}

impl Submitter {
    /// The reruns that an earlier request made under this key, in the order of that request; empty if there was none.
    pub async fn prior_reruns(
        &self,
        idempotency: Option<&Idempotency>,
    ) -> Result<Vec<Rerun>, SubmitError> {
        let prior = self.store.prior_submission(idempotency).await?;
        prior.into_iter().map(repeated).collect()
    }

    /// Stores and dispatches a new task for each of these, all or none.
    ///
    /// Runs to its end even if the caller is dropped.
    pub async fn rerun(
        &self,
        sources: Vec<RerunSource>,
        correlation_id: String,
        trace: Option<&TraceContext>,
        idempotency: Option<Idempotency>,
    ) -> Result<Vec<Rerun>, SubmitError> {
        let span = begin(trace, &sources);
        let backends: BTreeSet<&str> = sources.iter().map(|it| &*it.backend).collect();
        let backends: Vec<&str> = backends.into_iter().collect();
        if let Some(reason) = self.dispatcher.not_ready_reason_now(&backends).await {
            return Err(reason.into());
        }
        let wanted = sources.iter().map(|source| &*source.backend);
        let reservation = self.backlog.reserve(wanted).await;
        let reservation = reservation.map_err(SubmitError::BacklogFull)?;
        let submitter = self.clone();
        let work = async move {
            let request = RerunParams {
                correlation_id: &correlation_id,
                trace: span.context(),
                idempotency: idempotency.as_ref(),
            };
            let reruns = submitter
                .store_and_send_reruns(&sources, request, reservation)
                .await;
            end_submission(span, &reruns);
            reruns
        };
        tokio::spawn(correlation::inherit(work.instrument(Span::current())))
            .await
            .unwrap_or_else(|_| {
                Err(StoreError::OutcomeUnknown("the rerun broke down".to_owned()).into())
            })
    }

    async fn store_and_send_reruns(
        &self,
        sources: &[RerunSource],
        request: RerunParams<'_>,
        reservation: BacklogReservation,
    ) -> Result<Vec<Rerun>, SubmitError> {
        let RerunParams {
            correlation_id,
            trace,
            idempotency,
        } = request;
        let task_ids: Vec<Uuid> = sources.iter().map(|it| it.task_id).collect();
        let bytes: i64 = sources.iter().map(|it| it.bytes).sum();
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let rerunning = self
            .store
            .rerun(&task_ids, correlation_id, trace, idempotency, bytes);
        let created = rerunning.await?;
        if created.is_empty() {
            let prior = self.prior_reruns(idempotency).await?;
            if prior.is_empty() {
                let reason = "one of the tasks was deleted".to_owned();
                return Err(StoreError::SerializationConflict(reason).into());
            }
            return Ok(prior);
        }
        reservation.keep();
        info!(
            event = "task.rerun",
            tasks = created.len(),
            to = %Status::Pending,
            "tasks rerun"
        );
        let messages = created.iter().map(|task| message(task, correlation_id));
        let outcomes = self.dispatcher.send(messages.collect(), trace).await;
        let committed = CommittedTasks {
            task_ids: created.iter().map(|task| task.task_id).collect(),
            has_key: idempotency.is_some(),
        };
        self.settle_unsent(&committed, &outcomes).await?;
        let rerun = |task: RerunTask| Rerun {
            accepted: Accepted {
                task_id: task.task_id,
                status: Status::Pending,
                submitted_at: task.submitted_at,
                correlation_id: correlation_id.to_owned(),
            },
            rerun_of: task.rerun_of,
        };
        Ok(created.into_iter().map(rerun).collect())
    }
}

fn message(task: &RerunTask, correlation_id: &str) -> OutgoingMessage {
    OutgoingMessage {
        task_id: task.task_id,
        backend: task.backend.clone(),
        priority: u8::try_from(task.priority).unwrap_or_default(),
        correlation_id: correlation_id.to_owned(),
        trace: None,
    }
}

/// A repetition is answered with the tasks of the first request.
fn repeated(prior: PriorSubmission) -> Result<Rerun, SubmitError> {
    let task_id = prior.task_id;
    match prior.rerun_of {
        Some(rerun_of) if prior.same_request => Ok(Rerun {
            accepted: Accepted {
                task_id,
                status: prior.status,
                submitted_at: prior.submitted_at,
                correlation_id: prior.correlation_id,
            },
            rerun_of,
        }),
        _ => Err(SubmitError::KeyReused { task_id }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(bytes: &[i64]) -> Vec<RerunSource> {
        let source = |bytes: &i64| RerunSource {
            task_id: Uuid::nil(),
            backend: "b".to_owned(),
            status: Status::Failed,
            bytes: *bytes,
            was_rerun: false,
            trace: None,
        };
        bytes.iter().map(source).collect()
    }

    #[test]
    fn a_request_copies_a_bounded_amount_and_at_least_one_task() {
        for (bytes, count) in [
            (&[][..], 0),
            (&[1, 1, 1], 3),
            (&[MAX_COPIED_BYTES * 2, 1], 1),
            (&[1, MAX_COPIED_BYTES, 1], 2),
        ] {
            assert_eq!(within_limits(&sources(bytes)).len(), count, "{bytes:?}");
        }
    }
}
