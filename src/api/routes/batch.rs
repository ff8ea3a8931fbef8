//! Submitting many tasks at once.

use actix_web::{HttpRequest, HttpResponse, web};

use super::tasks::idempotency;
use crate::api::answers::Unsent;
use crate::api::body::JsonBody;
use crate::api::body_size::Batch;
use crate::api::correlation::CorrelationId;
use crate::api::problem::ProblemBody;
use crate::api::requests::BatchSubmission;
use crate::api::views::BatchSubmitted;
use crate::api::{ApiState, Problem};
use crate::domain::checks::FieldErrors;
use crate::domain::task::NewTask;

/// The text of one task in the answer, in bytes, with a correlation id of the greatest length.
const MAX_SUBMITTED: usize = 400;
/// The most unknown backends that one answer names.
const MAX_ERRORS: usize = 100;

/// Submit up to 1,000 tasks: all of them are accepted, or none is.
///
/// Answers as the submission of a single task does; `errors` name the task that they belong to,
/// as in `tasks[3].shots`. The `Idempotency-Key` names the whole batch.
#[utoipa::path(
    post, path = "/tasks/batch", operation_id = "submit_batch", tag = "tasks",
    request_body = BatchSubmission,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names this batch over all of its repetitions; at most 255 characters.", min_length = 1, max_length = 255),
        ("X-Correlation-ID" = Option<String>, Header, description = "Follows the tasks through rows, messages and logs; made where it is missing."),
    ),
    responses(
        (status = 201, description = "The tasks are safe, and on their way.", body = BatchSubmitted),
        (status = 400, description = "The body is not JSON, or the key is empty or too long.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`idempotency_key_reused`: the key was used for another request.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not sent as JSON.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields that cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not accepted: the database or the queue is away.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 507, description = "Not accepted: the database is full.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn submit_batch(
    request: HttpRequest,
    state: web::Data<ApiState>,
    correlation: web::ReqData<CorrelationId>,
    body: JsonBody<BatchSubmission, Batch>,
) -> Result<HttpResponse, Problem> {
    let idempotency = idempotency(&request, body.fingerprint)?;
    let CorrelationId(correlation_id) = correlation.into_inner();
    let tasks = body
        .value
        .into_tasks(&state.limits, &correlation_id, idempotency.as_ref())
        .map_err(Problem::validation)?;
    refuse_unknown_backends(&state, &tasks).await?;
    // Before anything is stored: what is accepted must be answered.
    let unsent = Unsent::of(tasks.len() * MAX_SUBMITTED).await?;
    let work = async move { Ok(state.submitter.submit_all(tasks).await?) };
    let accepted = body.room.hold(work).await?;
    Ok(unsent.hold(HttpResponse::Created().json(BatchSubmitted::from(accepted))))
}

async fn refuse_unknown_backends(state: &ApiState, tasks: &[NewTask]) -> Result<(), Problem> {
    let named = tasks.iter().map(|task| task.backend.as_str());
    let refusals = state.backends.refusals(named).await?;
    let errors: FieldErrors = tasks
        .iter()
        .enumerate()
        .filter_map(|(index, task)| {
            let message = refusals.get(task.backend.as_str())?.clone();
            Some((format!("tasks[{index}].backend"), message))
        })
        .take(MAX_ERRORS)
        .collect();
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Problem::validation(errors))
    }
}
