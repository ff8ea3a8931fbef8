//! Paths, and the queries that ask for one task.

use std::str::FromStr;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use uuid::Uuid;

use super::Problem;
use crate::domain::backend::is_valid_name;
use crate::domain::checks::{self, FieldErrors, excerpt};
use crate::domain::whole_number;
use crate::store::{LastEventId, WorkerFilter, WorkerSearch, WorkerStatus};

/// The task that a path names.
pub fn task_id(segment: &str) -> Result<Uuid, Problem> {
    segment.parse().map_err(|_| {
        let detail = "The task id in the path is not a UUID.";
        Problem::new(StatusCode::BAD_REQUEST, "invalid_task_id", detail)
    })
}

/// The worker that a path names.
pub fn worker_id(segment: String) -> Result<String, Problem> {
    // What cannot be a name is nobody's name.
    if is_valid_name(&segment) {
        Ok(segment)
    } else {
        Err(Problem::worker_not_found(&excerpt(&segment)))
    }
}

fn note(errors: &mut FieldErrors, field: &str, message: String) {
    errors.insert(field.to_owned(), message);
}

/// The most workers or backends of one page.
const MAX_NAMES: u16 = 1_000;
/// The workers of a page whose length is not given.
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

/// Behind which name `GET /backends` begins, and how many it shows.
pub fn backend_search(query: &str) -> Result<(String, u16), Problem> {
    let (mut after, mut limit) = (String::new(), MAX_NAMES);
    let mut errors = FieldErrors::new();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let read = match key.as_ref() {
            "limit" => name_limit(&value).map(|given| limit = given),
            "cursor" => name_cursor(&value).map(|given| after = given),
            _ => Err("is not known here: use limit, cursor".to_owned()),
        };
        if let Err(message) = read {
            note(&mut errors, &key, message);
        }
    }
    if errors.is_empty() {
        Ok((after, limit))
    } else {
        Err(Problem::validation(errors))
    }
}

/// Which workers `GET /workers` is asked for.
pub fn worker_search(query: &str) -> Result<WorkerSearch, Problem> {
    let mut search = WorkerSearch {
        filter: WorkerFilter::default(),
        after: None,
        limit: USUAL_WORKERS,
    };
    let mut errors = FieldErrors::new();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let refused = match key.as_ref() {
            "status" => value
                .split(',')
                .map(|name| WorkerStatus::from_str(name.trim()))
                .collect::<Result<Vec<_>, _>>()
                .map(|statuses| search.filter.statuses.extend(statuses))
                .map_err(|error| error.to_string()),
            "backend" => {
                checks::name(&mut errors, "backend", "backend", &value);
                search.filter.backend = Some(value.into_owned());
                continue;
            }
            "limit" => name_limit(&value).map(|limit| search.limit = limit.into()),
            "cursor" => name_cursor(&value).map(|after| search.after = Some(after)),
            _ => Err("is not known here: use status, backend, limit, cursor".to_owned()),
        };
        if let Err(message) = refused {
            note(&mut errors, &key, message);
        }
    }
    if errors.is_empty() {
        Ok(search)
    } else {
        Err(Problem::validation(errors))
    }
}

/// Until when a read waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Until {
    /// Until the task has ended.
    #[default]
    Terminal,
    /// Until its status is another.
    Change,
}

/// How `GET /tasks/{task_id}` is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// How long the answer may be waited for.
    pub wait: Duration,
    /// What is waited for.
    pub until: Until,
    /// Whether the log comes with it.
    pub include_logs: bool,
    /// Whether the text of the circuit comes with it.
    pub include_circuit: bool,
    /// Whether the values for the circuit's inputs come with it.
    pub include_parameters: bool,
}

/// The longest wait, in seconds: what proxies usually bear with.
const MAX_WAIT_SECONDS: u64 = 60;

