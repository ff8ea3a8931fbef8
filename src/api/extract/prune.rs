//! `POST /tasks/prune`.

use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::cursor;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::pruning::{MAX_AGE, MAX_STEP, MIN_AGE, PruneFilter, PrunePosition, TERMINAL};
use crate::domain::status::Status;
use crate::domain::whole_number;
use crate::service::prune::PruneMode;

/// The most tasks that one request counts.
const MAX_COUNT_STEP: usize = 10_000;

/// Which ended tasks to delete.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"older_than_seconds": 7_776_000, "statuses": ["completed"], "dry_run": true}))]
pub struct PruneRequest {
    /// Only tasks that ended longer ago than this.
    #[schema(
        required = true,
        nullable = false,
        minimum = 3_600,
        maximum = 3_162_240_000_i64
    )]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub older_than_seconds: Option<i64>,
    /// Only tasks of these statuses, which must be terminal; by default all of them.
    #[schema(max_items = 3)]
    pub statuses: Option<Vec<Status>>,
    /// Only tasks of this backend.
    pub backend: Option<String>,
    /// Count the tasks instead of deleting them.
    #[schema(default = false)]
    pub dry_run: Option<bool>,
    /// How many ended tasks to read, at most; those that fit are deleted. By default 1,000, and 10,000 with `dry_run`.
    #[schema(minimum = 1, maximum = 1_000)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub limit: Option<i64>,
    /// The `next_cursor` of the last response, to continue after it.
    pub cursor: Option<String>,
}

/// A validated request.
#[derive(Debug, Clone)]
pub struct Pruning {
    /// Which tasks.
    pub filter: PruneFilter,
    /// Whether they are deleted.
    pub mode: PruneMode,
    /// Where to continue.
    pub from: Option<PrunePosition>,
    /// How many tasks to read.
    pub limit: usize,
}

impl PruneRequest {
    /// Validates the request; returns all errors at once.
    pub fn check(self) -> Result<Pruning, FieldErrors> {
        let mut errors = FieldErrors::new();
        let mut refuse = |field: &str, message: String| {
            errors.insert(field.to_owned(), message);
        };
        let seconds = self.older_than_seconds;
        let age = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let age = age.map(Duration::from_secs).unwrap_or_default();
        if !(MIN_AGE..=MAX_AGE).contains(&age) {
            let (least, most) = (MIN_AGE.as_secs(), MAX_AGE.as_secs());
            let got = seconds.map_or_else(|| "nothing".to_owned(), |seconds| seconds.to_string());
            let message = format!("must be between {least} and {most}, got {got}");
            refuse("older_than_seconds", message);
        }
        let statuses = self.statuses.unwrap_or_default();
        if let Some(status) = statuses.iter().find(|status| !status.is_terminal()) {
            let message =
                format!("{status} tasks have not ended; use completed, failed, cancelled");
            refuse("statuses", message);
        } else if statuses.len() > TERMINAL.len() {
            let message = format!("must have at most {} items", TERMINAL.len());
            refuse("statuses", message);
        }
        let from = self.cursor.as_deref().map(cursor::decode_prune);
        if from == Some(None) {
            let message = "is not a next_cursor of this operation".to_owned();
            refuse("cursor", message);
        }
        if let Some(backend) = &self.backend {
            checks::name(&mut errors, "backend", "backend", backend);
        }
        let mode = match self.dry_run {
            Some(true) => PruneMode::Count,
            _ => PruneMode::Delete,
        };
        let most = i64::try_from(MAX_STEP).unwrap_or(i64::MAX);
        let limit: i64 = checks::in_range(&mut errors, "limit", self.limit, 1..=most, most);
        checks::refuse_if_any(errors)?;
        let limit = match (self.limit, mode) {
            (None, PruneMode::Count) => MAX_COUNT_STEP,
            _ => usize::try_from(limit).unwrap_or(MAX_STEP),
        };
        Ok(Pruning {
            filter: PruneFilter {
                older_than: age,
                statuses,
                backend: self.backend,
            },
            mode,
            from: from.flatten(),
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(body: Value) -> Result<Pruning, FieldErrors> {
        serde_json::from_value::<PruneRequest>(body)
            .unwrap()
            .check()
    }

    #[test]
    fn an_age_is_required_and_only_ended_tasks_can_be_asked_for() {
        let errors =
            check(json!({"statuses": ["pending"], "limit": 0, "cursor": "x", "backend": "?"}));
        let fields: Vec<String> = errors.unwrap_err().into_keys().collect();
        let all = [
            "backend",
            "cursor",
            "limit",
            "older_than_seconds",
            "statuses",
        ];
        assert_eq!(fields, all);
        assert!(check(json!({"older_than_seconds": 3_599})).is_err());
        assert!(check(json!({"older_than_seconds": -1})).is_err());
    }

    #[test]
    fn a_dry_run_reads_more_tasks_at_once() {
        let limits = [false, true].map(|dry_run| {
            let body = json!({"older_than_seconds": 3_600, "dry_run": dry_run});
            check(body).unwrap().limit
        });
        assert_eq!(limits, [1_000, 10_000]);
    }
}
