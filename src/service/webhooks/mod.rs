//! Webhooks: HTTP requests to clients when their tasks have ended.
//!
//! - `message` has the body, and its signature;
//! - `host_limiter` counts the calls in progress to each host;
//! - `client` sends a message to an allowed address;
//! - this file finds due webhooks and writes their outcome.
//!
//! Due webhooks are rows in the database. Every process that serves takes some of them under a
//! lease: another process takes a webhook whose outcome is not written by then. So a
//! call is made at least once, and its id lets the receiver recognise a repetition. No outcome of a
//! call changes the task.

mod client;
mod host_limiter;
mod message;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, error_span, info, warn};

use self::client::{WebhookClient, WebhookError};
use self::host_limiter::{HostLimiter, PER_HOST};
use self::message::WebhookMessage;
use super::watch::{OwedWatch, Watch};
use crate::config::webhooks::WebhookSettings;
use crate::domain::backoff::Backoff;
use crate::domain::trace_context::TraceContext;
use crate::domain::webhook::receiver;
use crate::metrics;
use crate::store::{DueWebhook, Store, StoreError};
use crate::traces::{Span, SpanKind};

/// The maximum number of concurrent calls of one process.
const AT_ONCE: usize = 64;
/// The maximum delay of a webhook that is due again, or whose notification was lost.
const POLL: Duration = Duration::from_secs(1);
/// How long writing the outcome of a call may take, in addition to the call.
const WRITE_TIME: Duration = Duration::from_mins(1);
/// The same after a stop was requested.
const LAST_WRITE_TIME: Duration = Duration::from_secs(5);

struct WebhookDispatcher {
    store: Store,
    settings: WebhookSettings,
    client: WebhookClient,
    slots: Arc<Semaphore>,
    host_limiter: Arc<HostLimiter>,
    calls: TaskTracker,
    stop: CancellationToken,
}

