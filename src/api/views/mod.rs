//! What answers look like; one file for each group of paths.

mod dry_run;
mod fleet;
mod health;
mod logs;
mod submitted;
mod tasks;
mod times;
mod writes;

pub use dry_run::DryRun;
pub use fleet::{
    BackendPage, BackendView, ClaimedPage, ClaimedTask, HeartbeatView, RegisteredView, WorkerPage,
    WorkerView,
};
pub use health::{Health, HealthView, QueueName, QueueStatus};
pub use logs::{LogPage, LogView};
pub use submitted::{BatchSubmitted, Submitted};
pub use tasks::{HistoryView, TaskOverview, TaskPage, TaskView};
pub use writes::{CancelView, SettledView};
