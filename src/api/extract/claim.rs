//! `POST /workers/{worker_id}/claim`.

use std::time::Duration;

use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::worker_fields::{check_named, session, session_id};
use crate::domain::access::Caller;
use crate::domain::checks::{self, FieldErrors};
use crate::domain::whole_number;
use crate::service::claims::ClaimParams;

/// Maximum number of tasks of one claim.
const MAX_TASKS: i64 = 100;
/// Maximum wait, in seconds: the usual timeout of proxies.
const MAX_WAIT_SECONDS: f64 = 60.0;

/// A claim of a worker.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimTasksRequest {
    /// The session id that the registration returned.
    #[schema(required = true, nullable = false)]
    pub session_id: Option<Uuid>,
    /// Maximum number of tasks to claim.
    #[schema(minimum = 1, maximum = 100, default = 1)]
    #[serde(default, deserialize_with = "whole_number::optional")]
    pub max_tasks: Option<i64>,
    /// How long to wait for a first task, in seconds.
    #[schema(minimum = 0, maximum = 60, default = 0)]
    pub wait: Option<f64>,
    /// The tasks that the worker runs. Tasks that it owns but does not name are returned again, because the response to
    /// an earlier claim was lost.
    #[schema(max_items = 10_000)]
    pub tasks: Option<Vec<Uuid>>,
}

impl ClaimTasksRequest {
    /// Validates the claim of the worker of this name; returns all errors at once.
    pub fn check(self, worker_id: &str, caller: Caller) -> Result<ClaimParams, FieldErrors> {
        let mut errors = FieldErrors::new();
        let session_id = session_id(&mut errors, self.session_id);
        let max_tasks: i32 =
            checks::in_range(&mut errors, "max_tasks", self.max_tasks, 1..=MAX_TASKS, 1);
        let wait = self.wait.unwrap_or_default();
        if !(0.0..=MAX_WAIT_SECONDS).contains(&wait) {
            let message = format!("must be a number of seconds from 0 to {MAX_WAIT_SECONDS}");
            errors.insert("wait".to_owned(), message);
        }
        check_named(&mut errors, self.tasks.as_deref());
        checks::refuse_if_any(errors)?;
        Ok(ClaimParams {
            session: session(worker_id, session_id),
            max_tasks: usize::try_from(max_tasks).unwrap_or(1),
            wait: Duration::try_from_secs_f64(wait).unwrap_or_default(),
            known_tasks: self.tasks,
            caller,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_is_kept_within_its_bounds() {
        let wish = |body| {
            serde_json::from_value::<ClaimTasksRequest>(body)
                .unwrap()
                .check("w", Caller::Anybody)
        };
        let session = Uuid::now_v7();
        let asked = wish(json!({"session_id": session})).unwrap();
        assert_eq!((asked.max_tasks, asked.wait), (1, Duration::ZERO));
        let refused = wish(json!({"max_tasks": 101, "wait": 60.5})).unwrap_err();
        let fields: Vec<&str> = refused.keys().map(String::as_str).collect();
        assert_eq!(fields, ["max_tasks", "session_id", "wait"]);
    }
}
