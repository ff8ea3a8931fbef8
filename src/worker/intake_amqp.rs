//! Claims tasks named by the broker's messages: each message is a hint that a task may be claimed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::attempt;
use super::context::Worker;
use super::held::Held;
use super::settling::Written;
use super::slots::SlotRequest;
use crate::domain::backoff::Backoff;
use crate::domain::correlation;
use crate::queue::amqp::{AmqpConfig, Consumer, Deliveries, Delivery, LinkState};
use crate::store::{Claim, ClaimRequest, StoreError};

/// How often the health report is updated.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long the tasks of a resumed backend may wait when its notification was lost.
const PAUSE_POLL: Duration = Duration::from_secs(1);

/// Claims tasks until the worker drains; ends when the last delivery is settled.
pub async fn run(worker: &Arc<Worker>, config: AmqpConfig) {
    let link = CancellationToken::new();
    let (consumer, deliveries) = Consumer::start(
        config,
        worker.backends(),
        worker.settings.concurrency,
        &link,
    );
    let database_away = Arc::new(Notify::new());
    tokio::join!(
        take(worker, deliveries, &database_away),
        watch(worker, &consumer, &database_away),
        follow_pauses(worker, &consumer),
    );
    consumer.pause().await;
    worker.intake_over.cancel();
    worker.attempts.wait().await;
    link.cancel();
    consumer.wait_closed().await;
}

async fn take(worker: &Arc<Worker>, mut deliveries: Deliveries, database_away: &Arc<Notify>) {
    let mut taken = Vec::new();
    loop {
        let next = async {
            // Messages first: room that is found before they arrive may be gone by then.
            deliveries.arrived().await;
            let room = worker.slots.room().await;
            deliveries.recv_many(&mut taken, room.tasks).await
        };
        if worker
            .draining
            .run_until_cancelled(next)
            .await
            .is_none_or(|count| count == 0)
        {
            return;
        }
        for delivery in taken.drain(..) {
            let slot_request = worker.slots.request(0);
            let (worker, database_away) = (worker.clone(), database_away.clone());
            worker.attempts.clone().spawn(async move {
                handle(&worker, delivery, &database_away, slot_request).await;
            });
        }
    }
}

/// Processes one message: the claim, the attempt, and the ack after its settlement is written.
async fn handle(
    worker: &Worker,
    delivery: Delivery,
    database_away: &Notify,
    mut slot_request: SlotRequest,
) {
    let Some(task_id) = delivery.task_id else {
        warn!(
            event = "amqp.message_invalid",
            bytes = delivery.body.len(),
            "message dropped: it names no task"
        );
        return delivery.ack();
    };
    let mut claimed = claim(worker, &delivery, task_id, !slot_request.has_slot()).await;
    if matches!(claimed, Ok(Claim::NeedsSlot)) {
        let Ok(slot) = slot_request.slot(worker.until_held()).await else {
            return delivery.requeue();
        };
        slot_request = slot.into();
        claimed = claim(worker, &delivery, task_id, false).await;
    }
    let correlation_id = &delivery.correlation_id;
    match claimed {
        Ok(Claim::Granted(assignment)) => {
            slot_request.set_bytes(assignment.text_bytes());
            let trace = delivery.trace.clone();
            match attempt::run(worker, *assignment, trace, slot_request).await {
                Written::Yes => delivery.ack(),
                Written::Abandoned => delivery.requeue(),
            }
        }
        Ok(Claim::NotClaimable(status)) => {
            debug!(
                event = "amqp.message_obsolete", %task_id, correlation_id, %status,
                redelivered = delivery.redelivered,
                "message acknowledged: its task cannot be claimed"
            );
            delivery.ack();
        }
        Ok(Claim::LeftToOthers) => {
            debug!(
                event = "task.left_to_others", %task_id,
                "task left to other workers: an attempt failed here because of the environment"
            );
            delivery.ack();
        }
        Ok(Claim::BackendPaused) => {
            debug!(
                event = "task.backend_paused", %task_id, backend = delivery.backend,
                "message acknowledged: the backend of its task is paused"
            );
            worker.paused.add(&delivery.backend);
            delivery.ack();
        }
        Ok(Claim::Unknown) => {
            warn!(
                event = "amqp.message_orphaned", %task_id, correlation_id,
                "message dropped: its task does not exist"
            );
            delivery.ack();
        }
        Ok(Claim::SessionOver | Claim::NeedsSlot) => {
            debug!(
                event = "amqp.message_requeued", %task_id, correlation_id,
                "message requeued: the session has ended"
            );
            delivery.requeue();
            database_away.notify_one();
        }
        Err(error) => {
            warn!(
                event = "task.claim_failed", %task_id, correlation_id, %error,
                "task could not be claimed: its message is requeued"
            );
            delivery.requeue();
            database_away.notify_one();
        }
    }
}

