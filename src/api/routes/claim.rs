//! Claiming tasks over HTTP.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use tracing::warn;

use crate::api::extract::{ClaimTasksRequest, JsonBody};
use crate::api::problem::ProblemBody;
use crate::api::responses::{BodyErrors, ClaimedPage, ClaimedTask, WriteErrors};
use crate::api::{ApiState, Problem, extract};
use crate::domain::access::Caller;
use crate::service::claims::ClaimError;
use crate::store::StoreError;

/// Claim the next tasks of the worker's backends, or wait for them.
///
/// The worker owns each task until it completes, fails or releases it, or loses its lease. A draining worker gets
/// no tasks. With `tasks`, tasks whose response was lost are returned again; such a worker must send its claims one
/// after the other.
#[utoipa::path(
    post, path = "/workers/{worker_id}/claim", operation_id = "claim_tasks", tag = "workers",
    params(("worker_id" = String, Path, description = "The worker's name.")),
    request_body = ClaimTasksRequest,
    responses(
        (status = 200, description = "The tasks; none where there was nothing for as long as was to be waited.", body = ClaimedPage),
        BodyErrors, WriteErrors,
        (status = 403, description = "`forbidden`: the token lacks the scope `workers`, or may not serve one of the session's backends, which `detail` names.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`worker_not_found`: register first.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`session_ended`: register anew. `session_replaced`: another worker has taken the name.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away. Where the `code` is `outcome_unknown`, tasks may have been claimed: claim again with `tasks`.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn claim_tasks(
    state: web::Data<ApiState>,
    worker_id: web::Path<String>,
    caller: web::ReqData<Caller>,
    body: JsonBody<ClaimTasksRequest>,
) -> Result<HttpResponse, Problem> {
    let worker_id = extract::worker_id(worker_id.into_inner())?;
    let wish = body.value.check(&worker_id, caller.into_inner());
    let wish = wish.map_err(Problem::validation)?;
    let granted = state.claimer.claim(wish).await;
    let granted = granted.map_err(|error| refusal(error, &worker_id))?;
    // If the response is not sent, the claimed tasks are released.
    let unsent = state.answer_memory.try_unsent(granted.text_bytes())?;
    let tasks = granted.hand_over().into_iter().map(ClaimedTask::from);
    Ok(unsent.hold(HttpResponse::Ok().json(ClaimedPage {
        tasks: tasks.collect(),
    })))
}

fn refusal(error: ClaimError, worker_id: &str) -> Problem {
    match error {
        ClaimError::UnknownWorker => Problem::worker_not_found(worker_id),
        ClaimError::SessionReplaced => Problem::session_replaced(worker_id),
        ClaimError::SessionEnded => Problem::session_ended(worker_id),
        ClaimError::ForeignBackend(backend) => Problem::foreign_backend(&backend),
        ClaimError::Store(StoreError::OutcomeUnknown(reason)) => {
            warn!(
                event = "request.outcome_unknown",
                worker_id, reason, "request outcome unknown: the database did not answer"
            );
            let detail = "The connection to the database was lost before the reply, so that tasks may have been claimed. \
                          Claim again with `tasks`, the tasks in hand: what the session owns besides them is answered again.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown", detail)
        }
        ClaimError::Store(error) => error.into(),
    }
}
