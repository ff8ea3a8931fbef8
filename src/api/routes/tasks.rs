//! Reading and listing tasks.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use tokio::time::{Instant, timeout_at};
use tracing::debug;
use uuid::Uuid;

use crate::api::answer_memory::ReadPermit;
use crate::api::extract::{TaskQuery, Until};
use crate::api::head::is_head;
use crate::api::responses::{
    QueryErrors, ReadErrors, TaskErrors, TaskOverview, TaskPage, TaskView,
};
use crate::api::{ApiState, Problem, cursor, extract};
use crate::domain::status::Status;
use crate::store::{TaskParts, TaskRead, TaskSnapshot};

/// Maximum number of log lines in the response to a read of a task.
const MAX_LOG_LINES: i64 = 1_000;
/// Maximum size of those lines: a page, the line that exceeds it, and the JSON around them, in bytes.
const MAX_LOG_TEXT: usize = 5 << 20;
/// Maximum size of a result, in bytes: 8 MiB, its `execution` of 64 KiB, and the JSON around them.
const MAX_RESULT_TEXT: usize = (8 << 20) + (512 << 10);
/// Maximum size of a task in a list, in bytes: progress and error message of 64 KiB each, metadata, and small fields.
const MAX_OVERVIEW: usize = 160 << 10;

/// Read a task, with its result and its history; with `wait`, once it is terminal.
#[utoipa::path(
    get, path = "/tasks/{task_id}", operation_id = "read_task", tag = "tasks",
    params(
        ("task_id" = Uuid, Path, description = "As given by the submission."),
        ("wait" = Option<f64>, Query, description = "Wait for so many seconds, 0 to 60, if the task has not ended yet.", minimum = 0, maximum = 60),
        ("until" = Option<String>, Query, description = "What to wait for: `terminal` (the default), or `change` for any other status.", pattern = "^(terminal|change)$"),
        ("include" = Option<String>, Query, description = "Large parts of the submission to come with it: `circuit` (the OpenQASM text), `parameters` (the values for its inputs), or both with a comma between.", pattern = "^(circuit|parameters)(,(circuit|parameters))*$", example = "circuit,parameters"),
        ("include_logs" = Option<bool>, Query, description = "Whether the log comes with it, up to 1,000 lines."),
    ),
    responses(
        (status = 200, description = "The task.", body = TaskView),
        TaskErrors, QueryErrors, ReadErrors,
    )
)]
pub async fn read_task(
    state: web::Data<ApiState>,
    request: HttpRequest,
    task_id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let task_id = extract::task_id(&task_id)?;
    let mut asked = extract::task_query(request.query_string())?;
    if is_head(&request) {
        // HEAD does not wait.
        asked.wait = Duration::ZERO;
    }
    let (task, reading) = read_when_due(&state, task_id, asked).await?;
    let has_large_result = task.task.has_large_result;
    let mut view = TaskView::from(task);
    if !has_large_result {
        return reading.json(&view);
    }
    // Before the result is read: first the memory that slow clients hold, then the permit to read, which is soon free.
    // So no result is held while the request waits for either.
    let unsent = if asked.include_logs {
        state
            .answer_memory
            .try_unsent(MAX_RESULT_TEXT + MAX_LOG_TEXT)?
    } else {
        state.answer_memory.unsent(MAX_RESULT_TEXT).await?
    };
    let reading = state.answer_memory.read_permit(MAX_RESULT_TEXT).await?;
    view.add_result(state.store.large_result(task_id).await?);
    Ok(unsent.hold(reading.json(&view)?))
}

/// Returns the task once it reaches the requested state, or its current state on timeout.
async fn read_when_due(
    state: &ApiState,
    task_id: Uuid,
    asked: TaskQuery,
) -> Result<(TaskSnapshot, ReadPermit), Problem> {
    let deadline = Instant::now() + asked.wait;
    // Subscribe before the first read, so that no later change is missed.
    let mut watching = (!asked.wait.is_zero()).then(|| state.watch.task(task_id));
    let parts = TaskParts {
        circuit: asked.include_circuit,
        inputs: asked.include_parameters,
        log_lines: if asked.include_logs { MAX_LOG_LINES } else { 0 },
    };
    let of_log = if asked.include_logs { MAX_LOG_TEXT } else { 0 };
    let of_circuit = if asked.include_circuit {
        state.limits.max_circuit_bytes
    } else {
        0
    };
    let mut first = None;
    loop {
        let wait_in = match &watching {
            Some(_) => statuses_to_wait_in(asked.until, first),
            None => Vec::new(),
        };
        let reading = state.answer_memory.read_permit(of_log + of_circuit).await?;
        let found = state.store.task(task_id, parts, &wait_in).await?;
        let status = match found.ok_or_else(|| Problem::task_not_found(task_id))? {
            TaskRead::Now(task) => return Ok((*task, reading)),
            TaskRead::NotYet(status) => status,
        };
        drop(reading);
        first.get_or_insert(status);
        debug!(event = "request.waiting", %task_id, %status, "request is waiting for the task");
        let changed = match &mut watching {
            Some(watching) => timeout_at(deadline, watching.changed()).await == Ok(true),
            None => false,
        };
        if !changed {
            watching = None;
        }
    }
}

