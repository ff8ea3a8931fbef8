//! Listing backends, with their load and estimated wait; pausing and resuming them.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use tracing::info;

use crate::api::extract::{OptionalBody, PauseRequest};
use crate::api::problem::ProblemBody;
use crate::api::responses::{
    BackendErrors, BackendPage, BackendPauseView, BackendView, BodyErrors, QueryErrors, ReadErrors,
    WriteErrors,
};
use crate::api::{ApiState, Problem, extract};
use crate::domain::access::Caller;
use crate::service::sweep;
use crate::store::MAX_PAUSED;

/// List backends by name, with their numbers of workers, of waiting and of running tasks, their wait times and their pauses.
#[utoipa::path(
    get, path = "/backends", operation_id = "list_backends", tag = "workers",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The most backends on a page; 1,000 if not given."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before: the name that it ended with.", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
    ),
    responses(
        (status = 200, description = "The backends.", body = BackendPage),
        QueryErrors, ReadErrors,
    )
)]
pub async fn list_backends(
    state: web::Data<ApiState>,
    request: HttpRequest,
) -> Result<web::Json<BackendPage>, Problem> {
    let (after, limit) = extract::backend_search(request.query_string())?;
    let configured = state.backends.configured();
    let page = state.store.backends(&configured, &after, limit).await?;
    Ok(web::Json(BackendPage {
        backends: page.backends.into_iter().map(BackendView::from).collect(),
        next_cursor: page.next,
    }))
}

/// Pause a backend: no worker claims its tasks until it is resumed.
///
/// No task is claimed after the response. Running tasks continue, and submissions are accepted and wait. The backend need not
/// have tasks or workers yet. The request is idempotent; a new reason replaces the former one.
#[utoipa::path(
    post, path = "/backends/{backend}/pause", operation_id = "pause_backend", tag = "workers",
    params(("backend" = String, Path, description = "The backend's name.")),
    request_body = Option<PauseRequest>,
    responses(
        (status = 200, description = "The backend is paused.", body = BackendPauseView),
        BodyErrors, BackendErrors, WriteErrors,
        (status = 409, description = "`too_many_paused_backends`: 1,000 others are paused.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn pause_backend(
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    backend: web::Path<String>,
    body: OptionalBody<PauseRequest>,
) -> Result<web::Json<BackendPauseView>, Problem> {
    let backend = extract::backend(backend.into_inner())?;
    let reason = body.value.check().map_err(Problem::validation)?;
    let paused_by = caller.token_name();
    let paused = state
        .store
        .pause_backend(&backend, reason.as_deref(), paused_by);
    if !paused.await? {
        return Err(too_many_paused());
    }
    info!(
        event = "backend.paused",
        backend, reason, paused_by, "backend paused"
    );
    find(&state, backend).await
}

/// Resume a backend: end its pause.
///
/// Its tasks are claimed again within a second. The request is idempotent: a backend that is not paused stays as it is.
#[utoipa::path(
    post, path = "/backends/{backend}/resume", operation_id = "resume_backend", tag = "workers",
    params(("backend" = String, Path, description = "The backend's name.")),
    responses(
        (status = 200, description = "The backend is not paused.", body = BackendPauseView),
        BackendErrors, WriteErrors,
    )
)]
pub async fn resume_backend(
    state: web::Data<ApiState>,
    backend: web::Path<String>,
) -> Result<web::Json<BackendPauseView>, Problem> {
    let backend = extract::backend(backend.into_inner())?;
    if state.store.resume_backend(&backend).await? {
        info!(event = "backend.resumed", backend, "backend resumed");
        sweep::publish_due_soon(&state.store, &state.dispatcher);
    }
    find(&state, backend).await
}

/// The pause of the backend now: another request may have changed it.
async fn find(state: &ApiState, backend: String) -> Result<web::Json<BackendPauseView>, Problem> {
    let paused = state
        .store
        .paused_among(std::slice::from_ref(&backend))
        .await?;
    Ok(web::Json(BackendPauseView::new(
        backend,
        paused.into_iter().next(),
    )))
}

fn too_many_paused() -> Problem {
    let detail = format!(
        "{MAX_PAUSED} other backends are paused. Resume some that need no pause: GET /backends shows them."
    );
    Problem::new(StatusCode::CONFLICT, "too_many_paused_backends", detail)
}
