//! `qtask cancel`: cancels waiting and running tasks.

use clap::Args;
use reqwest::Method;
use uuid::Uuid;

use super::cancel_many::{self, CancelFilterArgs};
use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::ids::OptionalIdArgs;
use super::model::Acknowledgement;
use super::output::Form;
use super::render::paint::Cell;
use super::render::text;
use super::retry_policy::retrying;
use super::selection::ids_or_filters;

/// Cancel tasks
///
/// A task that waits is cancelled at once; the worker of one that runs is told to stop it. Repeating
/// a cancel is no error; cancelling a task that has completed or failed is one.
///
/// Filters select the tasks that have not ended and were submitted before the command. It shows their
/// number, and asks on a terminal.
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: task_id, status, cancel_requested_at, message; with filters, the numbers of
tasks that fit, that are cancelled, and that their workers are being told to stop.

Exit codes: 0 done, 2 usage error, or there is no such task or it has ended, 3 the service cannot be
reached.

Examples:
  qtask cancel 01a1f877-e10b-7243-ba50-5bf875c0c917
  qtask cancel 01a1f877-e10b 01a1f877-e10c-7f3e-9d5b-0c3e8f4d2a11
  qtask cancel --backend aer --status pending --dry-run     # how many fit
  qtask cancel --backend aer --status pending
  qtask cancel --tag nightly --until 2h --yes               # does not ask
  qtask list --name sweep --all | qtask cancel -"
)]
pub struct CancelArgs {
    #[command(flatten)]
    ids: OptionalIdArgs,

    #[command(flatten)]
    filters: CancelFilterArgs,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// Cancels the tasks in turn, or those that the filters select.
pub async fn run(args: &CancelArgs, session: &ClientSession) -> Result<bool, ClientError> {
    ids_or_filters(args.ids.are_given(), !args.filters.is_empty())?;
    if args.ids.are_given() {
        in_turn(args, session).await
    } else {
        cancel_many::run(&args.filters, session).await
    }
}

/// An error for one task does not stop the others.
async fn in_turn(args: &CancelArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let mut refused = None;
    for id in args.ids.resolve(session).await? {
        match cancel(session, id).await {
            Ok(()) => {}
            Err(ClientError::Refused(refusal)) if refusal.status < 500 => {
                let error = ClientError::Refused(refusal);
                session.output.error(&error.lines());
                refused = Some(error.code());
            }
            Err(error) => return Err(error),
        }
    }
    refused.map_or(Ok(true), |code| Err(ClientError::AlreadyReported(code)))
}

async fn cancel(session: &ClientSession, id: Uuid) -> Result<(), ClientError> {
    let (api, output) = (&session.api, &session.output);
    let path = ["tasks", &id.to_string()];
    let request = async || api.fetch(api.request(Method::DELETE, &path, &[])).await;
    let document = retrying(output, request).await?;
    let task: Acknowledgement =
        serde_json::from_str(&document).map_err(|error| api.bad_answer(&error))?;
    match output.form {
        Form::Json => output.json(&document),
        Form::Columns => {
            let asked = task.cancel_requested_at.as_deref().unwrap_or_default();
            output.columns(&[&task.task_id, &task.status, asked, &task.message])
        }
        Form::Human => output.line(&format!(
            "{}  {}  {}",
            text::line(&task.task_id),
            Cell::status(&task.status).show(output.paint),
            text::line(&task.message)
        )),
    }
}
