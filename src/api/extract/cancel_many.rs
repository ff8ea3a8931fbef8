//! `POST /tasks/cancel`.

use serde::Deserialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::selection::{OpenStatus, TaskSelection};

/// Cancels the tasks that a filter selects, up to 1,000 of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// Which tasks.
    pub filter: TaskSelection<OpenStatus>,
    /// True: only count the tasks.
    #[schema(default = false)]
    pub dry_run: Option<bool>,
    /// `as_of` of the first answer, for each further request of a series: tasks submitted later are left alone.
    #[serde(default, with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub as_of: Option<OffsetDateTime>,
    /// `next_after` of the previous answer.
    pub after: Option<Uuid>,
}
