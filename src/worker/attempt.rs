//! One attempt: from its claim until its settlement is in the database.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error_span, info, warn};

use super::attempt_end::AttemptEnd;
use super::attempt_span;
use super::context::{STOP_LIMIT, Worker};
use super::log_writer::LogWriter;
use super::running::{StopOrder, StopReason};
use super::settling::{self, Written};
use super::slots::{Slot, SlotRequest, Unsettled};
use super::trial::{self, Trial};
use super::{hook, task_hooks};
use crate::domain::correlation;
use crate::domain::settlement::{ErrorCode, Evidence, Failure, Settlement};
use crate::domain::status::Status;
use crate::domain::task::Assignment;
use crate::domain::trace_context::TraceContext;
use crate::executor::{Control, LogBuffer, crashed};
use crate::traces::Span;

/// The most bytes of an outcome whose slot is free before it is written: outcomes that are not written yet stay bounded in memory.
const SMALL_OUTCOME: usize = 64 << 10;

/// Runs the attempt once it has a slot, and writes its settlement; retries while the database is unreachable. `message` is the span
/// that published the task's message, if one announced it.
pub async fn run(
    worker: &Worker,
    mut assignment: Assignment,
    message: Option<TraceContext>,
    slot_request: SlotRequest,
) -> Written {
    let mut attempt_span = attempt_span::begin(&assignment, message.as_ref());
    // For the commands that run the task.
    assignment.trace = attempt_span.context().cloned();
    let lease = &assignment.lease;
    let (task_id, worker_id) = (lease.task_id, &lease.session.worker_id);
    let correlation_id = &assignment.correlation_id;
    // An error-level span: its fields must be logged where only slow statements and errors are.
    let span = error_span!("attempt", %task_id, attempt = lease.attempt, %worker_id, correlation_id,
                    trace_id = attempt_span.trace_id(), span_id = attempt_span.span_id());
    let attempt = attempt(worker, &assignment, slot_request, &mut attempt_span).instrument(span);
    // On the heap: otherwise the futures of all callers would contain it.
    Box::pin(correlation::scope(correlation_id, attempt)).await
}

async fn attempt(
    worker: &Worker,
    assignment: &Assignment,
    slot_request: SlotRequest,
    span: &mut Span,
) -> Written {
    let lease = &assignment.lease;
    let (order, in_hand) = worker.running.add(lease.task_id, lease.attempt);
    // The answer to a claim can arrive after the lease came into doubt or was lost, and after all other
    // attempts were stopped.
    if worker.session().await != lease.session {
        worker.running.stop(&[lease.task_id], StopReason::LeaseLost);
    } else if !worker.health.is_leased() {
        worker
            .running
            .stop(&[lease.task_id], StopReason::LeaseInDoubt);
    }
    info!(event = "task.claimed", task_id = %lease.task_id, attempt = lease.attempt, backend = assignment.backend,
          from = %assignment.previous_status, to = %Status::Processing, "task claimed");
    let log_buffer = LogBuffer::default();
    let mut log = LogWriter::new(&worker.store, lease, log_buffer.clone());
    let waits_since = Instant::now();
    let given_up = async {
        tokio::select! {
            _ = order.given() => {}
            () = worker.until_held() => {}
        }
    };
    let (held, end, (times, busy)) = match slot_request.slot(given_up).await {
        Ok(slot) => {
            let waited = waits_since.elapsed();
            let (began, busy) = (Instant::now(), worker.health.task_begins());
            let (end, ran) =
                execute_and_log(worker, assignment, &order, &log_buffer, &mut log).await;
            let times = Times { waited, ran };
            (Holding::Slot { slot, began }, end, (times, Some(busy)))
        }
        Err(unsettled) => {
            let reason = order.given().now_or_never();
            let end = reason.map_or(AttemptEnd::NoSlot, AttemptEnd::Stopped);
            let held = Holding::Nothing {
                _unsettled: unsettled,
            };
            (held, end, (Times::default(), None))
        }
    };
    attempt_span::describe(span, &end);
    let Some(settlement) = settlement(worker, assignment, end, times) else {
        warn!(
            event = "task.lease_lost", task_id = %lease.task_id, attempt = lease.attempt,
            "lease lost: the worker does not own the attempt"
        );
        return Written::Yes;
    };
    let held = held.until_written(worker, &settlement);
    let evidence = settlement.evidence();
    let trial = Trial::of(&settlement);
    let written = settling::write(worker, settlement, &mut log).await;
    drop(in_hand);
    trial::note(worker, &trial).await;
    held.end(evidence);
    drop(busy);
    written
}

/// What an attempt holds of the worker's slots.
enum Holding {
    Slot {
        slot: Slot,
        began: Instant,
    },
    Nothing {
        /// Counts the task as unsettled for as long as this is kept.
        _unsettled: Unsettled,
    },
}

impl Holding {
    /// Frees the slot for the next task after a small result. A failure keeps it until the registry knows whether the worker's
    /// environment is the cause.
    fn until_written(self, worker: &Worker, settlement: &Settlement) -> Self {
        let evidence = settlement.evidence();
        let is_fit = evidence == Some(Evidence::Fit) && !worker.held.borrow().is_blamed();
        match self {
            Self::Slot { slot, began } if is_fit && settlement.weight() <= SMALL_OUTCOME => {
                slot.note(began.elapsed(), evidence);
                Self::Nothing {
                    _unsettled: slot.free(),
                }
            }
            held => held,
        }
    }

    /// Frees the slot.
    fn end(self, evidence: Option<Evidence>) {
        if let Self::Slot { slot, began } = self {
            slot.note(began.elapsed(), evidence);
        }
    }
}

