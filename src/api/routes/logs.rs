//! Reading and appending logs.

use actix_web::{HttpRequest, HttpResponse, web};

use super::settle::not_its_owner;
use crate::api::extract::{Append, AppendLogs, JsonBody};
use crate::api::problem::ProblemBody;
use crate::api::responses::{
    BodyErrors, LogPage, OwnerErrors, QueryErrors, ReadErrors, TaskErrors, WriteErrors,
};
use crate::api::{ApiState, Problem, extract};
use crate::domain::log::Level;
use crate::store::{Appended, MAX_PAGE_BYTES};

/// Read a task's log, oldest line first.
#[utoipa::path(
    get, path = "/tasks/{task_id}/logs", operation_id = "read_logs", tag = "tasks",
    params(
        ("task_id" = uuid::Uuid, Path, description = "As given by the submission."),
        ("level" = Option<Level>, Query, description = "Lines of this level and above; all by default."),
        ("since" = Option<String>, Query, description = "Not before this time (RFC 3339).", format = DateTime),
        ("after" = Option<i64>, Query, description = "Behind the line with this id: `next_after` of the page before, or the last line seen.", minimum = 0),
        ("limit" = Option<i64>, Query, description = "The length of a page, 1 to 1000; 100 by default. A page of long lines is shorter.", minimum = 1, maximum = 1_000),
    ),
    responses(
        (status = 200, description = "A page of lines.", body = LogPage),
        TaskErrors, QueryErrors, ReadErrors,
    )
)]
pub async fn read_logs(
    state: web::Data<ApiState>,
    task_id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let task_id = extract::task_id(&task_id)?;
    let filter = extract::log_filter(request.query_string())?;
    let reading = state
        .answer_memory
        .read_permit(most_text(filter.limit))
        .await?;
    let page = state.store.log_page(task_id, &filter).await?;
    let page = page.ok_or_else(|| Problem::task_not_found(task_id))?;
    let next_after = page.lines.last().filter(|_| page.more).map(|line| line.id);
    reading.json(&LogPage {
        logs: page.lines.into_iter().map(Into::into).collect(),
        next_after,
    })
}

/// Maximum size of a page of `lines` lines, in bytes: a message and a context of 64 KiB each.
pub(super) fn most_text(lines: i64) -> usize {
    const MAX_LINE_BYTES: i64 = 132 << 10;
    let text = lines
        .saturating_mul(MAX_LINE_BYTES)
        .min(MAX_PAGE_BYTES + MAX_LINE_BYTES);
    usize::try_from(text).unwrap_or(usize::MAX)
}

/// Append lines to the log of a running task, as its owner.
///
/// The request is idempotent if the lines have `logged_at`.
#[utoipa::path(
    post, path = "/tasks/{task_id}/logs", operation_id = "append_logs", tag = "pull protocol",
    request_body = AppendLogs,
    params(("task_id" = uuid::Uuid, Path, description = "As given by the claim.")),
    responses(
        (status = 204, description = "The lines are written."),
        BodyErrors, OwnerErrors, WriteErrors,
        (status = 409, description = "`lease_lost`: the worker does not own the task any more.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "The body is larger than 4 MiB.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn append_logs(
    state: web::Data<ApiState>,
    task_id: web::Path<String>,
    body: JsonBody<AppendLogs>,
) -> Result<HttpResponse, Problem> {
    let task_id = extract::task_id(&task_id)?;
    let append = body
        .value
        .into_append(task_id)
        .map_err(Problem::validation)?;
    let Append {
        lease,
        lines,
        progress,
        output,
    } = append;
    let mut appended = Appended::Written;
    if !lines.is_empty() || progress.is_some() {
        appended = state.store.append_logs(&lease, lines, progress).await?;
    }
    if let Some(output) = output.filter(|_| appended == Appended::Written) {
        appended = state.store.write_output(&lease, &output).await?;
    }
    match appended {
        Appended::Written => Ok(HttpResponse::NoContent().finish()),
        Appended::LeaseLost => Err(not_its_owner(&state, &lease).await),
    }
}
