//! Bodies of responses; one file for each group of paths.

mod backends;
mod claimed_tasks;
mod dry_run;
mod health;
mod logs;
mod many;
mod problems;
mod prune;
mod submitted;
mod task;
mod tasks;
mod times;
mod tokens;
mod workers;
mod writes;

pub use backends::{BackendPage, BackendPauseView, BackendView};
pub use claimed_tasks::{ClaimedPage, ClaimedTask};
pub use dry_run::DryRun;
pub use health::{Health, HealthView, QueueName, QueueStatus};
pub use logs::{LogPage, LogView};
pub use many::{CancelledView, RerunPage, RerunView};
pub use problems::{
    BackendErrors, BodyErrors, OwnerErrors, QueryErrors, ReadErrors, SubmissionErrors, TaskErrors,
    WorkerErrors, WriteErrors,
};
pub use prune::PruneView;
pub use submitted::{BatchSubmitted, Submitted};
pub use task::{HistoryView, TaskView};
pub use tasks::{TaskOverview, TaskPage};
pub use tokens::{CreatedTokenView, TokenPage, TokenView};
pub use workers::{HeartbeatView, RegisteredView, WorkerPage, WorkerView};
pub use writes::{CancelView, SettledView};
