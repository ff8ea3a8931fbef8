//! Which tasks a request about many tasks selects.

use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::checks::{self, FieldErrors};
use crate::domain::status::Status;
use crate::store::{Cursor, Sort, TaskFilter};

/// Maximum number of tasks that one request changes.
pub const MAX_SELECTED: usize = 1_000;
/// Maximum number of tags of a task.
const MAX_TAGS: usize = 32;

/// A status in which a task has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OpenStatus {
    /// Waits for its first attempt.
    Pending,
    /// Waits for a further attempt.
    Retrying,
    /// A worker runs it.
    Processing,
}

impl From<OpenStatus> for Status {
    fn from(status: OpenStatus) -> Self {
        match status {
            OpenStatus::Pending => Self::Pending,
            OpenStatus::Retrying => Self::Retrying,
            OpenStatus::Processing => Self::Processing,
        }
    }
}

/// Conditions on tasks; all of them must hold.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskSelection<S> {
    /// Any of these statuses.
    #[schema(min_items = 1, max_items = 8)]
    status: Vec<S>,
    /// This backend.
    backend: Option<String>,
    /// This project.
    project: Option<String>,
    /// This benchmark problem.
    problem_id: Option<String>,
    /// The worker that runs it or ran it last.
    worker_id: Option<String>,
    /// Exactly this name.
    name: Option<String>,
    /// All of these tags.
    #[schema(max_items = 32)]
    tags: Option<Vec<String>>,
    /// Submitted at this time (RFC 3339) or later.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    submitted_after: Option<OffsetDateTime>,
    /// Submitted before this time.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    submitted_before: Option<OffsetDateTime>,
}

impl<S: Into<Status>> TaskSelection<S> {
    /// The filter for the next page, oldest first: tasks submitted before `as_of` whose ids follow `after`.
    pub fn filter(
        self,
        as_of: Option<OffsetDateTime>,
        after: Option<Uuid>,
    ) -> Result<TaskFilter, FieldErrors> {
        let mut errors = FieldErrors::new();
        let tags = self.tags.unwrap_or_default();
        let texts = [
            ("backend", self.backend.as_ref()),
            ("project", self.project.as_ref()),
            ("problem_id", self.problem_id.as_ref()),
            ("worker_id", self.worker_id.as_ref()),
            ("name", self.name.as_ref()),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(field, text)| Some((field, text?)));
        let tagged = tags.iter().map(|tag| ("tags", tag));
        for (field, text) in texts.chain(tagged) {
            // PostgreSQL text cannot contain NUL, so no task matches.
            if text.is_empty() || text.contains('\0') {
                let message = "must not be empty, or contain the NUL character";
                errors.insert(format!("filter.{field}"), message.to_owned());
            }
        }
        if self.status.is_empty() {
            errors.insert("filter.status".to_owned(), "must name a status".to_owned());
        }
        if tags.len() > MAX_TAGS {
            let message = format!("has more than {MAX_TAGS} entries: a task has at most so many");
            errors.insert("filter.tags".to_owned(), message);
        }
        checks::refuse_if_any(errors)?;
        let mut statuses: Vec<Status> = Vec::new();
        for status in self.status.into_iter().map(Into::into) {
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
        Ok(TaskFilter {
            statuses,
            backend: self.backend,
            project: self.project,
            problem_id: self.problem_id,
            worker_id: self.worker_id,
            name: self.name,
            tags,
            submitted_from: self.submitted_after,
            submitted_before: self.submitted_before.into_iter().chain(as_of).min(),
            sort: Sort::Oldest,
            // The order is that of the ids alone.
            after: after.map(|task_id| Cursor {
                priority: 0,
                task_id,
            }),
            limit: MAX_SELECTED,
            ..TaskFilter::default()
        })
    }
}
