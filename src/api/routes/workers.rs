//! The registry of workers: register, renew the lease, drain, resume, read.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use tracing::info;

use crate::api::extract::{
    DrainRequest, HeartbeatRequest, JsonBody, OptionalBody, RegisterRequest,
};
use crate::api::problem::ProblemBody;
use crate::api::responses::{
    BodyErrors, HeartbeatView, QueryErrors, ReadErrors, RegisteredView, WorkerErrors, WorkerPage,
    WorkerView, WriteErrors,
};
use crate::api::{ApiState, Problem, extract};
use crate::domain::access::Caller;
use crate::domain::owner::Session;
use crate::store::{Heartbeat, MAX_WORKERS, Registered, WorkerStatus};

/// Maximum size of a worker in a list, in bytes: capabilities and metadata of 4 KiB each, 32 names of backends, and a
/// few hundred tasks.
const MAX_WORKER: usize = 24 << 10;

/// Register a worker and begin a session.
///
/// Tasks of an older session of the same name go to other workers at once. A worker whose registration got no
/// response repeats it with `replace`.
#[utoipa::path(
    post, path = "/workers/register", operation_id = "register_worker", tag = "workers",
    request_body = RegisterRequest,
    responses(
        (status = 201, description = "The session has begun.", body = RegisteredView,
         headers(("Location" = String, description = "Where to read the worker."))),
        BodyErrors, WriteErrors,
        (status = 403, description = "`forbidden`: the token lacks the scope `workers`, or may not serve one of the backends, which `detail` names.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`worker_name_in_use`: a session of this name is alive, and `replace` is not set, or it belongs to another token.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`database_unavailable`: the database is away. `too_many_workers`: 10,000 workers are alive, and this is a new name.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn register_worker(
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    body: JsonBody<RegisterRequest>,
) -> Result<HttpResponse, Problem> {
    let enrolment = body.value.check(&caller).map_err(Problem::validation)?;
    if let Some(backend) = caller.foreign_backend(&enrolment.backends) {
        return Err(Problem::foreign_backend(backend));
    }
    let (name, replace) = (enrolment.worker_id.clone(), enrolment.replace);
    let lease = state.fleet.granted_lease(enrolment.lease);
    let (session, registered) = state.fleet.register(enrolment).await?;
    match registered {
        Registered::Begun { .. } => {}
        Registered::NameInUse => return Err(name_in_use(&name, replace)),
        Registered::RegistryFull => return Err(registry_full()),
    }
    let times = state.fleet.lease;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/workers/{name}")))
        .json(RegisteredView {
            worker_id: name,
            session_id: session.session_id,
            heartbeat_seconds: times.heartbeat.as_secs_f64(),
            lease_seconds: lease.as_secs_f64(),
            status: WorkerStatus::Idle,
        }))
}

fn name_in_use(name: &str, replace: bool) -> Problem {
    let next = if replace {
        "it was not registered with a token of this name, which alone may replace it. Use another name, or wait for its \
         lease to run out."
    } else {
        "use another name, wait for its lease to run out, or take its name with \"replace\": true."
    };
    let detail = format!("A worker `{name}` is alive: {next}");
    Problem::new(StatusCode::CONFLICT, "worker_name_in_use", detail)
}

