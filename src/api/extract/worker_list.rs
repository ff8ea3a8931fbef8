//! The queries of `GET /workers` and `GET /backends`, whose pages are ordered by name.

use std::str::FromStr;

use super::query;
use crate::api::Problem;
use crate::domain::backend::is_valid_name;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::whole_number;
use crate::store::{WorkerFilter, WorkerSearch, WorkerStatus};

/// Maximum length of a page of workers or backends.
const MAX_NAMES: u16 = 1_000;
/// Default length of a page of workers.
const USUAL_WORKERS: usize = 100;

fn name_limit(value: &str) -> Result<u16, String> {
    whole_number::of_text(value)
        .filter(|limit| (1..=MAX_NAMES).contains(limit))
        .ok_or_else(|| format!("must be a whole number from 1 to {MAX_NAMES}"))
}

fn name_cursor(value: &str) -> Result<String, String> {
    if is_valid_name(value) {
        Ok(value.to_owned())
    } else {
        Err("is not the next_cursor of an earlier answer".to_owned())
    }
}

fn backend(value: &str) -> Result<String, String> {
    let mut errors = FieldErrors::new();
    checks::name(&mut errors, "backend", "backend", value);
    errors
        .remove("backend")
        .map_or_else(|| Ok(value.to_owned()), Err)
}

/// Adds one status, or several separated by commas.
fn add_statuses(statuses: &mut Vec<WorkerStatus>, value: &str) -> Result<(), String> {
    for name in value.split(',') {
        let status = WorkerStatus::from_str(name.trim()).map_err(|error| error.to_string())?;
        statuses.push(status);
    }
    Ok(())
}

/// Parses the query of `GET /backends`: the name after which the page begins, and its length.
pub fn backend_search(query: &str) -> Result<(String, u16), Problem> {
    let (mut after, mut limit) = (String::new(), MAX_NAMES);
    let errors = query::read(query, |name, value| {
        match name {
            "limit" => limit = name_limit(value)?,
            "cursor" => after = name_cursor(value)?,
            _ => return Err("is not known here: use limit, cursor".to_owned()),
        }
        Ok(())
    });
    query::accept((after, limit), errors)
}

/// Parses the query of `GET /workers`.
pub fn worker_search(query: &str) -> Result<WorkerSearch, Problem> {
    let mut search = WorkerSearch {
        filter: WorkerFilter::default(),
        after: None,
        limit: USUAL_WORKERS,
    };
    let errors = query::read(query, |name, value| {
        match name {
            "status" => add_statuses(&mut search.filter.statuses, value)?,
            "backend" => search.filter.backend = Some(backend(value)?),
            "limit" => search.limit = name_limit(value)?.into(),
            "cursor" => search.after = Some(name_cursor(value)?),
            _ => return Err("is not known here: use status, backend, limit, cursor".to_owned()),
        }
        Ok(())
    });
    query::accept(search, errors)
}
