//! Parameters of paths.

use actix_web::http::StatusCode;
use uuid::Uuid;

use crate::api::Problem;
use crate::domain::backend::{MAX_NAME_LENGTH, is_valid_name};
use crate::domain::checks::excerpt;

/// The task that a path names.
pub fn task_id(segment: &str) -> Result<Uuid, Problem> {
    segment.parse().map_err(|_| {
        let detail = "The task id in the path is not a UUID.";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_task_id", detail)
    })
}

/// The worker that a path names.
pub fn worker_id(segment: String) -> Result<String, Problem> {
    // No worker can have an invalid name.
    if is_valid_name(&segment) {
        Ok(segment)
    } else {
        Err(Problem::worker_not_found(&excerpt(&segment)))
    }
}

/// The backend that a path names.
pub fn backend(segment: String) -> Result<String, Problem> {
    if is_valid_name(&segment) {
        return Ok(segment);
    }
    let detail = format!(
        "No backend can have the name `{}`: use up to {MAX_NAME_LENGTH} letters, digits, `.`, `_`, `-`.",
        excerpt(&segment)
    );
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        "backend_not_found",
        detail,
    ))
}