/// How long a task waited for a slot after its claim, and was executed.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    waited: Duration,
    ran: Duration,
}

/// Returns the end of the attempt and its duration. Its log is in the database by then, if that
/// succeeded in time.
async fn execute_and_log(
    worker: &Worker,
    assignment: &Assignment,
    order: &StopOrder,
    log_buffer: &LogBuffer,
    log: &mut LogWriter<'_>,
) -> (AttemptEnd, Duration) {
    let began = Instant::now();
    let executing = async {
        let end = execute(worker, assignment, order, log_buffer).await;
        let ran = began.elapsed();
        task_hooks::after(worker, assignment, &end, log_buffer).await;
        log_buffer.close();
        (end, ran)
    };
    let (ended, ()) = tokio::join!(executing, log.run(order));
    ended
}

async fn execute(
    worker: &Worker,
    assignment: &Assignment,
    order: &StopOrder,
    log_buffer: &LogBuffer,
) -> AttemptEnd {
    let Some(executor) = worker.executors.get(&assignment.backend) else {
        let message = format!(
            "worker {} does not serve `{}`",
            worker.settings.name, assignment.backend
        );
        return AttemptEnd::Finished(Err(Failure::permanent(ErrorCode::UnsupportedTask, message)));
    };
    if let Some(reason) = order.given().now_or_never() {
        return AttemptEnd::Stopped(reason);
    }
    let timeout = Duration::from_secs(u64::try_from(assignment.timeout_seconds).unwrap_or(1));
    let control = Control {
        stop: CancellationToken::new(),
        kill: CancellationToken::new(),
        deadline: Instant::now() + timeout,
        log_buffer: log_buffer.clone(),
    };
    let deadline = tokio::time::Instant::from_std(control.deadline);
    // In a separate task, whose panic becomes a failure.
    let mut running = tokio::spawn({
        let before = worker.settings.environment.before_task.clone();
        let variables = task_hooks::variables(worker, assignment);
        let (executor, assignment, control) =
            (executor.clone(), assignment.clone(), control.clone());
        async move {
            if let Some(hook) = before {
                task_hooks::before(&hook, &variables, &control.log_buffer, &control.stop).await?;
            }
            executor.execute(&assignment, control).await
        }
    });
    let end = tokio::select! {
        answer = &mut running => {
            let answer = answer.unwrap_or_else(|error| Err(crashed("the executor broke down", error)));
            return AttemptEnd::Finished(answer);
        }
        reason = order.given() => AttemptEnd::Stopped(reason),
        () = tokio::time::sleep_until(deadline) => {
            let message = format!("ran longer than {} s", assignment.timeout_seconds);
            AttemptEnd::Finished(Err(Failure::permanent(ErrorCode::Timeout, message)))
        }
    };
    // The command before the task may be running.
    let before_task = worker.settings.environment.before_task.as_ref();
    let hook_grace = before_task.map(|_| hook::STOP_GRACE).unwrap_or_default();
    let grace = executor.stop_grace().max(hook_grace);
    if !stop(worker, &control, order, grace, &mut running).await {
        warn!(
            event = "task.executor_abandoned", task_id = %assignment.lease.task_id, limit = ?STOP_LIMIT,
            "executor abandoned: it did not stop in time"
        );
        running.abort();
    }
    end
}

/// Stops an executor: orderly first, then at once after the grace time or when the lease is in doubt.
/// Returns whether it has ended.
async fn stop<T>(
    worker: &Worker,
    control: &Control,
    order: &StopOrder,
    grace: Duration,
    running: &mut JoinHandle<T>,
) -> bool {
    control.stop.cancel();
    if !grace.is_zero() {
        // The lease is trusted for one heartbeat less than it was granted: half of that is used here.
        let hurry = worker.settings.lease.heartbeat / 2;
        tokio::select! {
            _ = &mut *running => return true,
            () = tokio::time::sleep(grace) => {}
            () = async { order.unleased().await; tokio::time::sleep(hurry).await } => {}
        }
    }
    control.kill.cancel();
    tokio::time::timeout(STOP_LIMIT, running).await.is_ok()
}

/// The settlement to write; `None` when the worker no longer owns the task.
fn settlement(
    worker: &Worker,
    assignment: &Assignment,
    end: AttemptEnd,
    times: Times,
) -> Option<Settlement> {
    let lease = assignment.lease.clone();
    Some(match end {
        AttemptEnd::Finished(Ok(mut outcome)) => {
            add_times(&mut outcome.execution, assignment, times);
            Settlement::complete(lease, outcome)
        }
        AttemptEnd::Finished(Err(failure)) => {
            let failures = u32::try_from(lease.attempt).unwrap_or(1);
            Settlement::fail(lease, failure, worker.settings.retry.delay(failures))
        }
        AttemptEnd::Stopped(StopReason::Cancelled) => {
            Settlement::release(lease, "cancelled on request")
        }
        AttemptEnd::Stopped(StopReason::Shutdown) => {
            Settlement::release(lease, "the worker shut down")
        }
        AttemptEnd::Stopped(StopReason::LeaseInDoubt) => {
            Settlement::release(lease, "the worker could not renew its lease")
        }
        AttemptEnd::NoSlot => Settlement::release(lease, "no slot of the worker became free"),
        AttemptEnd::Stopped(StopReason::LeaseLost) => return None,
    })
}

fn add_times(execution: &mut Value, assignment: &Assignment, times: Times) {
    let queued = assignment.started_at - assignment.submitted_at + times.waited;
    if let Value::Object(execution) = execution {
        execution.insert(
            "queued_ms".to_owned(),
            json!(queued.whole_milliseconds().max(0)),
        );
        execution.insert("executed_ms".to_owned(), json!(times.ran.as_millis()));
    }
}
