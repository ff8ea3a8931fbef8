//! Deleting ended tasks.

use actix_web::http::StatusCode;
use actix_web::web;
use tracing::info;

use crate::api::extract::{JsonBody, PruneRequest};
use crate::api::problem::ProblemBody;
use crate::api::responses::{BodyErrors, PruneView};
use crate::api::{ApiState, Problem, cursor};
use crate::service::prune::{self, PruneMode, Pruned};

/// Delete tasks that ended long ago, with their history, logs, outputs, tags and webhooks.
///
/// One request reads up to 1,000 ended tasks and deletes those that fit, in one commit; `next_cursor` continues after
/// them. Repeating a request is safe, and so are several prunes at once. A task is kept while its webhook is still to
/// be sent, and while an `Idempotency-Key` names it.
#[utoipa::path(
    post, path = "/tasks/prune", operation_id = "prune_tasks", tag = "tasks",
    request_body = PruneRequest,
    responses(
        (status = 200, description = "The tasks are deleted, or counted.", body = PruneView),
        BodyErrors,
        (status = 409, description = "`clock_unsteady`: the clock of PostgreSQL was set, or the service was started, within the last hour; no age is certain until then, and nothing was deleted.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away, or the step took too long: repeat it with a smaller `limit`.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn prune_tasks(
    state: web::Data<ApiState>,
    body: JsonBody<PruneRequest>,
) -> Result<web::Json<PruneView>, Problem> {
    let request = body.value.check().map_err(Problem::validation)?;
    let (mode, limit) = (request.mode, request.limit);
    let step = prune::step(&state.store, mode, &request.filter, request.from, limit).await?;
    let Pruned::Step { tasks, next } = step else {
        return Err(clock_unsteady());
    };
    if mode == PruneMode::Delete && tasks > 0 {
        let backend = request.filter.backend;
        info!(
            event = "task.pruned",
            tasks, backend, "ended tasks deleted on request"
        );
    }
    Ok(web::Json(PruneView {
        tasks,
        dry_run: mode == PruneMode::Count,
        next_cursor: next.map(cursor::encode_prune),
    }))
}

fn clock_unsteady() -> Problem {
    let detail = "The clock of PostgreSQL was set, or qtask was started, less than an hour ago: until it has run steadily for an hour, \
                  no task is known to be old. Nothing was deleted. Repeat the request later.";
    Problem::new(StatusCode::CONFLICT, "clock_unsteady", detail)
}
