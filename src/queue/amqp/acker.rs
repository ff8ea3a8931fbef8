//! Sends acks for one channel, in as few frames as is safe.
//!
//! An ack of a tag that is not outstanding makes `RabbitMQ` close the channel (406), and an ack with
//! `multiple` covers every outstanding tag below it. So `multiple` is used only up to the highest
//! newly acked tag below which everything is settled; tags settled out of order are acked one by one.

use std::collections::{BTreeMap, BTreeSet};

use amqprs::channel::{BasicAckArguments, BasicNackArguments};
use tokio::sync::{mpsc, oneshot};

use super::connection::LinkChannel;

const BATCH: usize = 256;

/// How a delivery is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AckOutcome {
    Ack,
    Requeue,
}

/// A message to the acker of a channel.
#[derive(Debug)]
pub(super) enum AckCommand {
    Of(u64, AckOutcome),
    /// Answered when every earlier command was passed to the connection.
    Flush(oneshot::Sender<()>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Ack { tag: u64, multiple: bool },
    Requeue { tag: u64 },
}

/// Starts the acker of `channel`, which ends with the channel or the last sender.
pub(super) fn spawn(channel: &LinkChannel) -> mpsc::UnboundedSender<AckCommand> {
    let (settlements, receiver) = mpsc::unbounded_channel();
    let broker = channel.channel.clone();
    let closed = channel.closed.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = closed.cancelled() => {}
            () = run(broker, receiver) => {}
        }
    });
    settlements
}

