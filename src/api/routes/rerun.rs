//! Rerunning tasks that have ended.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};
use uuid::Uuid;

use crate::api::correlation::{CorrelationId, RequestTrace};
use crate::api::extract::{JsonBody, RerunRequest, RerunSelection};
use crate::api::problem::ProblemBody;
use crate::api::responses::{BodyErrors, RerunPage, RerunView, TaskErrors, WriteErrors};
use crate::api::{ApiState, Problem, extract};
use crate::domain::task::Idempotency;
use crate::domain::trace_context::TraceContext;
use crate::service::rerun::{Rerun, within_limits};
use crate::store::RerunSource;

/// Maximum number of tasks that a refusal names.
const MAX_NAMED: usize = 10;

/// Rerun a task that has ended: a new task with the same inputs.
///
/// The new task has the circuit or problem, options, backend, priority, timeout, attempts, metadata, name, tags and `callback_url` of
/// the other, an id and a correlation id of its own, and the other's id in `rerun_of`. If no worker serves its backend any more, it
/// waits.
#[utoipa::path(
    post, path = "/tasks/{task_id}/rerun", operation_id = "rerun_task", tag = "tasks",
    params(
        ("task_id" = Uuid, Path, description = "As given by the submission."),
        ("Idempotency-Key" = Option<String>, Header, description = "Names this request over all of its repetitions; at most 255 characters.", min_length = 1, max_length = 255),
        ("traceparent" = Option<String>, Header, description = "The trace of W3C that the new task continues; by default that of the other. Ignored if it is invalid."),
        ("tracestate" = Option<String>, Header, description = "What tracing systems have added to it; up to 512 bytes are kept."),
    ),
    responses(
        (status = 201, description = "The new task is safe, and on its way.", body = RerunView,
         headers(("Location" = String, description = "Where to read it."))),
        TaskErrors, WriteErrors,
        (status = 400, description = "Not a UUID, or the key is empty or too long.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`task_not_terminal`: it has not ended. `idempotency_key_reused`: the key was used for another request.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`: the caller has submitted too many tasks. `backlog_full`: too many tasks of the backend wait. Nothing was changed; repeat after `Retry-After` seconds.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn rerun_task(
    request: HttpRequest,
    state: web::Data<ApiState>,
    correlation: web::ReqData<CorrelationId>,
    trace: web::ReqData<RequestTrace>,
    task_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let task_id = extract::task_id(&task_id)?;
    // Without a body, the task is what distinguishes this request from others under the key.
    let idempotency = extract::idempotency(&request, task_id)?;
    let prior = state.submitter.prior_reruns(idempotency.as_ref()).await?;
    let reruns = if prior.is_empty() {
        let sources = ended_sources(&state, &[task_id]).await?;
        let CorrelationId(correlation_id) = correlation.into_inner();
        let origin = (correlation_id, trace.0.as_ref());
        rerun(&request, &state, &sources, origin, idempotency).await?
    } else {
        prior
    };
    let created = reruns.into_iter().next();
    let created = created.ok_or_else(|| Problem::task_not_found(task_id))?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/tasks/{}", created.accepted.task_id)))
        .json(RerunView::from(created)))
}