fn registry_full() -> Problem {
    let detail = format!(
        "The registry is full: {MAX_WORKERS} workers are alive, and this is a new name. Stop workers that are not needed, \
         or register under one of their names with \"replace\": true."
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_workers", detail)
}

/// Renew the lease of a session on its tasks.
#[utoipa::path(
    post, path = "/workers/heartbeat", operation_id = "heartbeat", tag = "workers",
    request_body = HeartbeatRequest,
    responses(
        (status = 200, description = "The lease is renewed.", body = HeartbeatView),
        BodyErrors, WriteErrors,
        (status = 404, description = "`worker_not_found`: register first.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`session_ended`: it was silent for too long and its tasks are lost; register anew. `session_replaced`: another worker has taken the name.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away; the lease may not be renewed.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn heartbeat(
    state: web::Data<ApiState>,
    body: JsonBody<HeartbeatRequest>,
) -> Result<web::Json<HeartbeatView>, Problem> {
    let (session, held) = body.value.check().map_err(Problem::validation)?;
    let Session { worker_id, .. } = &session;
    match state.fleet.heartbeat(&session, held).await? {
        Heartbeat::Renewed {
            lost,
            cancelled,
            draining,
            quarantine,
            ..
        } => Ok(web::Json(HeartbeatView {
            acknowledged: true,
            cancel: cancelled,
            lost,
            draining,
            quarantined: quarantine.is_some(),
        })),
        Heartbeat::Ended => Err(Problem::session_ended(worker_id)),
        Heartbeat::ReplacedBy(_) => Err(Problem::session_replaced(worker_id)),
        Heartbeat::Unknown => Err(Problem::worker_not_found(worker_id)),
    }
}

/// Drain a worker, or end its drain: a draining worker finishes its tasks and claims no more.
///
/// A drain lasts until the worker restarts: `qtask work` continues to drain after it has lost its session; for an
/// HTTP worker, each registration is a restart.
#[utoipa::path(
    post, path = "/workers/{worker_id}/drain", operation_id = "drain_worker", tag = "workers",
    params(("worker_id" = String, Path, description = "The worker's name.")),
    request_body = Option<DrainRequest>,
    responses(
        (status = 200, description = "The worker.", body = WorkerView),
        BodyErrors, WorkerErrors, WriteErrors,
    )
)]
pub async fn drain_worker(
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    worker_id: web::Path<String>,
    body: OptionalBody<DrainRequest>,
) -> Result<web::Json<WorkerView>, Problem> {
    let worker_id = extract::worker_id(worker_id.into_inner())?;
    let draining = body.value.draining.unwrap_or(true);
    if !state.store.drain(&worker_id, draining).await? {
        return Err(Problem::worker_not_found(&worker_id));
    }
    find(&state, worker_id, &caller).await.map(web::Json)
}

/// Resume a worker: end its quarantine and its drain.
///
/// The request is idempotent.
#[utoipa::path(
    post, path = "/workers/{worker_id}/resume", operation_id = "resume_worker", tag = "workers",
    params(("worker_id" = String, Path, description = "The worker's name.")),
    responses(
        (status = 200, description = "The worker.", body = WorkerView),
        WorkerErrors, WriteErrors,
    )
)]
pub async fn resume_worker(
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    worker_id: web::Path<String>,
) -> Result<web::Json<WorkerView>, Problem> {
    let worker_id = extract::worker_id(worker_id.into_inner())?;
    if !state.store.resume_worker(&worker_id).await? {
        return Err(Problem::worker_not_found(&worker_id));
    }
    info!(event = "worker.resumed", worker_id, "worker resumed");
    find(&state, worker_id, &caller).await.map(web::Json)
}

/// List workers by name.
#[utoipa::path(
    get, path = "/workers", operation_id = "list_workers", tag = "workers",
    params(
        ("status" = Option<Vec<WorkerStatus>>, Query, description = "Only workers in one of these states: `status=idle&status=busy`, or `status=idle,busy`."),
        ("backend" = Option<String>, Query, description = "Only workers that serve this backend.", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The most workers on a page; 100 if not given."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before: the name that it ended with.", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
    ),
    responses(
        (status = 200, description = "The workers.", body = WorkerPage),
        QueryErrors, ReadErrors,
    )
)]
pub async fn list_workers(
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let search = extract::worker_search(request.query_string())?;
    let reading = state
        .answer_memory
        .read_permit(search.limit * MAX_WORKER)
        .await?;
    let page = state.store.workers(&search).await?;
    reading.json(&WorkerPage::of(page, &caller))
}

/// Read a worker.
#[utoipa::path(
    get, path = "/workers/{worker_id}", operation_id = "read_worker", tag = "workers",
    params(("worker_id" = String, Path, description = "The worker's name.")),
    responses(
        (status = 200, description = "The worker.", body = WorkerView),
        WorkerErrors, ReadErrors,
    )
)]
pub async fn read_worker(
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    worker_id: web::Path<String>,
) -> Result<web::Json<WorkerView>, Problem> {
    let worker_id = extract::worker_id(worker_id.into_inner())?;
    find(&state, worker_id, &caller).await.map(web::Json)
}

async fn find(state: &ApiState, worker_id: String, caller: &Caller) -> Result<WorkerView, Problem> {
    let found = state.store.worker(&worker_id).await?;
    found
        .map(|worker| WorkerView::of(worker, caller))
        .ok_or_else(|| Problem::worker_not_found(&worker_id))
}
