//! Bodies of requests, checked on their way to what the service works with.

mod batch;
mod check;
mod list;
mod logs;
mod owner;
mod settlement;

pub use batch::BatchSubmission;
pub use check::CheckCircuitRequest;
pub use logs::{Append, AppendLogs};
use owner::Owner;
pub use settlement::{Complete, Fail, Release};
