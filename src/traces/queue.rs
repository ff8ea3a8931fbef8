//! A bounded queue between the code that ends spans and the collector, which may be slow, silent or unreachable.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::collector::Collector;
use super::losses::Losses;

/// Queues ended spans, without waiting.
#[derive(Debug)]
pub struct QueueProcessor {
    queue: mpsc::Sender<SpanData>,
    losses: Arc<Losses>,
}

impl QueueProcessor {
    /// A processor with a queue of this length, and its other end.
    pub fn new(length: usize, losses: Arc<Losses>) -> (Self, mpsc::Receiver<SpanData>) {
        let (queue, ended) = mpsc::channel(length);
        (Self { queue, losses }, ended)
    }
}

impl SpanProcessor for QueueProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        // Counted first: the span may be sent before `try_send` returns.
        self.losses.add_pending();
        if self.queue.try_send(span).is_err() {
            self.losses.dropped(1, "too many spans wait to be sent");
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Sends queued spans in batches, one at a time.
pub struct SpanSender {
    /// The queue.
    pub ended: mpsc::Receiver<SpanData>,
    /// The receiver of batches.
    pub collector: Collector,
    /// Counts the spans that the collector does not take.
    pub losses: Arc<Losses>,
    /// Maximum number of spans in a batch.
    pub max_batch: usize,
    /// How long a span waits for others.
    pub delay: Duration,
    /// Cancelled when the last spans have ended.
    pub stop: CancellationToken,
}

impl SpanSender {
    /// Sends spans until stopped, and then the rest of the queue.
    pub async fn run(mut self) {
        while let Some(batch) = self.next_batch().await {
            let count = batch.len();
            match self.collector.send(batch).await {
                Ok(rejected) => {
                    let rejected = rejected.min(count);
                    self.losses.sent(count - rejected);
                    self.losses.dropped(rejected, "the collector rejected them");
                }
                Err(reason) => self.losses.dropped(count, &reason),
            }
            self.losses.report();
        }
    }

    /// Waits for spans until a batch is full, or its first span has waited for the delay. `None` after the last one.
    async fn next_batch(&mut self) -> Option<Vec<SpanData>> {
        let mut batch = Vec::new();
        let mut wait_end: Option<Instant> = None;
        while batch.len() < self.max_batch {
            let room = self.max_batch - batch.len();
            let waited = async {
                match wait_end {
                    Some(end) => tokio::time::sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                received = self.ended.recv_many(&mut batch, room) => {
                    if received == 0 {
                        break;
                    }
                    wait_end.get_or_insert_with(|| Instant::now() + self.delay);
                }
                () = self.stop.cancelled(), if !self.ended.is_closed() => self.ended.close(),
                () = waited => break,
            }
        }
        (!batch.is_empty()).then_some(batch)
    }
}
