//! Submitting and reading tasks.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use crate::api::body::JsonBody;
use crate::api::correlation::CorrelationId;
use crate::api::problem::ProblemBody;
use crate::api::views::{Submitted, TaskOverview, TaskPage, TaskView};
use crate::api::{ApiState, Problem, query};
use crate::domain::submission::{FieldErrors, Submission};
use crate::domain::task::Idempotency;

/// The longest `Idempotency-Key`.
const MAX_KEY_LENGTH: usize = 255;

/// Submit a task.
///
/// A task that is answered with 201 is committed and will be run. An answer of 503 means that it
/// was not accepted, unless its `code` is `outcome_unknown`; then repeat the request with the same
/// `Idempotency-Key`.
#[utoipa::path(
    post, path = "/tasks", operation_id = "submit_task", tag = "tasks",
    request_body = Submission,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names this submission over all of its repetitions; at most 255 characters."),
        ("X-Correlation-ID" = Option<String>, Header, description = "Follows the task through rows, messages and logs; made where it is missing."),
    ),
    responses(
        (status = 201, description = "The task is safe, and on its way.", body = Submitted,
         headers(("Location" = String, description = "Where to read it."))),
        (status = 400, description = "The body is not JSON.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 408, description = "The body did not arrive in time.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The key was used for another request.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "The body is not sent as JSON.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Fields that cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not accepted: the database or the queue is away.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 507, description = "Not accepted: the database is full.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn submit_task(
    request: HttpRequest,
    state: web::Data<ApiState>,
    correlation: web::ReqData<CorrelationId>,
    body: JsonBody<Submission>,
) -> Result<HttpResponse, Problem> {
    let idempotency = idempotency(&request, body.fingerprint)?;
    let CorrelationId(correlation_id) = correlation.into_inner();
    let task = body
        .value
        .into_task(&state.limits, correlation_id, idempotency)
        .map_err(Problem::validation)?;
    if !state.backends.contains(&task.backend).await? {
        let known = state.backends.names().join(", ");
        let message = format!("`{}` is not served here; known are {known}", task.backend);
        return Err(Problem::validation(FieldErrors::from([(
            "backend".to_owned(),
            message,
        )])));
    }
    let accepted = state.submitter.submit(task).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/tasks/{}", accepted.task_id)))
        .json(Submitted::from(accepted)))
}

fn idempotency(request: &HttpRequest, fingerprint: Uuid) -> Result<Option<Idempotency>, Problem> {
    let Some(key) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    match key.to_str().map(str::trim) {
        Ok(key) if (1..=MAX_KEY_LENGTH).contains(&key.len()) => Ok(Some(Idempotency {
            key: key.to_owned(),
            fingerprint,
        })),
        _ => {
            let detail = format!(
                "Idempotency-Key must have 1 to {MAX_KEY_LENGTH} visible ASCII characters."
            );
            Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_idempotency_key",
                detail,
            ))
        }
    }
}

/// Read a task, with its result and its history.
#[utoipa::path(
    get, path = "/tasks/{task_id}", operation_id = "read_task", tag = "tasks",
    params(("task_id" = Uuid, Path, description = "As given by the submission.")),
    responses(
        (status = 200, description = "The task.", body = TaskView),
        (status = 400, description = "Not a UUID.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such task.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn read_task(
    state: web::Data<ApiState>,
    task_id: web::Path<String>,
) -> Result<web::Json<TaskView>, Problem> {
    let task_id = query::task_id(&task_id)?;
    let (task, history) = state
        .store
        .task(task_id)
        .await?
        .ok_or_else(|| Problem::task_not_found(task_id))?;
    Ok(web::Json(TaskView::new(task, history)))
}

/// List tasks, newest first.
#[utoipa::path(
    get, path = "/tasks", operation_id = "list_tasks", tag = "tasks",
    params(
        ("status" = Option<Vec<crate::domain::status::Status>>, Query, description = "Only tasks in one of these statuses; repeat it for several."),
        ("backend" = Option<String>, Query, description = "Only tasks of this backend."),
        ("limit" = Option<i64>, Query, description = "The length of a page, 1 to 100; 20 by default.", minimum = 1, maximum = 100),
        ("cursor" = Option<Uuid>, Query, description = "`next_cursor` of the page before."),
    ),
    responses(
        (status = 200, description = "A page of tasks.", body = TaskPage),
        (status = 422, description = "A parameter that cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn list_tasks(
    state: web::Data<ApiState>,
    request: HttpRequest,
) -> Result<web::Json<TaskPage>, Problem> {
    let mut filter = query::task_filter(request.query_string())?;
    let wanted = usize::try_from(filter.limit).unwrap_or_default();
    // One more than asked for tells whether there is a next page.
    filter.limit += 1;
    let mut tasks = state.store.list(&filter).await?;
    let more = tasks.len() > wanted;
    tasks.truncate(wanted);
    let next_cursor = tasks.last().filter(|_| more).map(|task| task.task_id);
    Ok(web::Json(TaskPage {
        tasks: tasks.into_iter().map(TaskOverview::from).collect(),
        next_cursor,
    }))
}
