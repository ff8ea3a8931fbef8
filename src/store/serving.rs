//! The workers that could take a waiting task, as a part of the statement that reads the task.

use serde::Deserialize;
use serde_json::Value;

use crate::domain::waiting::{Others, Pause, Waiting};

use super::QueuePosition;
use super::sql::body;

/// The subquery of `serving.sql`; its document is read by [`waiting`].
pub(super) const SERVING_WORKERS: &str = body(include_str!("serving.sql"));

/// The document of [`SERVING_WORKERS`].
#[derive(Debug, Deserialize)]
struct Serving {
    is_delayed: bool,
    taking: i64,
    has_room: bool,
    offline: i64,
    draining: i64,
    not_ready: i64,
    not_ready_reason: Option<String>,
    pause: Option<Pause>,
}

/// Why the task waits.
pub(super) fn waiting(place: QueuePosition, serving: Value) -> Option<Waiting> {
    let serving: Serving = serde_json::from_value(serving).ok()?;
    Some(Waiting {
        position: place.position,
        exact: place.exact,
        is_delayed: serving.is_delayed,
        taking: serving.taking,
        has_room: serving.has_room,
        others: Others {
            offline: serving.offline,
            draining: serving.draining,
            not_ready: serving.not_ready,
            not_ready_reason: serving.not_ready_reason,
        },
        pause: serving.pause,
    })
}
