//! What can be asked for, and how long it takes.

use actix_web::web;

use crate::api::problem::ProblemBody;
use crate::api::views::{BackendPage, BackendView};
use crate::api::{ApiState, Problem};

/// The backends, by name: who serves them, what waits, what runs, and for how long.
#[utoipa::path(
    get, path = "/backends", operation_id = "list_backends", tag = "workers",
    responses(
        (status = 200, description = "The backends.", body = BackendPage),
        (status = 503, description = "The database is away.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn list_backends(state: web::Data<ApiState>) -> Result<web::Json<BackendPage>, Problem> {
    let records = state.store.backends(&state.backends.names()).await?;
    Ok(web::Json(BackendPage {
        backends: records.into_iter().map(BackendView::from).collect(),
    }))
}