/// Claims the task, unless the lease is in doubt.
async fn claim(
    worker: &Worker,
    delivery: &Delivery,
    task_id: Uuid,
    is_ahead: bool,
) -> Result<Claim, StoreError> {
    if !worker.health.is_leased() {
        return Ok(Claim::SessionOver);
    }
    let request = ClaimRequest {
        task_id,
        session: worker.session().await,
        is_ahead,
    };
    let claiming = worker.store.claim(request);
    match &delivery.correlation_id {
        Some(id) => correlation::scope(id, claiming).await,
        None => claiming.await,
    }
}

/// Updates the health report, and stops consuming while the database is unreachable.
async fn watch(worker: &Worker, consumer: &Consumer, database_away: &Notify) {
    let watching = async {
        loop {
            tokio::select! {
                () = database_away.notified() => {
                    worker.health.set_intake(Some("the database cannot be reached".to_owned()));
                    consumer.pause().await;
                    wait_for_database(worker).await;
                    consumer.resume();
                }
                () = until_held(worker) => {
                    worker.health.set_intake(worker.held.borrow().not_ready_reason());
                    consumer.pause().await;
                    worker.until_let().await;
                    consumer.resume();
                }
                () = report(worker, consumer) => {}
            }
        }
    };
    worker.draining.run_until_cancelled(watching).await;
}

/// Stops consuming the messages of paused backends.
async fn follow_pauses(worker: &Worker, consumer: &Consumer) {
    let mut paused = worker.paused.subscribe();
    let following = async {
        loop {
            let names = paused.borrow_and_update().clone();
            let some = !names.is_empty();
            consumer.pause_backends(names);
            tokio::select! {
                _ = paused.changed() => {}
                () = tokio::time::sleep(PAUSE_POLL), if some => worker.paused.refresh(&worker.store).await,
            }
        }
    };
    worker.draining.run_until_cancelled(following).await;
}

async fn until_held(worker: &Worker) {
    // The worker owns the sender, so this wait cannot fail.
    let _ = worker.held.subscribe().wait_for(Held::holds).await;
}

/// Records whether messages can arrive, and returns when it must be checked again.
async fn report(worker: &Worker, consumer: &Consumer) {
    match consumer.state() {
        // Ready means both: messages arrive, and the lease is valid, so that their tasks can be claimed.
        LinkState::Up if !worker.health.is_leased() => {}
        LinkState::Up => {
            if worker.health.set_intake(None) {
                let session = worker.session().await;
                info!(
                    event = "worker.ready", worker_id = %session.worker_id, session_id = %session.session_id,
                    "worker is ready"
                );
            }
        }
        state => {
            worker
                .health
                .set_intake(Some(format!("not consuming: {state}")));
            let _ = tokio::time::timeout(LOOK_AGAIN, consumer.wait_up()).await;
            return;
        }
    }
    tokio::time::sleep(LOOK_AGAIN).await;
}

async fn wait_for_database(worker: &Worker) {
    let mut failures = 0;
    loop {
        // Pause first: a message whose task could not be claimed although the database answers returns at
        // once.
        failures += 1;
        tokio::time::sleep(Backoff::RECONNECT.delay(failures)).await;
        if worker.health.is_leased() && worker.store.ping().await.is_ok() {
            return;
        }
    }
}