/// Rerun up to 1,000 tasks that have ended, by id or by filter.
///
/// Of a list of ids, all are rerun, or none if one of them does not exist or has not ended. A filter selects the oldest tasks first,
/// and leaves out tasks of which a rerun exists. A request copies about 16 MiB of inputs at most: as long as the answer has a
/// `next_after`, more tasks are left. Repeat a request whose answer was lost under the same `Idempotency-Key`.
#[utoipa::path(
    post, path = "/tasks/rerun", operation_id = "rerun_tasks", tag = "tasks",
    request_body = RerunRequest,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names this request over all of its repetitions; at most 255 characters.", min_length = 1, max_length = 255),
        ("traceparent" = Option<String>, Header, description = "The trace of W3C that the new task continues; by default that of the other. Ignored if it is invalid."),
        ("tracestate" = Option<String>, Header, description = "What tracing systems have added to it; up to 512 bytes are kept."),
    ),
    responses(
        (status = 200, description = "The new tasks are safe, and on their way.", body = RerunPage),
        BodyErrors, WriteErrors,
        (status = 400, description = "The body is not JSON, or the key is empty or too long.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`task_not_found`: there is no task of one of the ids.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`task_not_terminal`: a task of one of the ids has not ended. `idempotency_key_reused`: the key was used for another request.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`rate_limited`: the caller has submitted too many tasks. `backlog_full`: too many tasks of the backend wait. Nothing was changed; repeat after `Retry-After` seconds.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn rerun_tasks(
    request: HttpRequest,
    state: web::Data<ApiState>,
    correlation: web::ReqData<CorrelationId>,
    trace: web::ReqData<RequestTrace>,
    body: JsonBody<RerunRequest>,
) -> Result<web::Json<RerunPage>, Problem> {
    let idempotency = extract::idempotency(&request, body.fingerprint)?;
    let is_dry_run = body.value.dry_run == Some(true);
    let as_of = match body.value.as_of {
        Some(as_of) => as_of,
        None => state.store.time().await?,
    };
    let selection = body.value.check(as_of).map_err(Problem::validation)?;
    let prior = state.submitter.prior_reruns(idempotency.as_ref()).await?;
    if !prior.is_empty() {
        // A repetition. Whether tasks followed is not known: the next request finds out.
        let next_after = prior.iter().map(|it| it.rerun_of).max();
        return Ok(page(prior, as_of, next_after));
    }
    let (sources, next_after) = match selection {
        RerunSelection::Ids(ids) => (ended_sources(&state, &ids).await?, None),
        RerunSelection::Page(filter) => {
            let found = state.store.list_ids(&filter).await?;
            let mut sources = state.store.rerun_sources(&found.task_ids).await?;
            sources.retain(|source| source.status.is_terminal() && !source.was_rerun);
            (sources, found.next.map(|next| next.task_id))
        }
    };
    let (matched, next_after) = match within_limits(&sources) {
        part if part.len() < sources.len() => (part, part.last().map(|it| it.task_id)),
        all => (all, next_after),
    };
    if is_dry_run || matched.is_empty() {
        return Ok(web::Json(RerunPage {
            matched: matched.len(),
            tasks: Vec::new(),
            as_of,
            next_after,
        }));
    }
    let CorrelationId(correlation_id) = correlation.into_inner();
    let origin = (correlation_id, trace.0.as_ref());
    let reruns = rerun(&request, &state, matched, origin, idempotency).await?;
    Ok(page(reruns, as_of, next_after))
}

fn page(
    reruns: Vec<Rerun>,
    as_of: time::OffsetDateTime,
    next_after: Option<Uuid>,
) -> web::Json<RerunPage> {
    web::Json(RerunPage {
        matched: reruns.len(),
        tasks: reruns.into_iter().map(RerunView::from).collect(),
        as_of,
        next_after,
    })
}

async fn rerun(
    request: &HttpRequest,
    state: &ApiState,
    sources: &[RerunSource],
    (correlation_id, trace): (String, Option<&TraceContext>),
    idempotency: Option<Idempotency>,
) -> Result<Vec<Rerun>, Problem> {
    state.submission_rate.admit(request, sources.len())?;
    let submitter = &state.submitter;
    let rerunning = submitter.rerun(sources.to_vec(), correlation_id, trace, idempotency);
    Ok(rerunning.await?)
}

/// The tasks of these ids, all of which must exist and have ended.
async fn ended_sources(state: &ApiState, task_ids: &[Uuid]) -> Result<Vec<RerunSource>, Problem> {
    let sources = state.store.rerun_sources(task_ids).await?;
    let exists = |id: &Uuid| sources.iter().any(|source| source.task_id == *id);
    if let Some(missing) = task_ids.iter().find(|id| !exists(id)) {
        return Err(Problem::task_not_found(*missing));
    }
    let open = sources.iter().filter(|it| !it.status.is_terminal());
    let open: Vec<String> = open
        .map(|it| format!("{} is {}", it.task_id, it.status))
        .collect();
    if open.is_empty() {
        return Ok(sources);
    }
    let named: Vec<&str> = open.iter().take(MAX_NAMED).map(String::as_str).collect();
    let more = match open.len() - named.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let detail = format!(
        "Only tasks that have ended are rerun: task {}{more}. Nothing was changed.",
        named.join(", task ")
    );
    Err(Problem::new(
        StatusCode::CONFLICT,
        "task_not_terminal",
        detail,
    ))
}
