//! What attempts said.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::times::time;
use crate::domain::log::Level;
use crate::store::{Json, LogEntry};

/// One line of a task's log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogView {
    /// Grows from line to line.
    pub id: i64,
    /// The attempt that said it.
    pub attempt: i32,
    /// When.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub logged_at: OffsetDateTime,
    /// How much it matters.
    #[schema(value_type = Level)]
    pub level: String,
    /// What is said.
    pub message: String,
    /// Details for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub context: Option<Json>,
}

impl From<LogEntry> for LogView {
    fn from(entry: LogEntry) -> Self {
        Self {
            id: entry.id,
            attempt: entry.attempt,
            logged_at: entry.logged_at,
            level: entry.level,
            message: entry.message,
            context: entry.context,
        }
    }
}

/// A page of a task's log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogPage {
    /// Oldest first.
    pub logs: Vec<LogView>,
    /// Give it as `after` to get the next page; null on the last one.
    pub next_after: Option<i64>,
}
