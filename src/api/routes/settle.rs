//! Settlements over HTTP.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web;
use tracing::{error_span, warn};

use crate::api::extract::{Complete, Fail, JsonBody, OfResult, Release};
use crate::api::responses::{BodyErrors, OwnerErrors, SettledView, WriteErrors};
use crate::api::{ApiState, Problem, extract};
use crate::domain::correlation;
use crate::domain::owner::Lease;
use crate::domain::settlement::Settlement;
use crate::domain::status::Status;
use crate::service::settled::log_settled;
use crate::store::Settled;

type SettleResponse = Result<web::Json<SettledView>, Problem>;

/// Complete a running task, as its owner.
///
/// The request is idempotent. A result is kept even if a cancellation was requested meanwhile.
#[utoipa::path(
    post, path = "/tasks/{task_id}/complete", operation_id = "complete_task", tag = "pull protocol",
    request_body = Complete,
    params(("task_id" = uuid::Uuid, Path, description = "As given by the claim.")),
    responses(
        (status = 200, description = "The task is completed.", body = SettledView),
        BodyErrors, OwnerErrors, WriteErrors,
    )
)]
pub async fn complete_task(
    state: web::Data<ApiState>,
    task_id: web::Path<String>,
    body: JsonBody<Complete, OfResult>,
) -> SettleResponse {
    let task_id = extract::task_id(&task_id)?;
    let settlement = body.value.into_settlement(task_id);
    let settlement = settlement.map_err(Problem::validation)?;
    let work = async move { settle(&state, settlement).await };
    body.permit.hold(work).await
}

/// Fail a running task, as its owner.
///
/// With `retry`, the task gets another attempt after a delay, if any is left. If a cancellation was requested, the
/// task is cancelled. The request is idempotent.
#[utoipa::path(
    post, path = "/tasks/{task_id}/fail", operation_id = "fail_task", tag = "pull protocol",
    request_body = Fail,
    params(("task_id" = uuid::Uuid, Path, description = "As given by the claim.")),
    responses(
        (status = 200, description = "The attempt has ended: the task is failed, retrying or cancelled.", body = SettledView),
        BodyErrors, OwnerErrors, WriteErrors,
    )
)]
pub async fn fail_task(
    state: web::Data<ApiState>,
    task_id: web::Path<String>,
    body: JsonBody<Fail>,
) -> SettleResponse {
    let task_id = extract::task_id(&task_id)?;
    let settlement = body.value.into_settlement(task_id, state.retry);
    settle(&state, settlement.map_err(Problem::validation)?).await
}

/// Release a running task unfinished, as its owner.
///
/// The task waits for the next worker without a delay, and the attempt does not count. If a cancellation was
/// requested, the task is cancelled: a worker confirms so that it has stopped the task. The request is idempotent.
#[utoipa::path(
    post, path = "/tasks/{task_id}/release", operation_id = "release_task", tag = "pull protocol",
    request_body = Release,
    params(("task_id" = uuid::Uuid, Path, description = "As given by the claim.")),
    responses(
        (status = 200, description = "The task is retrying or cancelled.", body = SettledView),
        BodyErrors, OwnerErrors, WriteErrors,
    )
)]
pub async fn release_task(
    state: web::Data<ApiState>,
    task_id: web::Path<String>,
    body: JsonBody<Release>,
) -> SettleResponse {
    let task_id = extract::task_id(&task_id)?;
    let settlement = body.value.into_settlement(task_id);
    settle(&state, settlement.map_err(Problem::validation)?).await
}

async fn settle(state: &ApiState, settlement: Settlement) -> SettleResponse {
    let settlement = Arc::new(settlement);
    let lease = &settlement.lease;
    let reported = state.store.settle_and_count(settlement.clone()).await?;
    let status = match reported.settled {
        Settled::Transitioned(status) => {
            report(&settlement, status, reported.correlation_id.as_deref());
            state.fleet.judge(&settlement).await;
            status
        }
        Settled::Already(status) => status,
        Settled::LeaseLost => return Err(not_its_owner(state, lease).await),
    };
    Ok(web::Json(SettledView {
        task_id: lease.task_id,
        status,
    }))
}

fn report(settlement: &Settlement, to: Status, correlation_id: Option<&str>) {
    let request = correlation::current();
    // At error level, so that the span exists even if only warnings and errors are logged.
    let span = error_span!(
        "settlement",
        correlation_id,
        request_correlation_id = request.as_deref()
    );
    span.in_scope(|| log_settled(settlement, to));
}

/// Why a write about a running task changed nothing.
pub(super) async fn not_its_owner(state: &ApiState, lease: &Lease) -> Problem {
    match state.store.task_exists(lease.task_id).await {
        Err(error) => error.into(),
        Ok(false) => Problem::task_not_found(lease.task_id),
        Ok(true) => lease_lost(lease),
    }
}

fn lease_lost(lease: &Lease) -> Problem {
    let (task_id, attempt) = (lease.task_id, lease.attempt);
    let worker_id = &lease.session.worker_id;
    warn!(event = "task.lease_lost", %task_id, attempt, %worker_id, "lease lost: the worker does not own the attempt");
    let detail = format!(
        "Worker {worker_id} does not own attempt {attempt} at task {task_id} in this session; nothing was changed. \
         Stop working on it."
    );
    Problem::new(StatusCode::CONFLICT, "lease_lost", detail)
}
