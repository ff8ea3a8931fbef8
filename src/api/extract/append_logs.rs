//! `POST /tasks/{task_id}/logs`.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::lease::Owner;
use super::object_list;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::log::{Level, LogLine};
use crate::domain::owner::Lease;
use crate::domain::whole_number;

/// Maximum number of lines of one request.
const MAX_LINES: usize = 1_000;
/// Maximum length of a message, in bytes.
const MAX_MESSAGE_BYTES: usize = 64 << 10;
/// Maximum size of `context` and of `progress` as JSON, in bytes.
const MAX_DETAIL_BYTES: usize = 64 << 10;
/// Maximum size of `output` as JSON, in bytes.
const MAX_OUTPUT_BYTES: usize = 1 << 20;

/// Log lines, progress and output of an attempt.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppendLogs {
    /// The worker's name.
    #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    worker_id: String,
    /// The session id that the registration returned.
    session_id: Uuid,
    /// The attempt number that the claim returned.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "whole_number::required")]
    attempt: i32,
    /// The lines, in order; may be empty if `progress` or `output` is given.
    #[serde(
        default,
        deserialize_with = "object_list::of_objects::<_, _, MAX_LINES>"
    )]
    #[schema(max_items = 1_000)]
    logs: Vec<NewLine>,
    /// Progress of the attempt, in a format of the worker; at most 64 KiB.
    progress: Option<Map<String, Value>>,
    /// Output of the attempt so far; replaces the previous output; at most 1 MiB. It is kept even if the attempt
    /// fails.
    output: Option<Map<String, Value>>,
}

/// A log line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewLogLine)]
struct NewLine {
    /// The severity.
    #[serde(default)]
    level: Level,
    /// The text; at most 64 KiB.
    message: String,
    /// Details for programs; at most 64 KiB.
    context: Option<Map<String, Value>>,
    /// When the line was logged; a line with the same time and text as an earlier one counts as its repetition.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    logged_at: Option<OffsetDateTime>,
}

/// A validated request.
#[derive(Debug)]
pub struct Append {
    /// The lease of the owner.
    pub lease: Lease,
    /// The new lines.
    pub lines: Vec<LogLine>,
    /// Progress of the attempt.
    pub progress: Option<Value>,
    /// Output of the attempt so far.
    pub output: Option<Value>,
}

impl AppendLogs {
    /// Validates the request.
    pub fn into_append(self, task_id: Uuid) -> Result<Append, FieldErrors> {
        let mut errors = FieldErrors::new();
        let owner = Owner {
            worker_id: &self.worker_id,
            session_id: self.session_id,
            attempt: self.attempt,
        };
        let lease = owner.lease(&mut errors, task_id);
        if self.logs.is_empty() && self.progress.is_none() && self.output.is_none() {
            let message = format!("must have 1 to {MAX_LINES} entries");
            errors.insert("logs".to_owned(), message);
        }
        if let Some(progress) = &self.progress {
            checks::object(&mut errors, "progress", progress, MAX_DETAIL_BYTES);
        }
        if let Some(output) = &self.output {
            checks::object(&mut errors, "output", output, MAX_OUTPUT_BYTES);
        }
        for (index, line) in self.logs.iter().enumerate() {
            line.check(&mut errors, index);
        }
        checks::refuse_if_any(errors)?;
        Ok(Append {
            lease,
            lines: without_repetitions(self.logs),
            progress: self.progress.map(Value::Object),
            output: self.output.map(Value::Object),
        })
    }
}

impl NewLine {
    fn check(&self, errors: &mut FieldErrors, index: usize) {
        let bytes = self.message.len();
        if bytes > MAX_MESSAGE_BYTES {
            let message = format!("has {bytes} bytes; at most {MAX_MESSAGE_BYTES} are allowed");
            errors.insert(format!("logs[{index}].message"), message);
        }
        if let Some(context) = &self.context {
            let field = format!("logs[{index}].context");
            checks::object(errors, &field, context, MAX_DETAIL_BYTES);
        }
    }

    fn into_line(self) -> LogLine {
        LogLine {
            logged_at: self.logged_at,
            level: self.level,
            // A line of a program's output may contain NUL, which PostgreSQL cannot store.
            message: self.message.replace('\0', "\u{fffd}"),
            context: self.context.map(Value::Object),
        }
    }
}

/// Removes repetitions within the request; the database only compares new lines with stored ones.
fn without_repetitions(lines: Vec<NewLine>) -> Vec<LogLine> {
    let mut known = HashSet::new();
    let mut is_new = |line: &LogLine| {
        line.logged_at
            .is_none_or(|at| known.insert((at, line.level, line.message.clone())))
    };
    let lines = lines.into_iter().map(NewLine::into_line);
    lines.filter(|line| is_new(line)).collect()
}
