//! What can be asked for, and how long it takes.

use actix_web::{HttpRequest, web};

use crate::api::problem::ProblemBody;
use crate::api::views::{BackendPage, BackendView};
use crate::api::{ApiState, Problem, query};

/// The backends, by name: who serves them, what waits, what runs, and for how long.
#[utoipa::path(
    get, path = "/backends", operation_id = "list_backends", tag = "workers",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "The most backends on a page; 1,000 if not given."),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before: the name that it ended with.", pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
    ),
    responses(
        (status = 200, description = "The backends.", body = BackendPage),
        (status = 422, description = "A parameter that cannot be used.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The database is away.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn list_backends(
    state: web::Data<ApiState>,
    request: HttpRequest,
) -> Result<web::Json<BackendPage>, Problem> {
    let (after, limit) = query::backend_search(request.query_string())?;
    let configured = state.backends.configured();
    let page = state.store.backends(&configured, &after, limit).await?;
    Ok(web::Json(BackendPage {
        backends: page.backends.into_iter().map(BackendView::from).collect(),
        next_cursor: page.next,
    }))
}
