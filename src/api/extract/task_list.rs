//! The query of `GET /tasks`: `status` and `tag` may be repeated, other parameters not; unknown ones are refused.

use std::collections::BTreeSet;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::query;
use crate::api::{Problem, cursor};
use crate::domain::checks::FieldErrors;
use crate::domain::id_prefix::{BadIdPrefix, IdPrefix};
use crate::domain::status::Status;
use crate::domain::whole_number;
use crate::store::{Cursor, Sort, TaskFilter};

/// Default length of a page.
const DEFAULT_LIMIT: usize = 20;
/// Maximum length of a page.
const MAX_LIMIT: usize = 100;
/// Maximum number of tags of a task.
const MAX_TAGS: usize = 32;
/// All parameters, for messages.
const KNOWN: &str = "status, kind, backend, project, problem_id, worker_id, tag, name, error_code, submitted_after, submitted_before, id_prefix, sort, limit, cursor";

/// Parses the query of `GET /tasks`; returns all errors at once.
pub fn task_filter(query: &str) -> Result<TaskFilter, Problem> {
    let mut reader = TaskQueryReader {
        filter: TaskFilter {
            limit: DEFAULT_LIMIT,
            ..TaskFilter::default()
        },
        cursor: None,
    };
    let mut seen = BTreeSet::new();
    let errors = query::read(query, |name, value| {
        let collects = matches!(name, "status" | "tag");
        if !seen.insert(name.to_owned()) && !collects {
            return Err("stands twice; give it once".to_owned());
        }
        reader.read(name, value)
    });
    let (filter, errors) = reader.finish(errors);
    query::accept(filter, errors)
}

struct TaskQueryReader {
    filter: TaskFilter,
    cursor: Option<(Sort, Cursor)>,
}

impl TaskQueryReader {
    fn read(&mut self, key: &str, value: &str) -> Result<(), String> {
        let filter = &mut self.filter;
        match key {
            "status" => add_status(&mut filter.statuses, value)?,
            "kind" => filter.is_problem = Some(is_problem(value)?),
            "backend" => filter.backend = Some(text(value)?),
            "problem_id" => filter.problem_id = Some(text(value)?),
            "worker_id" => filter.worker_id = Some(text(value)?),
            "tag" => add_tag(&mut filter.tags, value)?,
            "name" => filter.name = Some(text(value)?),
            "error_code" => filter.error_code = Some(text(value)?),
            "project" => filter.project = Some(text(value)?),
            "submitted_after" => filter.submitted_from = Some(time(value)?),
            "submitted_before" => filter.submitted_before = Some(time(value)?),
            "id_prefix" => filter.id_prefix = Some(id_prefix(value)?),
            "sort" => filter.sort = sort(value)?,
            "limit" => filter.limit = limit(value)?,
            "cursor" => self.cursor = Some(cursor(value)?),
            _ => return Err(format!("is not known here: use {KNOWN}")),
        }
        Ok(())
    }

    /// Checks that involve several parameters.
    fn finish(self, mut errors: FieldErrors) -> (TaskFilter, FieldErrors) {
        let mut filter = self.filter;
        if let (Some(from), Some(before)) = (filter.submitted_from, filter.submitted_before)
            && from >= before
        {
            let message = "must be later than submitted_after".to_owned();
            errors.insert("submitted_before".to_owned(), message);
        }
        if let Some((sort, after)) = self.cursor {
            filter.after = Some(after);
            if sort != filter.sort && !errors.contains_key("sort") {
                let message = "belongs to another sort: use it with the one that it came with";
                errors.insert("cursor".to_owned(), message.to_owned());
            }
        }
        if filter.statuses.len() == Status::ALL.len() {
            filter.statuses.clear();
        }
        (filter, errors)
    }
}

/// Adds one status, or several separated by commas.
fn add_status(statuses: &mut Vec<Status>, value: &str) -> Result<(), String> {
    for name in value.split(',') {
        let status = name.trim().parse().map_err(|error| format!("{error}"))?;
        if !statuses.contains(&status) {
            statuses.push(status);
        }
    }
    Ok(())
}

