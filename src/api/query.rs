//! Query strings: repeated keys collect, unknown keys are refused.

use actix_web::http::StatusCode;
use uuid::Uuid;

use super::Problem;
use crate::domain::submission::FieldErrors;
use crate::store::{Cursor, TaskFilter};

/// The length of a page when none is asked for.
const DEFAULT_LIMIT: i64 = 20;
/// The longest page.
const MAX_LIMIT: i64 = 100;

/// The task that a path names.
pub fn task_id(segment: &str) -> Result<Uuid, Problem> {
    segment.parse().map_err(|_| {
        let detail = "The task id in the path is not a UUID.";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_task_id", detail)
    })
}

/// Which tasks `GET /tasks` is asked for.
pub fn task_filter(query: &str) -> Result<TaskFilter, Problem> {
    let mut filter = TaskFilter {
        limit: DEFAULT_LIMIT,
        ..TaskFilter::default()
    };
    let mut errors = FieldErrors::new();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let refused = match key.as_ref() {
            "status" => value
                .parse()
                .map(|status| filter.statuses.push(status))
                .map_err(|error| format!("{error}")),
            "backend" => {
                filter.backend = Some(value.into_owned());
                Ok(())
            }
            "cursor" => match value.parse() {
                Ok(task_id) => {
                    filter.after = Some(Cursor(task_id));
                    Ok(())
                }
                Err(_) => Err("is not a cursor: use next_cursor of the page before".to_owned()),
            },
            "limit" => match value.parse() {
                Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => {
                    filter.limit = limit;
                    Ok(())
                }
                _ => Err(format!("must be a whole number from 1 to {MAX_LIMIT}")),
            },
            _ => Err("is not known here: use status, backend, cursor, limit".to_owned()),
        };
        if let Err(message) = refused {
            errors.insert(key.into_owned(), message);
        }
    }
    // PostgreSQL cannot compare with it, and no backend is called that.
    if filter
        .backend
        .as_deref()
        .is_some_and(|backend| backend.contains('\0'))
    {
        errors.insert(
            "backend".to_owned(),
            "must not contain the NUL character".to_owned(),
        );
    }
    if errors.is_empty() {
        Ok(filter)
    } else {
        Err(Problem::validation(errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::status::Status;

    #[test]
    fn repeated_statuses_collect() {
        let filter = task_filter("status=pending&status=failed&backend=aer&limit=5").unwrap();
        assert_eq!(filter.statuses, [Status::Pending, Status::Failed]);
        assert_eq!((filter.backend.as_deref(), filter.limit), (Some("aer"), 5));
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let problem = task_filter("status=done&limit=0&cursor=x&colour=red")
            .unwrap_err()
            .to_string();
        for name in ["status", "limit", "cursor", "colour"] {
            assert!(problem.contains(name), "{problem}");
        }
    }
}
