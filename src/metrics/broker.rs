//! The connections to RabbitMQ, and the messages published to it.

use std::sync::LazyLock;

use prometheus_client::encoding::EncodeMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::family::{Counters, GaugeValue, GaugeValues, counters_from_zero, flag, label};

static METRICS: LazyLock<BrokerMetrics> = LazyLock::new(BrokerMetrics::new);

struct BrokerMetrics {
    connected: GaugeValues,
    blocked: GaugeValue,
    disconnects: Counters,
    unconfirmed: GaugeValue,
    published: Counters,
    returned: Counter,
    republished: Counters,
}

impl BrokerMetrics {
    fn new() -> Self {
        Self {
            connected: GaugeValues::default(),
            blocked: GaugeValue::default(),
            disconnects: Counters::default(),
            unconfirmed: GaugeValue::default(),
            published: counters_from_zero(
                "outcome",
                &[
                    "confirmed",
                    "unroutable",
                    "rejected",
                    "unconfirmed",
                    "unsent",
                ],
            ),
            returned: Counter::default(),
            republished: counters_from_zero("reason", &["due", "missing", "aged"]),
        }
    }
}

/// Whether this process has a connection to a broker.
pub(super) fn is_used() -> bool {
    !METRICS.connected.is_empty()
}

/// Adds the metrics of the broker.
pub(super) fn register(registry: &mut Registry) {
    let m = &*METRICS;
    registry.register(
        "broker_connected",
        "Whether the connection to RabbitMQ works",
        m.connected.clone(),
    );
    registry.register(
        "broker_blocked",
        "Whether RabbitMQ is connected and takes no messages",
        m.blocked.clone(),
    );
    registry.register(
        "broker_disconnects",
        "Connections to RabbitMQ that were lost or could not be opened",
        m.disconnects.clone(),
    );
    registry.register(
        "broker_unconfirmed_messages",
        "Messages that were sent and are not confirmed yet",
        m.unconfirmed.clone(),
    );
    registry.register(
        "broker_messages",
        "Messages to publish, by their outcome",
        m.published.clone(),
    );
    registry.register(
        "broker_messages_returned",
        "Messages that RabbitMQ returned because their queue did not exist",
        m.returned.clone(),
    );
    registry.register(
        "broker_messages_republished",
        "Messages that the sweep published for waiting tasks",
        m.republished.clone(),
    );
}

/// Records whether a connection to the broker works, that of the `publisher` or of the `consumer`.
pub fn broker_connected(link: &'static str, is_connected: bool) {
    let (m, labels) = (&*METRICS, label("link", link));
    m.connected.get_or_create(&labels).set(flag(is_connected));
    // So that the counter of this link begins at 0.
    drop(m.disconnects.get_or_create(&labels));
}

/// Records that a connection was closed on purpose: its absence is no fault.
pub fn broker_closed(link: &'static str) {
    METRICS.connected.remove(&label("link", link));
}

/// Records a connection that was lost or could not be opened.
pub fn broker_disconnected(link: &'static str) {
    broker_connected(link, false);
    METRICS
        .disconnects
        .get_or_create(&label("link", link))
        .inc();
}

/// Records whether the broker is connected and takes no messages.
pub fn broker_blocked(is_blocked: bool) {
    METRICS.blocked.set(flag(is_blocked));
}

/// Records the number of messages that were sent and are not confirmed.
pub fn broker_unconfirmed(messages: usize) {
    METRICS
        .unconfirmed
        .set(f64::from(u32::try_from(messages).unwrap_or(u32::MAX)));
}

/// Records the outcome of publishing a message: `confirmed`, `unroutable`, `rejected`, `unconfirmed` or `unsent`.
pub fn message_published(outcome: &'static str) {
    METRICS
        .published
        .get_or_create(&label("outcome", outcome))
        .inc();
}

/// Records messages that the broker returned: no queue took them.
pub fn messages_returned(count: usize) {
    METRICS.returned.inc_by(count as u64);
}

/// Records messages that the sweep published: for tasks that are `due`, whose message is `missing`, or that have `aged`.
pub fn messages_republished(reason: &'static str, count: usize) {
    METRICS
        .republished
        .get_or_create(&label("reason", reason))
        .inc_by(count as u64);
}