/// Makes the due calls until cancelled; returns when the calls in progress have ended.
pub fn start(
    store: Store,
    settings: WebhookSettings,
    watch: &Watch,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<()>> {
    if settings.secret.is_none() {
        info!(
            event = "webhook.unsigned",
            "webhooks are unsigned: QTASK_WEBHOOK_SECRET is not set"
        );
    }
    let dispatcher = Arc::new(WebhookDispatcher {
        store,
        client: WebhookClient::new(
            settings.targets.clone(),
            settings.timeout,
            &settings.trusted,
        )?,
        settings,
        slots: Arc::new(Semaphore::new(AT_ONCE)),
        host_limiter: Arc::default(),
        calls: TaskTracker::new(),
        stop: stop.clone(),
    });
    let owed = watch.webhooks();
    Ok(tokio::spawn(async move {
        stop.run_until_cancelled(dispatcher.clone().deliver(owed))
            .await;
        dispatcher.calls.close();
        dispatcher.calls.wait().await;
    }))
}

/// Separates calls stored with the host of their URL from the others, which are returned with that host. A row from
/// before hosts were stored may have another host, and its receiver would get more concurrent calls than its limit.
fn by_receiver(due: Vec<DueWebhook>) -> (Vec<DueWebhook>, Vec<(DueWebhook, String)>) {
    let (mut right, mut misplaced) = (Vec::new(), Vec::new());
    for call in due {
        let host = receiver(&call.url).unwrap_or_default();
        if host == call.host {
            right.push(call);
        } else {
            misplaced.push((call, host));
        }
    }
    (right, misplaced)
}

/// Begins the span of a call. The URL is left out, because its path and its query may be secrets of the receiver.
fn begin_call(due: &DueWebhook) -> Span {
    let mut span = Span::begin(SpanKind::Client, "POST", due.trace().as_ref());
    span.text("http.request.method", "POST");
    let (address, port) = due.host.rsplit_once(':').unwrap_or((&due.host, ""));
    span.text("server.address", address);
    if let Ok(port) = port.parse::<u16>() {
        span.number("server.port", port);
    }
    span.text("qtask.task.id", due.task_id);
    span.number("http.request.resend_count", due.attempts - 1);
    span
}

impl WebhookDispatcher {
    async fn deliver(self: Arc<Self>, mut owed: OwedWatch) {
        let mut failures = 0;
        while let Some(permits) = self.free_slots().await {
            let wanted = permits.len();
            match self.take(wanted).await {
                Ok(due) => {
                    failures = 0;
                    let all = due.len() < wanted;
                    let (due, misplaced) = by_receiver(due);
                    let corrected = self.correct(&misplaced).await;
                    self.make_calls(due, permits);
                    if all && !corrected {
                        self.something_new(&mut owed).await;
                    }
                }
                Err(error) => {
                    failures += 1;
                    warn!(event = "webhook.lookup_failed", %error, failures, "due webhooks could not be read");
                    tokio::time::sleep(Backoff::RECONNECT.delay(failures)).await;
                }
            }
        }
    }

    /// Waits until webhooks are due, a host at its limit has a free slot, or the poll interval has passed.
    async fn something_new(&self, owed: &mut OwedWatch) {
        tokio::select! {
            _ = owed.changed() => {}
            () = self.host_limiter.room() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }

    /// All free slots, at least one.
    async fn free_slots(&self) -> Option<Vec<OwnedSemaphorePermit>> {
        let first = self.slots.clone().acquire_owned().await.ok()?;
        let more = std::iter::from_fn(|| self.slots.clone().try_acquire_owned().ok());
        Some(std::iter::once(first).chain(more).collect())
    }

    async fn take(&self, wanted: usize) -> Result<Vec<DueWebhook>, StoreError> {
        let lease = self.settings.timeout + WRITE_TIME;
        let host_limiter = self.host_limiter.hosts();
        let taking = self
            .store
            .take_webhooks(wanted, lease, &host_limiter, PER_HOST);
        taking.await
    }

    /// Stores the right host of misplaced calls, and makes them due again; true if there were any and this succeeded.
    async fn correct(&self, misplaced: &[(DueWebhook, String)]) -> bool {
        if misplaced.is_empty() {
            return false;
        }
        let corrected = self.store.correct_hosts(misplaced).await;
        // They are due again after their lease.
        if let Err(error) = &corrected {
            warn!(
                event = "webhook.host_correction_failed", %error, webhooks = misplaced.len(),
                "webhook hosts could not be corrected"
            );
        }
        corrected.is_ok()
    }

    fn make_calls(self: &Arc<Self>, due: Vec<DueWebhook>, permits: Vec<OwnedSemaphorePermit>) {
        for (due, permit) in due.into_iter().zip(permits) {
            let dispatcher = self.clone();
            let under_way = self.host_limiter.add(&due.host);
            let call_span = begin_call(&due);
            // An error-level span: its fields must be logged where only slow statements and errors are.
            let span = error_span!("webhook", task_id = %due.task_id, correlation_id = due.correlation_id,
                                   trace_id = call_span.trace_id(), span_id = call_span.span_id());
            let calling = async move {
                dispatcher.call(&due, call_span).await;
                drop((permit, under_way));
            };
            self.calls.spawn(calling.instrument(span));
        }
    }

    async fn call(&self, due: &DueWebhook, mut span: Span) {
        let called = match self.message(due, span.context()).await {
            Ok(message) => self.client.post(&due.url, message).await,
            Err(error) => Err(error),
        };
        match &called {
            Ok(status) => span.number("http.response.status_code", *status),
            Err(error) => span.fail(error.kind(), error),
        }
        drop(span);
        match &called {
            Ok(_) => {
                metrics::webhook("delivered");
                info!(
                    event = "webhook.delivered",
                    tries = due.attempts,
                    "webhook delivered"
                );
                let delivered = || self.store.record_webhook_delivery(due.task_id);
                self.write_outcome(delivered).await;
            }
            Err(error) => self.note_failure(due, error).await,
        }
    }

    /// Writes the outcome of a call, with retries while the database is unreachable or refuses it, for as long as
    /// no other process may repeat the call. Both writes are idempotent.
    async fn write_outcome<F>(&self, write: impl Fn() -> F)
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        let writing = async {
            let mut failures = 0;
            while let Err(error) = write().await {
                failures += 1;
                let delay = Backoff::RECONNECT.delay(failures);
                warn!(
                    event = "webhook.outcome_delayed", %error, ?delay,
                    "webhook outcome not written yet: trying again"
                );
                tokio::time::sleep(delay).await;
            }
        };
        let out_of_time = async {
            tokio::select! {
                () = tokio::time::sleep(WRITE_TIME) => {}
                () = async { self.stop.cancelled().await; tokio::time::sleep(LAST_WRITE_TIME).await } => {}
            }
        };
        tokio::select! {
            () = writing => {}
            () = out_of_time => {
                warn!(event = "webhook.outcome_unwritten", "webhook outcome not written: the webhook is called again");
            }
        }
    }

    /// The message. A result that the database cannot print in time is omitted like any other large
    /// one, and delays no other call.
    async fn message(
        &self,
        due: &DueWebhook,
        trace: Option<&TraceContext>,
    ) -> Result<WebhookMessage, WebhookError> {
        let read = self
            .store
            .small_result(due.task_id, message::MOST_RESULT_BYTES);
        let result = match read.await {
            Ok(result) => result,
            Err(StoreError::TooSlow(_)) => None,
            Err(error) => {
                return Err(WebhookError::Failed(format!(
                    "the result is not known: {error}"
                )));
            }
        };
        let secret = self.settings.secret.as_deref();
        Ok(WebhookMessage::new(due, result, secret, trace))
    }

    async fn note_failure(&self, due: &DueWebhook, error: &WebhookError) {
        let again = self.next_try(due, error);
        let reason = error.to_string();
        if let Some(delay) = again {
            metrics::webhook("failed");
            warn!(
                event = "webhook.failed",
                tries = due.attempts,
                reason,
                ?delay,
                "webhook failed: trying again"
            );
        } else {
            metrics::webhook("given_up");
            warn!(
                event = "webhook.given_up",
                tries = due.attempts,
                reason,
                "webhook given up"
            );
        }
        let failed = || self.store.record_webhook_failure(due, &reason, again);
        self.write_outcome(failed).await;
    }

    fn next_try(&self, due: &DueWebhook, error: &WebhookError) -> Option<Duration> {
        let last =
            due.attempts >= self.settings.attempts || matches!(error, WebhookError::Forbidden(_));
        let failures = u32::try_from(due.attempts).unwrap_or(1);
        (!last).then(|| self.settings.retry.delay(failures))
    }
}
