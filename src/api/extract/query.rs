//! Query strings; all errors of the parameters are reported at once.

use crate::api::Problem;
use crate::domain::checks::{self, FieldErrors};

/// Passes each parameter to `read`, and collects its errors under the parameter's name.
pub fn read(query: &str, mut read: impl FnMut(&str, &str) -> Result<(), String>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if let Err(message) = read(&name, &value) {
            errors.insert(name.into_owned(), message);
        }
    }
    errors
}

/// Returns `read` if there are no errors.
pub fn accept<T>(read: T, errors: FieldErrors) -> Result<T, Problem> {
    checks::refuse_if_any(errors).map_err(Problem::validation)?;
    Ok(read)
}
