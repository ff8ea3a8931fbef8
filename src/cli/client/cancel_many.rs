//! `qtask cancel` with filters: shows how many tasks fit, asks, and cancels them page by page.

use clap::Args;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::common::ClientSession;
use super::confirm::confirm;
use super::error::ClientError;
use super::model::CancelledPage;
use super::output::Form;
use super::progress::Progress;
use super::render::text;
use super::retry_policy::retrying;
use super::selection::SelectionArgs;

/// The statuses in which a task can be cancelled.
const OPEN: [&str; 3] = ["pending", "retrying", "processing"];

/// The filters of `qtask cancel`.
#[derive(Debug, Clone, Args)]
pub struct CancelFilterArgs {
    /// Only show how many tasks fit
    #[arg(long)]
    dry_run: bool,

    /// Do not ask before the tasks are cancelled
    #[arg(long, short)]
    yes: bool,

    /// Only tasks in this status; repeat it for several, or write commas between
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = OPEN, help_heading = "Filters instead of ids")]
    status: Vec<String>,

    #[command(flatten)]
    selection: SelectionArgs,
}

impl CancelFilterArgs {
    /// Whether no filter is given.
    pub const fn is_empty(&self) -> bool {
        self.status.is_empty() && self.selection.is_empty()
    }

    fn filter(&self) -> Value {
        let statuses = if self.status.is_empty() {
            OPEN.map(str::to_owned).to_vec()
        } else {
            self.status.clone()
        };
        self.selection.filter(&statuses)
    }
}

/// Counts the tasks, asks, and cancels them.
pub async fn run(args: &CancelFilterArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let output = &session.output;
    let mut counted = Series::new(args.filter(), true);
    while counted.next(session).await? {}
    let matched = text::count(counted.total.matched, "task");
    if args.dry_run {
        counted.show(session)?;
        return Ok(true);
    }
    if counted.total.matched == 0 {
        output.note("No task fits.");
        return Ok(true);
    }
    if !confirm(output, &format!("{matched} will be cancelled."), args.yes).await? {
        return Ok(true);
    }
    // Tasks that were submitted after the count are left alone.
    let mut series = Series::new(args.filter(), false);
    series.total.as_of.clone_from(&counted.total.as_of);
    let progress = Progress::new(output, true);
    while series.next(session).await? {
        let done = series.total.matched.min(counted.total.matched);
        let done = usize::try_from(done).unwrap_or(usize::MAX);
        let total = usize::try_from(counted.total.matched).unwrap_or(usize::MAX);
        progress.show(done, 0, total, "cancelled");
    }
    drop(progress);
    series.show(session)?;
    Ok(true)
}

/// A series of requests with the same filter.
struct Series {
    filter: Value,
    dry_run: bool,
    total: CancelledPage,
}

impl Series {
    fn new(filter: Value, dry_run: bool) -> Self {
        Self {
            filter,
            dry_run,
            total: CancelledPage::default(),
        }
    }

    /// Sends the next request. False after the last one.
    async fn next(&mut self, session: &ClientSession) -> Result<bool, ClientError> {
        let (api, output) = (&session.api, &session.output);
        let total = &mut self.total;
        let body = json!({
            "filter": self.filter, "dry_run": self.dry_run,
            "as_of": total.as_of, "after": total.next_after,
        });
        let request = async || {
            let request = api.request(Method::POST, &["tasks", "cancel"], &[]);
            let request = request.header(CONTENT_TYPE, "application/json");
            api.fetch(request.body(body.to_string())).await
        };
        let document = retrying(output, request).await?;
        let page: CancelledPage =
            serde_json::from_str(&document).map_err(|error| api.bad_answer(&error))?;
        // A repeated position would make the series endless.
        let goes_on = page.next_after.is_some() && page.next_after != total.next_after;
        total.matched += page.matched;
        total.cancelled += page.cancelled;
        total.cancel_requested += page.cancel_requested;
        total.as_of = page.as_of;
        total.next_after = page.next_after;
        Ok(goes_on)
    }

    fn show(&self, session: &ClientSession) -> Result<(), ClientError> {
        let (output, total) = (&session.output, &self.total);
        match output.form {
            Form::Json => output.json(
                &json!({
                    "dry_run": self.dry_run, "matched": total.matched, "cancelled": total.cancelled,
                    "cancel_requested": total.cancel_requested, "as_of": total.as_of,
                })
                .to_string(),
            ),
            Form::Columns => output.columns(&[
                &total.matched.to_string(),
                &total.cancelled.to_string(),
                &total.cancel_requested.to_string(),
            ]),
            Form::Human if self.dry_run => output.line(&format!(
                "{} would be cancelled.",
                text::count(total.matched, "task")
            )),
            Form::Human => output.line(&format!(
                "{} cancelled, {} being stopped by their workers.",
                text::count(total.cancelled, "task"),
                text::thousands(total.cancel_requested)
            )),
        }
    }
}