fn add_tag(tags: &mut Vec<String>, value: &str) -> Result<(), String> {
    let tag = text(value)?;
    if !tags.contains(&tag) {
        tags.push(tag);
    }
    if tags.len() > MAX_TAGS {
        tags.truncate(MAX_TAGS);
        return Err(format!("is given too often: a task has at most {MAX_TAGS}"));
    }
    Ok(())
}

fn is_problem(value: &str) -> Result<bool, String> {
    match value {
        "problem" => Ok(true),
        "circuit" => Ok(false),
        _ => Err("must be circuit or problem".to_owned()),
    }
}

fn text(value: &str) -> Result<String, String> {
    if value.is_empty() {
        return Err("must not be empty".to_owned());
    }
    // PostgreSQL text cannot contain NUL, so no name matches.
    if value.contains('\0') {
        return Err("must not contain the NUL character".to_owned());
    }
    Ok(value.to_owned())
}

fn time(value: &str) -> Result<OffsetDateTime, String> {
    // An unescaped `+` of a UTC offset is decoded as a space.
    OffsetDateTime::parse(&value.replace(' ', "+"), &Rfc3339)
        .map_err(|_| "must be a time like 2025-12-28T14:30:00Z (RFC 3339)".to_owned())
}

fn id_prefix(value: &str) -> Result<IdPrefix, String> {
    value
        .parse()
        .map_err(|error: BadIdPrefix| error.to_string())
}

fn sort(value: &str) -> Result<Sort, String> {
    cursor::sort(value).ok_or_else(|| format!("must be one of {}", cursor::SORT_NAMES))
}

fn limit(value: &str) -> Result<usize, String> {
    let limit = whole_number::of_text::<u64>(value).and_then(|limit| limit.try_into().ok());
    limit
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| format!("must be a whole number from 1 to {MAX_LIMIT}"))
}

fn cursor(value: &str) -> Result<(Sort, Cursor), String> {
    cursor::decode(value)
        .ok_or_else(|| "is not a cursor: use next_cursor of the page before".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_statuses_and_tags_collect() {
        let query = "status=pending&status=failed,pending&status=failed&backend=aer&limit=5&tag=a&tag=b&kind=problem";
        let filter = task_filter(query).unwrap();
        assert_eq!(filter.statuses, [Status::Pending, Status::Failed]);
        assert_eq!(filter.tags, ["a", "b"]);
        assert_eq!((filter.backend.as_deref(), filter.limit), (Some("aer"), 5));
        assert_eq!(filter.is_problem, Some(true));
    }

    #[test]
    fn every_bad_parameter_is_named() {
        let query = "id_prefix=01&status=done&limit=0&cursor=x&colour=red&kind=x&name=&tag=%00&sort=name&backend=a&backend=b\
                     &submitted_after=2026-01-02T00:00:00Z&submitted_before=2026-01-02T00:00:00%2B00:00";
        let problem = task_filter(query).unwrap_err().to_string();
        for name in [
            "status",
            "limit",
            "cursor",
            "id_prefix",
            "colour",
            "kind",
            "name",
            "tag",
            "sort",
            "backend",
            "submitted_before",
        ] {
            assert!(problem.contains(name), "{name}: {problem}");
        }
    }

    #[test]
    fn a_cursor_is_good_for_the_order_that_it_was_made_for() {
        let task_id = uuid::Uuid::max();
        let after = Cursor {
            priority: 7,
            task_id,
        };
        let text = cursor::encode(Sort::HighestPriority, after);
        let filter = task_filter(&format!("cursor={text}&sort=-priority")).unwrap();
        assert_eq!(filter.after, Some(after));
        for sort in ["", "&sort=priority", "&sort=submitted_at"] {
            let problem = task_filter(&format!("cursor={text}{sort}")).unwrap_err();
            assert!(problem.to_string().contains("cursor"), "{problem}");
        }
    }

    #[test]
    fn a_time_may_have_an_offset_with_or_without_escapes() {
        for plus in ["+", "%2B"] {
            let query = format!("submitted_after=2026-01-02T01:00:00{plus}01:00");
            let from = task_filter(&query).unwrap().submitted_from.unwrap();
            assert_eq!(from, time::macros::datetime!(2026-01-02 0:00 UTC));
        }
    }
}