/// A wait in seconds, which may have a fraction.
pub fn wait(value: &str) -> Result<Duration, String> {
    let seconds = value
        .parse()
        .ok()
        .filter(|seconds: &f64| seconds.is_finite());
    let wait = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    wait.filter(|wait| *wait <= Duration::from_secs(MAX_WAIT_SECONDS))
        .ok_or_else(|| format!("must be a number of seconds from 0 to {MAX_WAIT_SECONDS}"))
}

/// A parameter that is true or false.
pub fn flag(word: &str) -> Result<bool, String> {
    word.parse().map_err(|_| "must be true or false".to_owned())
}

/// The values of `include`, separated by commas.
fn include(asked: &mut TaskQuery, names: &str) -> Result<(), String> {
    for name in names.split(',').map(str::trim) {
        match name {
            "circuit" => asked.include_circuit = true,
            "parameters" => asked.include_parameters = true,
            _ => {
                return Err(
                    "must name circuit, parameters or both, with a comma between".to_owned(),
                );
            }
        }
    }
    Ok(())
}

fn until(word: &str) -> Result<Until, String> {
    match word {
        "terminal" => Ok(Until::Terminal),
        "change" => Ok(Until::Change),
        _ => Err("must be terminal or change".to_owned()),
    }
}

/// How `GET /tasks/{task_id}` is asked for.
pub fn task_query(query: &str) -> Result<TaskQuery, Problem> {
    let mut asked = TaskQuery::default();
    let mut errors = FieldErrors::new();
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let refused = match (key.as_ref(), value.as_ref()) {
            ("wait", seconds) => wait(seconds).map(|wait| asked.wait = wait),
            ("until", word) => until(word).map(|until| asked.until = until),
            ("include_logs", word) => flag(word).map(|flag| asked.include_logs = flag),
            ("include", names) => include(&mut asked, names),
            _ => Err("is not known here: use wait, until, include, include_logs".to_owned()),
        };
        if let Err(message) = refused {
            errors.insert(key.into_owned(), message);
        }
    }
    if errors.is_empty() {
        Ok(asked)
    } else {
        Err(Problem::validation(errors))
    }
}

/// How far a client that follows a task has seen it: the `Last-Event-ID` header, or the parameter
/// `last_event_id`.
pub fn last_event_id(request: &HttpRequest) -> Result<LastEventId, Problem> {
    let mut errors = FieldErrors::new();
    let mut id = String::new();
    for (key, value) in url::form_urlencoded::parse(request.query_string().as_bytes()) {
        if key == "last_event_id" {
            id = value.into_owned();
        } else {
            let message = "is not known here: use last_event_id".to_owned();
            errors.insert(key.into_owned(), message);
        }
    }
    if let Some(header) = request.headers().get("last-event-id") {
        header.to_str().unwrap_or("?").trim().clone_into(&mut id);
    }
    let seen = if id.is_empty() {
        Some(LastEventId::default())
    } else {
        parse_seen(&id)
    };
    match seen {
        Some(seen) if errors.is_empty() => Ok(seen),
        Some(_) => Err(Problem::validation(errors)),
        None => {
            let message = "is not the id of an event of this service".to_owned();
            errors.insert("last_event_id".to_owned(), message);
            Err(Problem::validation(errors))
        }
    }
}

fn parse_seen(id: &str) -> Option<LastEventId> {
    let (history, log) = id.split_once('.')?;
    let number = |digits: &str| digits.parse().ok().filter(|number: &i64| *number >= 0);
    Some(LastEventId {
        history: number(history)?,
        log: number(log)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_of_seconds_within_its_bounds() {
        assert_eq!(wait("0"), Ok(Duration::ZERO));
        assert_eq!(wait("1.5"), Ok(Duration::from_millis(1_500)));
        for wrong in ["", "-1", "61", "nan", "inf", "1e400", "soon"] {
            assert!(wait(wrong).is_err(), "{wrong}");
        }
        let query = task_query("wait=60&until=change&include_logs=true").unwrap();
        assert_eq!((query.until, query.include_logs), (Until::Change, true));
    }
}
