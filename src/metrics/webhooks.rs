//! Calls of webhooks, which `qtask serve` makes.

use std::sync::LazyLock;

use prometheus_client::registry::Registry;

use super::family::{Counters, counters_from_zero, label};

static CALLS: LazyLock<Counters> =
    LazyLock::new(|| counters_from_zero("outcome", &["delivered", "failed", "given_up"]));

/// Adds the metrics of webhooks.
pub(super) fn register(registry: &mut Registry) {
    registry.register("webhooks", "Calls made for ended tasks", CALLS.clone());
}

/// Records an attempt to call a webhook: `delivered`, `failed` or `given_up`.
pub fn webhook(outcome: &'static str) {
    CALLS.get_or_create(&label("outcome", outcome)).inc();
}
