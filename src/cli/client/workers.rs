//! `qtask workers`: lists the workers, drains or resumes one of them.

use clap::{Args, Subcommand};
use reqwest::Method;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::model::WorkerInfo;
use super::output::Form;
use super::raw_json::Page;
use super::render::paint::{Cell, Colour};
use super::render::table::Column;
use super::render::text;
use super::render::time_format;
use super::render::time_format::now;

const COLUMNS: &[Column] = &[
    Column::new("WORKER"),
    Column::new("STATUS"),
    Column::new("BACKENDS").flexible(),
    Column::new("RUNNING").right(),
    Column::new("COMPLETED").right().spare(2),
    Column::new("FAILED").right().spare(2),
    Column::new("SEEN").right().spare(1),
    Column::new("SINCE").right().spare(4),
    Column::new("NOTE").flexible().spare(3),
];

/// List the workers
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "In a pipe, tabs between: worker_id, status, draining, backends (with commas between), number of running
tasks, tasks_completed, tasks_failed, registered_at, last_heartbeat_at, not_ready_reason.

Exit codes: 0 done, 2 usage error, 3 the service cannot be reached.

Examples:
  qtask workers
  qtask workers --status idle --status busy --backend simulator
  qtask workers resume lab-1
  qtask workers --json"
)]
pub struct WorkersArgs {
    /// Only workers in this status; repeat it for several
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = ["idle", "busy", "offline"])]
    status: Vec<String>,

    /// Only workers that serve this backend
    #[arg(long, short, value_name = "NAME")]
    backend: Option<String>,

    #[command(flatten)]
    common: CommonArgs,

    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    Resume(ResumeArgs),
}

/// Let a worker take tasks again: ends its quarantine and its drain
#[derive(Debug, Args)]
#[command(after_help = "Example:
  qtask workers resume lab-1")]
struct ResumeArgs {
    /// The worker's name
    #[arg(value_name = "NAME")]
    name: String,

    #[command(flatten)]
    common: CommonArgs,
}

impl WorkersArgs {
    /// How to reach the service.
    pub fn common(&self) -> &CommonArgs {
        match &self.action {
            Some(Action::Resume(args)) => &args.common,
            None => &self.common,
        }
    }
}

/// Shows the workers, or changes one.
pub async fn run(args: &WorkersArgs, session: &ClientSession) -> Result<bool, ClientError> {
    match &args.action {
        Some(Action::Resume(args)) => resume(&args.name, session).await,
        None => list(args, session).await,
    }
}

async fn resume(name: &str, session: &ClientSession) -> Result<bool, ClientError> {
    let api = &session.api;
    let request = api.request(Method::POST, &["workers", name, "resume"], &[]);
    let document = api.fetch(request).await?;
    show_one(session, &document)?;
    Ok(true)
}

/// Shows the worker of the API's document.
pub fn show_one(session: &ClientSession, document: &str) -> Result<(), ClientError> {
    let (api, output) = (&session.api, &session.output);
    let worker = serde_json::from_str(document).map_err(|error| api.bad_answer(&error))?;
    match output.form {
        Form::Json => output.json(document),
        Form::Columns => columns(session, &worker),
        Form::Human => output.table(COLUMNS, &[row(&worker)]),
    }
}

async fn list(args: &WorkersArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let statuses = args.status.iter().map(|status| ("status", status.clone()));
    let backend = args.backend.clone().map(|backend| ("backend", backend));
    let query: Vec<_> = statuses.chain(backend).collect();
    let mut shown = ListedWorker::default();
    let mut cursor: Option<String> = None;
    loop {
        let next = cursor.iter().map(|cursor| ("cursor", cursor.clone()));
        let query: Vec<_> = query.iter().cloned().chain(next).collect();
        let document = session.api.get(&["workers"], &query).await?;
        let next = shown.page(session, &document)?;
        // A repeated cursor would make the loop endless.
        if next.is_none() || next == cursor {
            break;
        }
        cursor = next;
    }
    shown.end(session)
}

/// The rows of the pages so far: a table is drawn when it is complete.
#[derive(Default)]
struct ListedWorker {
    workers: Vec<WorkerInfo>,
}

impl ListedWorker {
    /// Shows a page or collects it, and returns the cursor of the next one.
    fn page(
        &mut self,
        session: &ClientSession,
        document: &str,
    ) -> Result<Option<String>, ClientError> {
        let (api, output) = (&session.api, &session.output);
        let page = Page::parse(document).map_err(|error| api.bad_answer(&error))?;
        if output.form == Form::Json {
            page.items.iter().try_for_each(|item| output.json(item))?;
            return Ok(page.next);
        }
        let workers: Vec<WorkerInfo> = page.read().map_err(|error| api.bad_answer(&error))?;
        if output.form == Form::Columns {
            workers
                .iter()
                .try_for_each(|worker| columns(session, worker))?;
        } else {
            self.workers.extend(workers);
        }
        Ok(page.next)
    }

    fn end(&self, session: &ClientSession) -> Result<bool, ClientError> {
        let output = &session.output;
        if matches!(output.form, Form::Json | Form::Columns) {
            return Ok(true);
        }
        if self.workers.is_empty() {
            output.note("No worker fits.");
        } else {
            output.table(COLUMNS, &self.workers.iter().map(row).collect::<Vec<_>>())?;
        }
        Ok(true)
    }
}

fn columns(session: &ClientSession, worker: &WorkerInfo) -> Result<(), ClientError> {
    session.output.columns(&[
        &worker.worker_id,
        &worker.status,
        if worker.draining { "draining" } else { "" },
        &worker.backends.join(","),
        &worker.current_tasks.len().to_string(),
        &worker.tasks_completed.to_string(),
        &worker.tasks_failed.to_string(),
        worker.registered_at.as_deref().unwrap_or_default(),
        worker.last_heartbeat_at.as_deref().unwrap_or_default(),
        worker.not_ready_reason.as_deref().unwrap_or_default(),
    ])
}

fn row(worker: &WorkerInfo) -> Vec<Cell> {
    let ago = |time: Option<&String>| {
        let time = time_format::parse_some(time);
        Cell::from(
            time.map(|time| time_format::age(now() - time))
                .unwrap_or_default(),
        )
    };
    let note = match (&worker.not_ready_reason, worker.draining) {
        (Some(not_ready_reason), _) => not_ready_reason.as_str(),
        (None, true) => "draining",
        (None, false) => "",
    };
    vec![
        worker.worker_id.as_str().into(),
        Cell::status(&worker.status),
        worker.backends.join(", ").into(),
        worker.current_tasks.len().to_string().into(),
        text::thousands(worker.tasks_completed).into(),
        text::thousands(worker.tasks_failed).into(),
        ago(worker.last_heartbeat_at.as_ref()),
        ago(worker.registered_at.as_ref()),
        Cell::coloured(note, Colour::Yellow),
    ]
}
