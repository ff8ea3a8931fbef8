//! Listing backends, with their load and estimated wait.

use actix_web::{HttpRequest, web};

use crate::api::responses::{BackendPage, BackendView, QueryErrors, ReadErrors};
use crate::api::{ApiState, Problem, extract};

/// List backends by name, with their numbers of workers, of waiting and of running tasks, and their wait times.
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
