//! Responses with log lines.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::times::time;
use crate::domain::log::Level;
use crate::store::{Json, LogEntry};

/// One line of a task's log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogView {
    /// The id of the line; ids increase.
    pub id: i64,
    /// The attempt that logged it.
    pub attempt: i32,
    /// When it was logged.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub logged_at: OffsetDateTime,
    /// The severity.
    #[schema(value_type = Level)]
    pub level: String,
    /// The text.
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
    /// The lines, oldest first.
    pub logs: Vec<LogView>,
    /// The `after` of the next page; null on the last page.
    pub next_after: Option<i64>,
}
