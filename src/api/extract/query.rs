//! Query strings: everything that is wrong with the parameters is said at once.

use crate::api::Problem;
use crate::domain::checks::{self, FieldErrors};

/// Reads each parameter; what `read` refuses is noted under the parameter's name.
pub fn read(query: &str, mut read: impl FnMut(&str, &str) -> Result<(), String>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if let Err(message) = read(&name, &value) {
            errors.insert(name.into_owned(), message);
        }
    }
    errors
}

/// What was read, unless something is wrong.
pub fn accept<T>(read: T, errors: FieldErrors) -> Result<T, Problem> {
    checks::refuse_if_any(errors).map_err(Problem::validation)?;
    Ok(read)
}
