//! Cancelling tasks.

use actix_web::http::StatusCode;
use actix_web::web;
use tracing::info;
use uuid::Uuid;

use crate::api::problem::ProblemBody;
use crate::api::responses::{CancelView, TaskErrors, WriteErrors};
use crate::api::{ApiState, Problem, extract};
use crate::domain::status::Status;
use crate::store::Cancellation;

/// Cancel a task.
///
/// A waiting task is cancelled at once, a running task when its worker has stopped it. If the result arrives
/// first, the task is completed. The request is idempotent.
#[utoipa::path(
    delete, path = "/tasks/{task_id}", operation_id = "cancel_task", tag = "tasks",
    params(("task_id" = Uuid, Path, description = "As given by the submission.")),
    responses(
        (status = 200, description = "The task is cancelled, or its worker is being told.", body = CancelView),
        TaskErrors, WriteErrors,
        (status = 409, description = "`task_already_terminal`: it is completed or failed.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn cancel_task(
    state: web::Data<ApiState>,
    task_id: web::Path<String>,
) -> Result<web::Json<CancelView>, Problem> {
    let task_id = extract::task_id(&task_id)?;
    let (status, requested_at, message) = match state.store.cancel(task_id).await? {
        Cancellation::Cancelled { requested_at, now } => {
            let message = if now {
                "The task is cancelled."
            } else {
                "The task was cancelled before."
            };
            (Status::Cancelled, requested_at, message)
        }
        Cancellation::Requested { requested_at } => {
            let message = "The task is running; its worker is being told to stop it.";
            (Status::Processing, requested_at, message)
        }
        Cancellation::AlreadyTerminal(status) => return Err(already_terminal(task_id, status)),
        Cancellation::Unknown => return Err(Problem::task_not_found(task_id)),
    };
    info!(event = "task.cancel_requested", %task_id, %status, "cancel requested");
    Ok(web::Json(CancelView {
        task_id,
        status,
        cancel_requested_at: requested_at,
        message,
    }))
}

fn already_terminal(task_id: Uuid, status: Status) -> Problem {
    let detail = format!("Task {task_id} is {status} and cannot be cancelled any more.");
    Problem::new(StatusCode::CONFLICT, "task_already_terminal", detail)
}
