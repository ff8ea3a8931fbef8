//! `qtask drain` and `qtask undrain`: let a worker finish its tasks and claim no more, or claim again.

use std::time::Duration;

use clap::Args;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::model::WorkerInfo;
use super::render::text;
use super::retry_policy::{RetryPolicy, retrying};
use super::workers;

/// How often the tasks of a draining worker are read. A claim that began before the drain has committed by then.
const POLL: Duration = Duration::from_millis(500);

/// Drain a worker: it finishes its tasks and claims no more
///
/// Use it before the worker's machine is serviced, when tasks run too long to be interrupted. The drain lasts until `qtask
/// undrain`, or until the worker restarts. To stop all tasks of a backend instead, on all of its workers: `qtask pause BACKEND`.
#[derive(Debug, Args)]
#[command(after_help = "The answer is the worker, as `qtask workers` shows it.

Exit codes: 0 done, 2 usage error or there is no such worker, 3 the service cannot be reached.

Examples:
  qtask drain lab-1
  qtask drain lab-1 --wait      # until its machine can be serviced
  qtask undrain lab-1")]
pub struct DrainArgs {
    /// The worker's name
    #[arg(value_name = "WORKER")]
    worker: String,

    /// Wait until the worker runs no task any more
    #[arg(long)]
    wait: bool,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// End the drain of a worker: it claims tasks again
///
/// A quarantine stays: `qtask workers resume` ends both.
#[derive(Debug, Args)]
#[command(after_help = "The answer is the worker, as `qtask workers` shows it.

Exit codes: 0 done, 2 usage error or there is no such worker, 3 the service cannot be reached.

Example:
  qtask undrain lab-1")]
pub struct UndrainArgs {
    /// The worker's name
    #[arg(value_name = "WORKER")]
    worker: String,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// Drains a worker, and waits for its last task if requested.
pub async fn drain(args: &DrainArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let mut document = set(session, &args.worker, true).await?;
    if args.wait {
        document = wait_idle(session, &args.worker).await?;
    }
    workers::show_one(session, &document)?;
    Ok(true)
}

/// Ends the drain of a worker.
pub async fn undrain(args: &UndrainArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let document = set(session, &args.worker, false).await?;
    workers::show_one(session, &document)?;
    Ok(true)
}

async fn set(session: &ClientSession, name: &str, draining: bool) -> Result<String, ClientError> {
    let api = &session.api;
    let body = json!({"draining": draining}).to_string();
    let request = async || {
        let request = api.request(Method::POST, &["workers", name, "drain"], &[]);
        let request = request.header(CONTENT_TYPE, "application/json");
        api.fetch(request.body(body.clone())).await
    };
    retrying(&session.output, request).await
}

/// Waits until the worker runs no task, and returns it.
async fn wait_idle(session: &ClientSession, name: &str) -> Result<String, ClientError> {
    let (api, output) = (&session.api, &session.output);
    let mut policy = RetryPolicy::default();
    let mut shown = None;
    loop {
        tokio::time::sleep(POLL).await;
        let document = match api.get(&["workers", name], &[]).await {
            Ok(document) => document,
            Err(error) => {
                policy.wait_or_fail(output, error).await?;
                continue;
            }
        };
        policy.restore();
        let worker: WorkerInfo =
            serde_json::from_str(&document).map_err(|error| api.bad_answer(&error))?;
        let running = worker.current_tasks.len();
        if running == 0 {
            return Ok(document);
        }
        if shown != Some(running) {
            let tasks = text::count(running, "task");
            output.note(&format!("{} still runs {tasks}.", text::line(name)));
            shown = Some(running);
        }
    }
}
