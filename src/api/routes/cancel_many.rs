//! Cancelling the tasks that a filter selects.

use actix_web::web;
use tracing::info;

use crate::api::extract::{CancelRequest, JsonBody};
use crate::api::responses::{BodyErrors, CancelledView, WriteErrors};
use crate::api::{ApiState, Problem};
use crate::store::CancelledMany;

/// Cancel the tasks that a filter selects, oldest first, up to 1,000 with each request.
///
/// Each task is cancelled as by `DELETE /tasks/{task_id}`: at once if it waits, by its worker if it runs. A task that has changed
/// its status meanwhile is cancelled only if the filter still selects it. As long as the answer has a `next_after`, repeat the
/// request with it as `after`, and with the answer's `as_of`, so that tasks submitted after the first request are left alone. Each
/// request may be repeated.
#[utoipa::path(
    post, path = "/tasks/cancel", operation_id = "cancel_tasks", tag = "tasks",
    request_body = CancelRequest,
    responses(
        (status = 200, description = "What was cancelled, or with `dry_run` would be.", body = CancelledView),
        BodyErrors, WriteErrors,
    )
)]
pub async fn cancel_tasks(
    state: web::Data<ApiState>,
    body: JsonBody<CancelRequest>,
) -> Result<web::Json<CancelledView>, Problem> {
    let CancelRequest {
        filter,
        dry_run,
        as_of,
        after,
    } = body.value;
    let as_of = match as_of {
        Some(as_of) => as_of,
        None => state.store.time().await?,
    };
    let filter = filter
        .filter(Some(as_of), after)
        .map_err(Problem::validation)?;
    let page = state.store.list_ids(&filter).await?;
    let CancelledMany {
        cancelled,
        requested,
    } = if dry_run == Some(true) {
        CancelledMany::default()
    } else {
        let done = state.store.cancel_many(&page.task_ids, &filter).await?;
        info!(
            event = "task.many_cancelled",
            cancelled = done.cancelled,
            requested = done.requested,
            "tasks cancelled by filter"
        );
        done
    };
    Ok(web::Json(CancelledView {
        matched: page.task_ids.len(),
        cancelled,
        cancel_requested: requested,
        as_of,
        next_after: page.next.map(|next| next.task_id),
    }))
}