/// The statuses in which the read continues to wait, if the task was in `first` at its start.
fn statuses_to_wait_in(until: Until, first: Option<Status>) -> Vec<Status> {
    match (until, first) {
        (Until::Change, Some(first)) => vec![first],
        _ => Status::ALL
            .into_iter()
            .filter(|status| !status.is_terminal())
            .collect(),
    }
}

/// List tasks, by default newest first.
///
/// Only the filters `status` (any of them matches) and `tag` (all of them match) may be repeated. The order of
/// submission is that of the task ids.
///
/// One page reads at most 5,500 tasks. If each filter matches many tasks but their combination few, a page may
/// therefore have fewer tasks than `limit`, or none; the list continues as long as there is a `next_cursor`.
#[utoipa::path(
    get, path = "/tasks", operation_id = "list_tasks", tag = "tasks",
    params(
        ("status" = Option<Vec<crate::domain::status::Status>>, Query, description = "Only tasks in one of these statuses: `status=pending&status=failed`, or `status=pending,failed`."),
        ("kind" = Option<String>, Query, description = "Only tasks of this kind: `circuit` or `problem`.", pattern = "^(circuit|problem)$", example = "problem"),
        ("backend" = Option<String>, Query, description = "Only tasks of this backend.", min_length = 1),
        ("project" = Option<String>, Query, description = "Only tasks of this project.", min_length = 1),
        ("problem_id" = Option<String>, Query, description = "Only tasks of this problem.", min_length = 1),
        ("worker_id" = Option<String>, Query, description = "Only tasks that this worker runs, or ran last.", min_length = 1),
        ("tag" = Option<Vec<String>>, Query, description = "Only tasks with this tag; repeat it for those that have all of several."),
        ("name" = Option<String>, Query, description = "Only tasks of exactly this name.", min_length = 1),
        ("error_code" = Option<String>, Query, description = "Only tasks with this error code.", min_length = 1),
        ("submitted_after" = Option<String>, Query, description = "Only tasks submitted at this time (RFC 3339) or later.", format = DateTime, example = "2025-12-28T14:30:00Z"),
        ("submitted_before" = Option<String>, Query, description = "Only tasks submitted before this time (RFC 3339).", format = DateTime, example = "2025-12-29T00:00:00Z"),
        ("id_prefix" = Option<String>, Query, description = "Only tasks whose ids begin with these 8 to 32 hexadecimal digits, with or without dashes.", pattern = "^(-*[0-9a-fA-F]){8,32}-*$", example = "01a1f877-e10b"),
        ("sort" = Option<String>, Query, description = "`submitted_at`, `-submitted_at` (newest first, the default), `priority` or `-priority` (highest first); tasks of one priority by age, in the same direction.", pattern = "^-?(submitted_at|priority)$", example = "-submitted_at"),
        ("limit" = Option<i64>, Query, description = "The length of a page, 1 to 100; 20 by default.", minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, which had the same `sort`."),
    ),
    responses(
        (status = 200, description = "A page of tasks.", body = TaskPage),
        QueryErrors, ReadErrors,
    )
)]
pub async fn list_tasks(
    state: web::Data<ApiState>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let filter = extract::task_filter(request.query_string())?;
    let reading = state
        .answer_memory
        .read_permit(filter.limit * MAX_OVERVIEW)
        .await?;
    let page = state.store.list(&filter).await?;
    reading.json(&TaskPage {
        tasks: page.tasks.into_iter().map(TaskOverview::from).collect(),
        next_cursor: page.next.map(|next| cursor::encode(filter.sort, next)),
    })
}
