//! The filters of commands about many tasks, and the requests that change them page by page.

use clap::Args;
use serde_json::{Value, json};

use super::error::ClientError;
use super::render::time_format;

/// Which tasks, if no ids are given
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters instead of ids")]
pub struct SelectionArgs {
    /// Only tasks of this backend
    #[arg(long, short, value_name = "NAME")]
    backend: Option<String>,

    /// Only tasks for this benchmark problem
    #[arg(long, value_name = "ID")]
    problem: Option<String>,

    /// Only tasks that this worker runs, or ran last
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,

    /// Only tasks with this tag; repeat it for those that have all of several
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Only tasks of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Only tasks submitted after this time, or within the last 10m, 2h, 3days
    #[arg(long, alias = "submitted-after", alias = "after", value_name = "TIME", value_parser = time_format::given)]
    since: Option<String>,

    /// Only tasks submitted before this time
    #[arg(long, alias = "submitted-before", alias = "before", value_name = "TIME", value_parser = time_format::given)]
    until: Option<String>,
}

impl SelectionArgs {
    /// Whether no filter is given.
    pub const fn is_empty(&self) -> bool {
        self.backend.is_none()
            && self.problem.is_none()
            && self.worker.is_none()
            && self.tags.is_empty()
            && self.name.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    /// The filter of the API for these statuses.
    pub fn filter(&self, statuses: &[String]) -> Value {
        json!({
            "status": statuses,
            "backend": self.backend,
            "problem_id": self.problem,
            "worker_id": self.worker,
            "name": self.name,
            "tags": self.tags,
            "submitted_after": self.since,
            "submitted_before": self.until,
        })
    }
}

/// Refuses ids together with filters, and neither of both.
pub fn ids_or_filters(has_ids: bool, has_filters: bool) -> Result<(), ClientError> {
    match (has_ids, has_filters) {
        (true, true) => Err(ClientError::Usage(
            "give ids or filters, not both".to_owned(),
        )),
        (false, false) => Err(ClientError::Usage(
            "give ids, or filters such as --backend and --status".to_owned(),
        )),
        _ => Ok(()),
    }
}
