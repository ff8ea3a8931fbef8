//! Submitting one task or a batch.

use std::slice;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::api::body_memory::MemoryPermit;
use crate::api::correlation::{CorrelationId, RequestTrace};
use crate::api::extract::{Batch, BatchSubmission, JsonBody, WithCircuit};
use crate::api::problem::ProblemBody;
use crate::api::responses::{BatchSubmitted, BodyErrors, DryRun, SubmissionErrors, Submitted};
use crate::api::{ApiState, Problem, extract};
use crate::domain::access::Caller;
use crate::domain::backend::SIMULATOR;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::submission::Submission;
use crate::domain::task::NewTask;
use crate::executor::{CIRCUITS_ONLY, CircuitCheck};

/// Maximum size of one task in the response, in bytes, including the longest correlation id.
const MAX_SUBMITTED: usize = 400;
/// Maximum number of unknown backends that one response names.
const MAX_ERRORS: usize = 100;

/// Submit a task.
///
/// 201 means that the task is committed and will be run. 503 means that it was not accepted, unless `code` is
/// `outcome_unknown`; then repeat the request with the same `Idempotency-Key`.
///
/// With `dry_run`, nothing is stored. The response is 200 and reports whether the task would run, including errors
/// in the circuit: an actual submission with such errors is accepted, and the task fails.
#[utoipa::path(
    post, path = "/tasks", operation_id = "submit_task", tag = "tasks",
    request_body = Submission,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names this submission over all of its repetitions; at most 255 characters.", min_length = 1, max_length = 255),
        ("X-Correlation-ID" = Option<String>, Header, description = "Follows the task through rows, messages and logs; made where it is missing."),
        ("traceparent" = Option<String>, Header, description = "The trace of W3C that the task continues; ignored if it is invalid."),
        ("tracestate" = Option<String>, Header, description = "What tracing systems have added to it; up to 512 bytes are kept."),
    ),
    responses(
        (status = 200, description = "With `dry_run`, what would become of it.", body = DryRun),
        (status = 201, description = "The task is safe, and on its way.", body = Submitted,
         headers(("Location" = String, description = "Where to read it."))),
        BodyErrors, SubmissionErrors,
        (status = 503, description = "Not accepted: the database or the queue is away, or `overloaded`.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn submit_task(
    request: HttpRequest,
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    correlation: web::ReqData<CorrelationId>,
    trace: web::ReqData<RequestTrace>,
    body: JsonBody<Submission, WithCircuit>,
) -> Result<HttpResponse, Problem> {
    let idempotency = extract::idempotency(&request, body.fingerprint)?;
    let CorrelationId(correlation_id) = correlation.into_inner();
    let is_dry_run = body.value.dry_run == Some(true);
    let task = body
        .value
        .into_task(&state.limits, caller.project(), correlation_id, idempotency)
        .map_err(Problem::validation)?;
    let field = |_| "backend".to_owned();
    refuse_unknown_backends(&state, slice::from_ref(&task), field).await?;
    if is_dry_run {
        let outcome = dry_run(&state, task, body.permit).await?;
        return Ok(HttpResponse::Ok().json(outcome));
    }
    state.submission_rate.admit(&request, 1)?;
    let work = async move { Ok(state.submitter.submit(task, trace.0.as_ref()).await?) };
    let accepted = body.permit.hold(work).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/tasks/{}", accepted.task_id)))
        .json(Submitted::from(accepted)))
}

/// Submit up to 1,000 tasks: either all or none are accepted.
///
/// Responses are those of a single submission; `errors` include the index of the task, as in `tasks[3].shots`. The
/// `Idempotency-Key` applies to the whole batch.
#[utoipa::path(
    post, path = "/tasks/batch", operation_id = "submit_batch", tag = "tasks",
    request_body = BatchSubmission,
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Names this batch over all of its repetitions; at most 255 characters.", min_length = 1, max_length = 255),
        ("X-Correlation-ID" = Option<String>, Header, description = "Follows the tasks through rows, messages and logs; made where it is missing."),
        ("traceparent" = Option<String>, Header, description = "The trace of W3C that the tasks continue; ignored if it is invalid."),
        ("tracestate" = Option<String>, Header, description = "What tracing systems have added to it; up to 512 bytes are kept."),
    ),
    responses(
        (status = 201, description = "The tasks are safe, and on their way.", body = BatchSubmitted),
        BodyErrors, SubmissionErrors,
    )
)]
pub async fn submit_batch(
    request: HttpRequest,
    state: web::Data<ApiState>,
    caller: web::ReqData<Caller>,
    correlation: web::ReqData<CorrelationId>,
    trace: web::ReqData<RequestTrace>,
    body: JsonBody<BatchSubmission, Batch>,
) -> Result<HttpResponse, Problem> {
    let idempotency = extract::idempotency(&request, body.fingerprint)?;
    let CorrelationId(correlation_id) = correlation.into_inner();
    let tasks = body
        .value
        .into_tasks(
            &state.limits,
            caller.project(),
            &correlation_id,
            idempotency.as_ref(),
        )
        .map_err(Problem::validation)?;
    let field = |index| format!("tasks[{index}].backend");
    refuse_unknown_backends(&state, &tasks, field).await?;
    state.submission_rate.admit(&request, tasks.len())?;
    // Before the tasks are stored, because accepted tasks must be answered.
    let unsent = state
        .answer_memory
        .unsent(tasks.len() * MAX_SUBMITTED)
        .await?;
    let work = async move { Ok(state.submitter.submit_all(tasks, trace.0.as_ref()).await?) };
    let accepted = body.permit.hold(work).await?;
    Ok(unsent.hold(HttpResponse::Created().json(BatchSubmitted::from(accepted))))
}

/// Refuses tasks for unknown backends; `field` returns the name of the field for the task at an index.
async fn refuse_unknown_backends(
    state: &ApiState,
    tasks: &[NewTask],
    field: impl Fn(usize) -> String,
) -> Result<(), Problem> {
    let named = tasks.iter().map(|task| task.backend.as_str());
    let refusals = state.backends.refusals(named).await?;
    let errors: FieldErrors = tasks
        .iter()
        .enumerate()
        .filter_map(|(index, task)| {
            let message = refusals.get(task.backend.as_str())?.clone();
            Some((field(index), message))
        })
        .take(MAX_ERRORS)
        .collect();
    checks::refuse_if_any(errors).map_err(Problem::validation)
}

/// Checks the task without storing it.
async fn dry_run(state: &ApiState, task: NewTask, permit: MemoryPermit) -> Result<DryRun, Problem> {
    let kind = task.work.kind();
    let limit = state.limits.simulator_memory_bytes;
    let circuit_check = match task.backend.as_str() {
        SIMULATOR => match CircuitCheck::of_task(task.work, limit) {
            None => return Ok(DryRun::unsupported(kind, task.backend, CIRCUITS_ONLY)),
            circuit_check => circuit_check,
        },
        // Other backends may run circuits that the simulator does not.
        _ => None,
    };
    let verdict = match circuit_check {
        Some(circuit_check) => Some(state.circuit_checks.check(circuit_check, permit).await?),
        None => None,
    };
    Ok(DryRun::new(kind, task.backend, verdict))
}