/// The channel of settlements is unbounded, but never holds more than the AMQP channel's prefetch.
async fn run(
    channel: amqprs::channel::Channel,
    mut settlements: mpsc::UnboundedReceiver<AckCommand>,
) {
    let mut window = AckWindow::default();
    let mut batch = Vec::with_capacity(BATCH);
    while settlements.recv_many(&mut batch, BATCH).await > 0 {
        let mut verdicts = Vec::with_capacity(batch.len());
        let mut flushed = Vec::new();
        for settlement in batch.drain(..) {
            match settlement {
                AckCommand::Of(tag, verdict) => verdicts.push((tag, verdict)),
                AckCommand::Flush(done) => flushed.push(done),
            }
        }
        for frame in window.settle(&verdicts) {
            if !channel.is_open() || send(&channel, frame).await.is_err() {
                return;
            }
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

async fn send(
    channel: &amqprs::channel::Channel,
    frame: Frame,
) -> Result<(), amqprs::error::Error> {
    match frame {
        Frame::Ack { tag, multiple } => {
            channel
                .basic_ack(BasicAckArguments::new(tag, multiple))
                .await
        }
        Frame::Requeue { tag } => {
            channel
                .basic_nack(BasicNackArguments::new(tag, false, true))
                .await
        }
    }
}

/// The settled tags of a channel: all up to `low`, and the ranges in `above` (first tag to last tag).
///
/// There is an unsettled tag below each range, so there are never more ranges than the prefetch
/// allows unsettled deliveries, even if one delivery takes long.
#[derive(Debug, Default)]
struct AckWindow {
    low: u64,
    above: BTreeMap<u64, u64>,
}

impl AckWindow {
    /// The frames that settle `verdicts`. Requeues come first, so that no `multiple` ack covers
    /// them.
    fn settle(&mut self, verdicts: &[(u64, AckOutcome)]) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(verdicts.len());
        let mut acked = BTreeSet::new();
        for &(tag, verdict) in verdicts {
            if !self.insert(tag) {
                continue;
            }
            match verdict {
                AckOutcome::Ack => _ = acked.insert(tag),
                AckOutcome::Requeue => frames.push(Frame::Requeue { tag }),
            }
        }
        if let Some(last) = self.above.remove(&(self.low + 1)) {
            self.low = last;
        }
        let alone = acked.split_off(&(self.low + 1));
        if let Some(&tag) = acked.last() {
            let multiple = acked.len() > 1;
            frames.push(Frame::Ack { tag, multiple });
        }
        frames.extend(alone.into_iter().map(|tag| Frame::Ack {
            tag,
            multiple: false,
        }));
        frames
    }

    /// Marks a tag as settled; false if it was settled before.
    fn insert(&mut self, tag: u64) -> bool {
        let before = self.above.range(..=tag).next_back();
        let before = before.map(|(first, last)| (*first, *last));
        if tag <= self.low || before.is_some_and(|(_, last)| tag <= last) {
            return false;
        }
        let last = self.above.remove(&tag.saturating_add(1)).unwrap_or(tag);
        let first = match before {
            Some((first, last)) if last + 1 == tag => first,
            _ => tag,
        };
        self.above.insert(first, last);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AckOutcome::{Ack, Requeue};

    #[test]
    fn everything_settled_in_order_is_one_ack() {
        let frames = AckWindow::default().settle(&[(1, Ack), (2, Ack), (3, Ack)]);
        assert_eq!(
            frames,
            [Frame::Ack {
                tag: 3,
                multiple: true
            }]
        );
    }

    #[test]
    fn what_is_settled_out_of_order_is_acked_alone() {
        let mut window = AckWindow::default();
        let frames = window.settle(&[(3, Ack), (2, Ack)]);
        let alone = |tag| Frame::Ack {
            tag,
            multiple: false,
        };
        assert_eq!(frames, [alone(2), alone(3)]);
        assert_eq!(window.settle(&[(1, Ack)]), [alone(1)]);
        let rest = window.settle(&[(4, Ack), (5, Ack)]);
        assert_eq!(
            rest,
            [Frame::Ack {
                tag: 5,
                multiple: true
            }]
        );
    }

    #[test]
    fn a_requeue_is_sent_before_an_ack_that_would_cover_it() {
        let frames = AckWindow::default().settle(&[(1, Ack), (2, Requeue), (3, Ack)]);
        let expected = [
            Frame::Requeue { tag: 2 },
            Frame::Ack {
                tag: 3,
                multiple: true,
            },
        ];
        assert_eq!(frames, expected);
    }

    #[test]
    fn no_tag_is_ever_settled_twice() {
        let mut window = AckWindow::default();
        window.settle(&[(1, Ack), (3, Requeue)]);
        assert_eq!(window.settle(&[(1, Ack), (3, Ack), (3, Requeue)]), []);
    }

    #[test]
    fn one_long_delivery_does_not_make_the_window_grow() {
        let mut window = AckWindow::default();
        let tags = |parity| (2..=10_000_u64).filter(move |tag| tag % 2 == parity);
        for tag in 2..=10_000 {
            assert_eq!(window.settle(&[(tag, Ack)]).len(), 1);
            assert_eq!(window.above.len(), 1);
        }
        assert_eq!(window.settle(&[(5_000, Ack)]), []);
        window.settle(&[(1, Ack)]);
        assert_eq!((window.low, window.above.len()), (10_000, 0));
        let mut window = AckWindow::default();
        for tag in tags(0).chain(tags(1)) {
            assert!(window.insert(tag) && !window.insert(tag));
        }
        assert_eq!(window.above, BTreeMap::from([(2, 10_000)]));
    }

    /// A model of `RabbitMQ`'s rule: an acked tag must be outstanding, `multiple` takes all below.
    #[test]
    fn random_orders_never_break_the_brokers_rule() {
        for round in 0..200 {
            let mut window = AckWindow::default();
            let mut outstanding: BTreeSet<u64> = (1..=100).collect();
            let mut verdicts: Vec<_> = (1..=100_u64)
                .map(|tag| (tag, if tag % 7 == 0 { Requeue } else { Ack }))
                .collect();
            for swap in 0..100 {
                verdicts.swap(swap, rand::random_range(0..100));
            }
            for chunk in verdicts.chunks(1 + round % 9) {
                for frame in window.settle(chunk) {
                    let settled: Vec<u64> = match frame {
                        Frame::Ack {
                            tag,
                            multiple: true,
                        } => {
                            assert!(outstanding.contains(&tag));
                            outstanding.iter().copied().filter(|t| *t <= tag).collect()
                        }
                        Frame::Ack { tag, .. } | Frame::Requeue { tag } => vec![tag],
                    };
                    for tag in settled {
                        assert!(outstanding.remove(&tag), "{tag} settled twice");
                        assert!(verdicts.iter().any(|v| v.0 == tag));
                        let is_requeue = tag % 7 == 0;
                        assert_eq!(is_requeue, matches!(frame, Frame::Requeue { .. }));
                    }
                }
            }
            assert!(outstanding.is_empty());
        }
    }
}
