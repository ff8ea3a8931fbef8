//! The fields that several requests of workers have.

use uuid::Uuid;

use crate::domain::checks::{self, FieldErrors};
use crate::domain::owner::Session;

/// The most tasks that a worker can name as being in its hands.
const MAX_NAMED: usize = 10_000;

/// The session of a worker.
pub fn session(worker_id: &str, session_id: Uuid) -> Session {
    Session {
        worker_id: worker_id.into(),
        session_id,
    }
}

/// The worker that the request comes from; required.
pub fn worker_id(errors: &mut FieldErrors, given: Option<String>) -> String {
    match &given {
        Some(name) => checks::name(errors, "worker_id", "worker", name),
        None => missing(errors, "worker_id", "the worker's name"),
    }
    given.unwrap_or_default()
}

/// The session that the request belongs to; required.
pub fn session_id(errors: &mut FieldErrors, given: Option<Uuid>) -> Uuid {
    if given.is_none() {
        missing(errors, "session_id", "as given by the registration");
    }
    given.unwrap_or_default()
}

/// The tasks in hand, as many as may be named.
pub fn check_named(errors: &mut FieldErrors, named: Option<&[Uuid]>) {
    let named = named.map_or(0, <[Uuid]>::len);
    if named > MAX_NAMED {
        let message = format!("has {named} entries; at most {MAX_NAMED} are allowed");
        errors.insert("tasks".to_owned(), message);
    }
}

/// Notes a field that is required.
pub fn missing(errors: &mut FieldErrors, field: &str, what: &str) {
    errors.insert(field.to_owned(), format!("is required: {what}"));
}
