//! The use of the connection pools.

use deadpool::Status;

/// The use of one pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolUsage {
    /// The name of the pool: `write`, `read` or `control`.
    pub pool: &'static str,
    /// The most connections.
    pub max: usize,
    /// Open connections.
    pub open: usize,
    /// Connections that run a statement.
    pub in_use: usize,
    /// Statements that wait for a connection.
    pub waiting: usize,
}

impl PoolUsage {
    pub(super) fn new(pool: &'static str, status: Status) -> Self {
        Self {
            pool,
            max: status.max_size,
            open: status.size,
            in_use: status.size.saturating_sub(status.available),
            waiting: status.waiting,
        }
    }
}
