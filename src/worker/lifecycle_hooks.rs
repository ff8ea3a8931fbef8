//! The set-up command before a worker's first task, and the teardown command after its last.
//!
//! The worker is registered before the first and until after the second, so that the registry shows
//! what it does. Processes that the set-up leaves running continue beside the worker; the teardown
//! must stop them.

use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::context::Worker;
use super::error::WorkerError;
use super::hook::{HookFailure, HookOutput, run_hook};

/// Runs the set-up command; returns early when the worker must stop.
pub async fn set_up(worker: &Worker) -> Result<(), WorkerError> {
    let Some(hook) = &worker.settings.environment.setup else {
        return Ok(());
    };
    let registered = worker.lifecycle_hooks.registered.cancelled();
    if worker
        .draining
        .run_until_cancelled(registered)
        .await
        .is_none()
    {
        return Ok(());
    }
    worker.lifecycle_hooks.begun.store(true, Ordering::Relaxed);
    let worker_id = &worker.settings.name;
    info!(event = "worker.setup_started", worker_id, timeout = ?hook.timeout, "set-up started");
    let variables = worker.environment();
    let ran = run_hook(
        "set-up",
        hook,
        &variables,
        HookOutput::Log,
        &worker.draining,
    );
    match ran.await {
        Ok(()) => {
            info!(
                event = "worker.setup_finished",
                worker_id, "set-up finished"
            );
            Ok(())
        }
        Err(HookFailure { reason, .. }) if worker.draining.is_cancelled() => {
            info!(
                event = "worker.setup_stopped",
                worker_id, reason, "set-up stopped: the worker is stopping"
            );
            Ok(())
        }
        Err(failure) => {
            let (reason, output) = (&failure.reason, failure.output.join("\n"));
            error!(
                event = "worker.setup_failed",
                worker_id, reason, output, "set-up failed"
            );
            Err(WorkerError::SetUpFailed(failure.in_short()))
        }
    }
}

/// Runs the teardown command, unless a set-up was configured and never started. A failure is only logged:
/// the tasks have ended.
pub async fn tear_down(worker: &Worker) {
    let environment = &worker.settings.environment;
    let touched =
        environment.setup.is_none() || worker.lifecycle_hooks.begun.load(Ordering::Relaxed);
    let Some(hook) = environment.teardown.as_ref().filter(|_| touched) else {
        return;
    };
    let worker_id = &worker.settings.name;
    info!(event = "worker.teardown_started", worker_id, timeout = ?hook.timeout, "teardown started");
    let never = CancellationToken::new();
    let variables = worker.environment();
    match run_hook("teardown", hook, &variables, HookOutput::Log, &never).await {
        Ok(()) => info!(
            event = "worker.teardown_finished",
            worker_id, "teardown finished"
        ),
        Err(failure) => {
            let (reason, output) = (&failure.reason, failure.output.join("\n"));
            error!(
                event = "worker.teardown_failed",
                worker_id, reason, output, "teardown failed"
            );
        }
    }
}
