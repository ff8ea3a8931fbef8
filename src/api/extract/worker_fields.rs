//! Fields that several requests of workers share.

use uuid::Uuid;

use crate::domain::checks::{self, FieldErrors};
use crate::domain::owner::Session;

/// Maximum number of running tasks that a worker can name.
const MAX_NAMED: usize = 10_000;

/// The session of a worker.
pub fn session(worker_id: &str, session_id: Uuid) -> Session {
    Session {
        worker_id: worker_id.into(),
        session_id,
    }
}

/// The name of the worker that sends the request; required.
pub fn worker_id(errors: &mut FieldErrors, given: Option<String>) -> String {
    match &given {
        Some(name) => checks::name(errors, "worker_id", "worker", name),
        None => missing(errors, "worker_id", "the worker's name"),
    }
    given.unwrap_or_default()
}

/// The session of the request; required.
pub fn session_id(errors: &mut FieldErrors, given: Option<Uuid>) -> Uuid {
    if given.is_none() {
        missing(errors, "session_id", "as given by the registration");
    }
    given.unwrap_or_default()
}

/// Checks the number of running tasks.
pub fn check_named(errors: &mut FieldErrors, named: Option<&[Uuid]>) {
    let named = named.map_or(0, <[Uuid]>::len);
    if named > MAX_NAMED {
        let message = format!("has {named} entries; at most {MAX_NAMED} are allowed");
        errors.insert("tasks".to_owned(), message);
    }
}

/// Adds the error of a missing field.
pub fn missing(errors: &mut FieldErrors, field: &str, what: &str) {
    errors.insert(field.to_owned(), format!("is required: {what}"));
}
