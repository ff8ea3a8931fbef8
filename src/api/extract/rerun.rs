//! `POST /tasks/rerun`.

use std::collections::BTreeSet;

use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::selection::{MAX_SELECTED, TaskSelection};
use crate::domain::checks::FieldErrors;
use crate::domain::status::Status;
use crate::store::TaskFilter;

/// A terminal status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EndedStatus {
    /// It has a result.
    Completed,
    /// It has an error.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl From<EndedStatus> for Status {
    fn from(status: EndedStatus) -> Self {
        match status {
            EndedStatus::Completed => Self::Completed,
            EndedStatus::Failed => Self::Failed,
            EndedStatus::Cancelled => Self::Cancelled,
        }
    }
}

/// Reruns tasks: either those of a list of ids, or those that a filter selects.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunRequest {
    /// Which tasks, by id.
    #[schema(min_items = 1, max_items = 1_000)]
    task_ids: Option<Vec<Uuid>>,
    /// Which tasks, by conditions.
    filter: Option<TaskSelection<EndedStatus>>,
    /// With `filter`, only tasks that failed with this code.
    error_code: Option<String>,
    /// True: only count the tasks.
    #[schema(default = false)]
    pub dry_run: Option<bool>,
    /// With `filter`: `as_of` of the first answer, for each further request of a series. Tasks submitted later are left alone.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<OffsetDateTime>,
    /// With `filter`: `next_after` of the previous answer.
    after: Option<Uuid>,
}

/// Which tasks to rerun.
#[derive(Debug)]
pub enum RerunSelection {
    /// These, ordered, each once.
    Ids(Vec<Uuid>),
    /// Those of a page.
    Page(Box<TaskFilter>),
}

impl RerunRequest {
    /// Checks the request. `as_of` is the time of the first request of its series.
    pub fn check(self, as_of: OffsetDateTime) -> Result<RerunSelection, FieldErrors> {
        let refuse = |field: &str, message: &str| {
            Err(FieldErrors::from([(field.to_owned(), message.to_owned())]))
        };
        match (self.task_ids, self.filter) {
            (Some(ids), None) => {
                let ids: BTreeSet<Uuid> = ids.into_iter().collect();
                if (1..=MAX_SELECTED).contains(&ids.len()) {
                    Ok(RerunSelection::Ids(ids.into_iter().collect()))
                } else {
                    refuse(
                        "task_ids",
                        &format!("must have 1 to {MAX_SELECTED} entries"),
                    )
                }
            }
            (None, Some(filter)) => {
                let mut filter = filter.filter(Some(as_of), self.after)?;
                if self.error_code.as_ref().is_some_and(|it| it.contains('\0')) {
                    return refuse("error_code", "must not contain the NUL character");
                }
                filter.error_code = self.error_code;
                Ok(RerunSelection::Page(Box::new(filter)))
            }
            _ => refuse("task_ids", "give either task_ids or filter"),
        }
    }
}
