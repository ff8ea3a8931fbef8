//! Refused submissions as problem documents.

use actix_web::http::StatusCode;
use tracing::{error, warn};

use super::Problem;
use crate::service::backlog::BacklogFull;
use crate::service::submit::SubmitError;
use crate::store::StoreError;

/// A repeated submission creates another task, while all other writes are idempotent.
const UNKNOWN_SUBMISSION: &str = "The connection to the database was lost before the reply, so it is not known whether the request was carried out. \
     Repeating a submission is safe when it carries an Idempotency-Key header: a task that was accepted is \
     found again, and never submitted twice. Without one, look for it in GET /tasks first.";

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Store(error @ StoreError::OutcomeUnknown(_)) => {
                Self::from(error).explained(UNKNOWN_SUBMISSION)
            }
            SubmitError::Store(error) => error.into(),
            SubmitError::QueueUnavailable(reason) => {
                warn!(
                    event = "request.queue_unavailable",
                    reason, "submission refused: the queue cannot be reached"
                );
                let detail = "The queue cannot be reached; the task was not accepted. Try again in a moment.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "queue_unavailable", detail)
            }
            SubmitError::QueueUnusable(reason) => {
                error!(
                    event = "request.queue_unusable",
                    reason, "submission refused: the queue is unusable"
                );
                let detail = format!("The task was not accepted: {reason}.");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "queue_unusable", detail)
            }
            SubmitError::BacklogFull(full) => backlog_full(&full),
            SubmitError::KeyReused { .. } => Self::new(
                StatusCode::CONFLICT,
                "idempotency_key_reused",
                format!("{error}."),
            ),
        }
    }
}

fn backlog_full(full: &BacklogFull) -> Problem {
    let BacklogFull {
        backend,
        limit,
        retry_after,
    } = full;
    warn!(
        event = "request.backlog_full",
        backend, limit, "submission refused: too many tasks of its backend wait"
    );
    let detail = format!(
        "At most {limit} tasks of backend `{backend}` may wait (QTASK_MAX_WAITING); nothing was accepted. Repeat the request later."
    );
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "backlog_full", detail)
        .with_retry_after(*retry_after)
}
