//! The reason why a task does not run yet.

use time::OffsetDateTime;

use super::{text, time_format};
use crate::cli::client::model::Task;
use crate::domain::waiting::WaitingReason;

/// The reason, or the queue position; `None` if the task does not wait.
pub fn show(task: &Task, now: OffsetDateTime) -> Option<String> {
    if let Some(trouble) = trouble(task) {
        return Some(trouble);
    }
    let available = time_format::parse_some(task.available_at.as_ref()).filter(|time| *time > now);
    if let Some(time) = available {
        return Some(format!(
            "next attempt in {}",
            time_format::duration(time - now)
        ));
    }
    let place = place(task)?;
    if reason(task) == Some(WaitingReason::WorkersBusy) {
        return Some(format!("{place}; all workers are busy"));
    }
    Some(place)
}

/// The problem that an operator must fix before the task can run.
pub fn trouble(task: &Task) -> Option<String> {
    reason(task).filter(|reason| reason.needs_operator())?;
    task.waiting_message.clone()
}

fn reason(task: &Task) -> Option<WaitingReason> {
    task.waiting_reason.as_deref()?.parse().ok()
}

fn place(task: &Task) -> Option<String> {
    let queue = task.queue.as_ref()?;
    Some(match queue.position {
        1 if queue.exact => "next in line".to_owned(),
        position if queue.exact => format!("number {} in line", text::thousands(position)),
        position => {
            let before = text::thousands(position.saturating_sub(1));
            format!("more than {before} before it")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use time::macros::datetime;

    fn shown(task: Value) -> Option<String> {
        let task: Task = serde_json::from_value(task).unwrap();
        show(&task, datetime!(2026-11-20 10:00 UTC))
    }

    #[test]
    fn what_keeps_a_task_from_running_comes_before_its_place() {
        let message = "no worker serves the backend `aer`";
        let queue = json!({"position": 1, "exact": true});
        let task = |reason: &str| json!({"waiting_reason": reason, "waiting_message": message, "queue": queue});
        assert_eq!(shown(task("no_worker")).unwrap(), message);
        assert_eq!(shown(task("next_in_line")).unwrap(), "next in line");
        assert_eq!(
            shown(task("workers_busy")).unwrap(),
            "next in line; all workers are busy"
        );
        // A reason of a newer service.
        assert_eq!(shown(task("full_moon")).unwrap(), "next in line");
    }

    #[test]
    fn an_older_service_tells_only_the_place() {
        let place = |position: u64, exact: bool| {
            shown(json!({"queue": {"position": position, "exact": exact}}))
        };
        assert_eq!(place(3, true).unwrap(), "number 3 in line");
        assert_eq!(place(1_001, false).unwrap(), "more than 1,000 before it");
        assert_eq!(shown(json!({"status": "processing"})), None);
        let delayed =
            json!({"available_at": "2026-11-20T10:00:05Z", "waiting_reason": "retry_due"});
        assert_eq!(shown(delayed).unwrap(), "next attempt in 5.0 s");
    }
}
