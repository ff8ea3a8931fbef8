//! A message that was delivered to a worker.

use tokio::sync::mpsc;
use uuid::Uuid;

use super::acker::{AckCommand, AckOutcome};
use crate::domain::trace_context::TraceContext;

/// One delivered message. Dropping it unsettled returns it to its queue.
///
/// A delivery outlives its channel: after a lost connection the broker has already redelivered the
/// message, and `ack` and `requeue` of the old delivery do nothing.
#[derive(Debug)]
pub struct Delivery {
    /// The body as received.
    pub body: Vec<u8>,
    /// The task that it names; `None` if the body is malformed.
    pub task_id: Option<Uuid>,
    /// From the body, else from the message's properties.
    pub correlation_id: Option<String>,
    /// The span that published it.
    pub trace: Option<TraceContext>,
    /// Whether the broker delivered it before to a consumer that did not ack it.
    pub redelivered: bool,
    /// The backend whose queue contained it.
    pub backend: String,
    pub(super) settler: Settler,
}

/// The right to settle one delivery once.
#[derive(Debug)]
pub(super) struct Settler {
    pub(super) tag: u64,
    /// The index of the consumer's lane that received it.
    pub(super) lane: usize,
    /// The acker of its channel, until the delivery is settled.
    pub(super) acker: Option<mpsc::UnboundedSender<AckCommand>>,
}

impl Delivery {
    /// Acks the message: the broker deletes it.
    pub fn ack(mut self) {
        self.settler.settle(AckOutcome::Ack);
    }

    /// Returns the message to its queue, to be delivered again, possibly at once and to
    /// the same worker: pause the consumer first to avoid a busy loop.
    pub fn requeue(mut self) {
        self.settler.settle(AckOutcome::Requeue);
    }
}

impl Settler {
    fn settle(&mut self, verdict: AckOutcome) {
        if let Some(acker) = self.acker.take() {
            // An error means that the channel has ended, and with it the delivery.
            let _ = acker.send(AckCommand::Of(self.tag, verdict));
        }
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.settle(AckOutcome::Requeue);
    }
}
