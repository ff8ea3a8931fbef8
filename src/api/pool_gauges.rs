//! Gauges of the connections to PostgreSQL.

use crate::metrics::Gauges;
use crate::store::{PoolUsage, Store};

/// Adds the use of the connection pools.
pub fn with_pools(gauges: Gauges, store: &Store) -> Gauges {
    store.pool_usage().iter().fold(gauges, with_pool)
}

fn with_pool(gauges: Gauges, usage: &PoolUsage) -> Gauges {
    [
        (
            "database_pool_max_connections",
            "The most connections of a pool",
            usage.max,
        ),
        (
            "database_pool_connections",
            "Open connections of a pool",
            usage.open,
        ),
        (
            "database_pool_in_use",
            "Connections that run a statement",
            usage.in_use,
        ),
        (
            "database_pool_waiting",
            "Statements that wait for a connection",
            usage.waiting,
        ),
    ]
    .into_iter()
    .fold(gauges, |gauges, (name, help, count)| {
        gauges.with_label(name, help, ("pool", usage.pool), count_f64(count))
    })
}

/// A count as the value of a gauge.
pub(super) fn count_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
