//! The span of an attempt.
//!
//! Its parent is the span that submitted the task, as the row has it, and not the one that published the message: a message may be lost,
//! repeated by a sweep, or absent. The message is a link. All attempts at a task, and its webhook, are thus children of one span.

use std::slice;

use super::attempt_end::AttemptEnd;
use super::running::StopReason;
use crate::domain::task::Assignment;
use crate::domain::trace_context::TraceContext;
use crate::traces::{Span, SpanKind, SpanStart};

/// Begins the span.
pub fn begin(assignment: &Assignment, message: Option<&TraceContext>) -> Span {
    let mut span = SpanStart {
        kind: SpanKind::Consumer,
        name: "attempt".into(),
        parent: assignment.trace.as_ref(),
        links: message.map(slice::from_ref).unwrap_or_default(),
    }
    .begin();
    if span.is_recording() {
        let lease = &assignment.lease;
        span.rename(|| format!("attempt {}", assignment.backend));
        span.text("qtask.task.id", lease.task_id);
        span.number("qtask.attempt", lease.attempt);
        span.text("qtask.backend", &assignment.backend);
        span.text("qtask.worker.id", &lease.session.worker_id);
        span.text("qtask.correlation_id", &assignment.correlation_id);
        if message.is_some() {
            span.text("messaging.system", "rabbitmq");
            span.text("messaging.operation.type", "process");
            span.text("messaging.operation.name", "attempt");
            span.text("messaging.message.id", lease.task_id);
        }
    }
    span
}

/// Sets the outcome, and the status of a failure.
pub fn describe(span: &mut Span, end: &AttemptEnd) {
    span.text("qtask.outcome", outcome(end));
    match end {
        AttemptEnd::Finished(Err(failure)) => span.fail(&failure.code, &failure.message),
        AttemptEnd::Stopped(StopReason::LeaseInDoubt | StopReason::LeaseLost) => {
            span.fail("lease_lost", "the lease was lost");
        }
        AttemptEnd::Finished(Ok(_)) | AttemptEnd::Stopped(_) | AttemptEnd::NoSlot => {}
    }
}

fn outcome(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Finished(Ok(_)) => "completed",
        AttemptEnd::Finished(Err(_)) => "failed",
        AttemptEnd::Stopped(StopReason::Cancelled) => "cancelled",
        AttemptEnd::Stopped(StopReason::Shutdown) | AttemptEnd::NoSlot => "released",
        AttemptEnd::Stopped(StopReason::LeaseInDoubt | StopReason::LeaseLost) => "lease_lost",
    }
}
