//! A message in the hands of a worker.

use tokio::sync::mpsc;
use uuid::Uuid;

use super::acker::{AckCommand, AckOutcome};

/// One delivered message. Dropped without a word it goes back to its queue.
///
/// A delivery outlives its channel: after a lost connection the broker has already given the
/// message to someone else, and `ack` and `requeue` of the old delivery quietly do nothing.
#[derive(Debug)]
pub struct Delivery {
    /// The body as it came.
    pub body: Vec<u8>,
    /// The task it speaks of; `None` if the body is garbage.
    pub task_id: Option<Uuid>,
    /// From the body, else from the message's properties.
    pub correlation_id: Option<String>,
    /// The broker has delivered it before, to someone who did not ack it.
    pub redelivered: bool,
    /// The backend whose queue it came from.
    pub backend: String,
    pub(super) settler: Settler,
}

/// The right to settle one delivery once.
#[derive(Debug)]
pub(super) struct Settler {
    pub(super) tag: u64,
    /// Which of the consumer's lanes it came through.
    pub(super) lane: usize,
    /// Leads to the channel it came through, and nowhere when that is gone.
    pub(super) acker: Option<mpsc::UnboundedSender<AckCommand>>,
}

impl Delivery {
    /// The message is dealt with: the broker forgets it.
    pub fn ack(mut self) {
        self.settler.settle(AckOutcome::Ack);
    }

    /// The message goes back to its queue and is delivered again, perhaps at once, and perhaps to
    /// the same worker: pause the consumer first where that would spin.
    pub fn requeue(mut self) {
        self.settler.settle(AckOutcome::Requeue);
    }
}

impl Settler {
    fn settle(&mut self, verdict: AckOutcome) {
        if let Some(acker) = self.acker.take() {
            // An error means that the channel is gone, and with it the delivery.
            let _ = acker.send(AckCommand::Of(self.tag, verdict));
        }
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.settle(AckOutcome::Requeue);
    }
}
