//! The operator's commands before and after each task, with their output in the task's log.

use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::attempt_end::AttemptEnd;
use super::context::Worker;
use super::hook::{HookOutput, run_hook};
use super::running::StopReason;
use crate::config::environment::Hook;
use crate::domain::log::{Level, LogLine};
use crate::domain::settlement::{Blame, ErrorCode, Failure};
use crate::domain::task::Assignment;
use crate::domain::trace_context::TraceContext;
use crate::executor::LogBuffer;

/// Environment variables of a command.
pub type Variables = Vec<(&'static str, String)>;

/// The variables that name the attempt.
pub fn variables(worker: &Worker, assignment: &Assignment) -> Variables {
    let mut variables = worker.environment();
    variables.extend([
        ("QTASK_TASK_ID", assignment.lease.task_id.to_string()),
        ("QTASK_ATTEMPT", assignment.lease.attempt.to_string()),
        ("QTASK_BACKEND", assignment.backend.clone()),
        (
            "QTASK_TIMEOUT_SECONDS",
            assignment.timeout_seconds.to_string(),
        ),
    ]);
    variables.extend(assignment.trace.iter().flat_map(TraceContext::variables));
    variables
}

/// Runs the command before the task. Its failure is blamed on the worker.
pub async fn before(
    hook: &Hook,
    variables: &Variables,
    log_buffer: &LogBuffer,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let output = HookOutput::Task(log_buffer.clone());
    let ran = run_hook("before-task", hook, variables, output, stop).await;
    ran.map_err(|failure| {
        let message = format!("the before-task command failed: {}", failure.in_short());
        Failure::transient(ErrorCode::EnvironmentError, message).blaming(Some(Blame::Worker))
    })
}

/// Runs the command after the task, for every outcome. A failure is only logged: the attempt has ended.
pub async fn after(
    worker: &Worker,
    assignment: &Assignment,
    end: &AttemptEnd,
    log_buffer: &LogBuffer,
) {
    let Some(hook) = &worker.settings.environment.after_task else {
        return;
    };
    let mut variables = variables(worker, assignment);
    variables.extend(outcome(end));
    let never = CancellationToken::new();
    let output = HookOutput::Task(log_buffer.clone());
    if let Err(failure) = run_hook("after-task", hook, &variables, output, &never).await {
        let reason = failure.in_short();
        warn!(
            event = "hook.after_task_failed", task_id = %assignment.lease.task_id, reason,
            "after-task command failed"
        );
        log_buffer.log(LogLine {
            logged_at: None,
            level: Level::Warning,
            message: format!("the after-task command failed: {reason}"),
            context: Some(json!({"hook": "after-task"})),
        });
    }
}

fn outcome(end: &AttemptEnd) -> Variables {
    let (outcome, code) = match end {
        AttemptEnd::Finished(Ok(_)) => ("completed", None),
        AttemptEnd::Finished(Err(failure)) => ("failed", Some(failure.code.to_string())),
        AttemptEnd::Stopped(StopReason::Cancelled) => ("cancelled", None),
        AttemptEnd::Stopped(_) | AttemptEnd::NoSlot => ("stopped", None),
    };
    let code = code.map(|code| ("QTASK_ERROR_CODE", code));
    [("QTASK_OUTCOME", outcome.to_owned())]
        .into_iter()
        .chain(code)
        .collect()
}
