//! Responses about backends and queue positions.

use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::times::time;
use crate::store::{BackendRecord, COUNTED_WAITING, PausedBackend, QueuePosition};

/// The current state of a backend.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackendView {
    /// Its name.
    #[schema(example = "simulator")]
    pub backend: String,
    /// Number of live workers that serve it.
    pub workers_online: i64,
    /// Number of waiting tasks, counted up to 10,000.
    pub waiting: i64,
    /// Whether `waiting` is the exact number.
    pub waiting_exact: bool,
    /// Number of tasks that workers run.
    pub running: i64,
    /// Age of the oldest waiting task that was counted, in seconds; null if none waits.
    pub oldest_wait_seconds: Option<f64>,
    /// Median duration of an attempt over the last 100 completed tasks, in seconds; null if there are none.
    pub median_run_seconds: Option<f64>,
    /// Estimated time until all counted tasks have started, in seconds: their number times the median, divided by the
    /// total concurrency of the workers. Null if no worker takes tasks, no task was ever completed, or it is paused.
    pub estimated_wait_seconds: Option<f64>,
    /// Its pause; absent if its tasks are claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseView>,
}

/// The pause of a backend.
#[derive(Debug, Serialize, ToSchema)]
pub struct PauseView {
    /// Since when no task is claimed.
    #[serde(serialize_with = "time")]
    #[schema(value_type = String, format = DateTime)]
    pub since: OffsetDateTime,
    /// The reason that the operator gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the cryostat warms up")]
    pub reason: Option<String>,
    /// The name of the token with which it was paused; absent on a service without tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// The response to a pause or a resume.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackendPauseView {
    /// The name of the backend.
    pub backend: String,
    /// Whether it is paused.
    pub paused: bool,
    /// Its pause; absent if its tasks are claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseView>,
}

impl BackendPauseView {
    /// The state of the backend of this name.
    pub fn new(backend: String, paused: Option<PausedBackend>) -> Self {
        let pause = paused.map(|it| PauseView {
            since: it.paused_at,
            reason: it.reason,
            by: it.paused_by,
        });
        Self {
            backend,
            paused: pause.is_some(),
            pause,
        }
    }
}

impl From<BackendRecord> for BackendView {
    fn from(record: BackendRecord) -> Self {
        let counted = i64::from(COUNTED_WAITING);
        let waiting = record.waiting.min(counted);
        Self {
            waiting,
            waiting_exact: record.waiting <= counted,
            estimated_wait_seconds: estimated_wait(waiting, &record).map(in_milliseconds),
            pause: record.paused_at.map(|since| PauseView {
                since,
                reason: record.pause_reason,
                by: record.paused_by,
            }),
            backend: record.backend,
            workers_online: record.workers_online,
            running: record.running,
            oldest_wait_seconds: record.oldest_wait_seconds.map(in_milliseconds),
            median_run_seconds: record.median_run_seconds.map(in_milliseconds),
        }
    }
}

fn estimated_wait(waiting: i64, record: &BackendRecord) -> Option<f64> {
    if record.slots_online == 0 || record.paused_at.is_some() {
        return None;
    }
    let (waiting, slots) = (
        i32::try_from(waiting).ok()?,
        i32::try_from(record.slots_online).ok()?,
    );
    Some(f64::from(waiting) * record.median_run_seconds? / f64::from(slots))
}

/// Rounds to milliseconds; further digits are not significant.
fn in_milliseconds(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

/// A page of backends.
#[derive(Debug, Serialize, ToSchema)]
pub struct BackendPage {
    /// The backends, ordered by name.
    pub backends: Vec<BackendView>,
    /// The `cursor` of the next page; null on the last page.
    pub next_cursor: Option<String>,
}

/// The queue position of a waiting task within its backend.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueuePositionView {
    /// 1 is the next task; 1001 is any position after the first 1,000.
    #[schema(minimum = 1, maximum = 1001)]
    pub position: i64,
    /// Whether the position is exact.
    pub exact: bool,
}

impl From<QueuePosition> for QueuePositionView {
    fn from(place: QueuePosition) -> Self {
        Self {
            position: place.position,
            exact: place.exact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(waiting: i64, slots_online: i64, median: Option<f64>) -> BackendRecord {
        BackendRecord {
            backend: "b".to_owned(),
            workers_online: 1,
            slots_online,
            waiting,
            running: 0,
            oldest_wait_seconds: None,
            median_run_seconds: median,
            paused_at: None,
            pause_reason: None,
            paused_by: None,
        }
    }

    #[test]
    fn the_wait_is_estimated_where_all_that_it_hangs_on_is_known() {
        let wait = |record| BackendView::from(record).estimated_wait_seconds;
        assert_eq!(wait(record(10, 4, Some(2.0))), Some(5.0));
        assert_eq!(wait(record(10, 0, Some(2.0))), None);
        assert_eq!(wait(record(10, 4, None)), None);
    }

    #[test]
    fn a_long_line_is_counted_up_to_ten_thousand() {
        let counted = |waiting| {
            let view = BackendView::from(record(waiting, 1, None));
            (view.waiting, view.waiting_exact)
        };
        assert_eq!(counted(10_000), (10_000, true));
        assert_eq!(counted(10_001), (10_000, false));
    }
}
