//! The response to a prune.

use serde::Serialize;
use utoipa::ToSchema;

/// What one step of a prune deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct PruneView {
    /// The number of tasks that were deleted; with `dry_run`, the number that would be.
    pub tasks: u64,
    /// Whether the tasks were only counted.
    pub dry_run: bool,
    /// The `cursor` of the next request; null when all tasks were read.
    pub next_cursor: Option<String>,
}
