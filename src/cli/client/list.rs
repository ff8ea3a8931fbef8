//! `qtask list`: lists tasks by filters.

use clap::Args;
use serde_json::Value;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::model::{Task, is_terminal};
use super::numbers::whole;
use super::output::Form;
use super::raw_json::Page;
use super::render::paint::Cell;
use super::render::table::{Column, Layout};
use super::render::time_format::now;
use super::render::{text, time_format};
use super::retry_policy::retrying;
use crate::domain::status::Status;

/// Maximum page size of the service.
const LONGEST_PAGE: usize = 100;
/// Default number of listed tasks.
const DEFAULT_LIMIT: usize = 20;

const COLUMNS: &[Column] = &[
    Column::new("ID"),
    Column::new("STATUS"),
    Column::new("NAME").flexible().spare(2),
    Column::new("WORK").flexible().spare(4),
    Column::new("BACKEND").spare(6),
    Column::new("WORKER").flexible().spare(5),
    Column::new("AGE").right().spare(1),
    Column::new("RAN").right().spare(3),
];

/// List tasks, newest first
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: task_id, status, kind, backend, name, problem_id, shots, priority,
attempt, submitted_at, started_at, completed_at, worker_id, tags (with commas between),
error_code, error_message, `paused` if it waits for its paused backend, project.
To cancel all that wait:
  qtask list --status pending --all | qtask cancel -

Exit codes: 0 done, 2 usage error, 3 the service cannot be reached.

Examples:
  qtask list --status processing
  qtask list --status failed --after 24h --all
  qtask list --tag nightly --sort priority --limit 50
  qtask list --all --json                           # one document on each line"
)]
pub struct ListArgs {
    /// Only tasks in this status; repeat it for several, or write commas between
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = Status::ALL.map(Status::as_str))]
    status: Vec<String>,

    /// Only circuits, or only problems
    #[arg(long, value_name = "KIND", value_parser = ["circuit", "problem"])]
    kind: Option<String>,

    /// Only tasks of this backend
    #[arg(long, short, value_name = "NAME")]
    backend: Option<String>,

    /// Only tasks of this project
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

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

    /// Only tasks with this error code
    #[arg(long, value_name = "CODE")]
    error_code: Option<String>,

    /// Only tasks submitted after this time, or within the last 10m, 2h, 3days
    #[arg(long, alias = "submitted-after", value_name = "TIME", value_parser = time_format::given)]
    after: Option<String>,

    /// Only tasks submitted before this time
    #[arg(long, alias = "submitted-before", value_name = "TIME", value_parser = time_format::given)]
    before: Option<String>,

    /// The order; with - the highest or latest first
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true, value_parser = ["submitted_at", "-submitted_at", "priority", "-priority"])]
    sort: Option<String>,

    /// How many, at most (20)
    #[arg(long, short, value_name = "N", conflicts_with = "all", value_parser = whole)]
    limit: Option<u64>,

    /// All there are
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    pub common: CommonArgs,
}

impl ListArgs {
    fn filters(&self) -> Vec<(&'static str, String)> {
        let statuses = self
            .status
            .iter()
            .map(|status| ("status", Some(status.clone())));
        let tags = self.tags.iter().map(|tag| ("tag", Some(tag.clone())));
        let single = [
            ("kind", self.kind.clone()),
            ("backend", self.backend.clone()),
            ("project", self.project.clone()),
            ("problem_id", self.problem.clone()),
            ("worker_id", self.worker.clone()),
            ("name", self.name.clone()),
            ("error_code", self.error_code.clone()),
            ("submitted_after", self.after.clone()),
            ("submitted_before", self.before.clone()),
            ("sort", self.sort.clone()),
        ];
        let all = statuses.chain(tags).chain(single);
        all.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// Lists the tasks, page by page.
pub async fn run(args: &ListArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let mut left = if args.all {
        usize::MAX
    } else {
        args.limit.map_or(DEFAULT_LIMIT, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        })
    };
    let mut shown = ListedTask::default();
    let mut cursor = None;
    while left > 0 {
        let mut query = args.filters();
        query.push(("limit", left.min(LONGEST_PAGE).to_string()));
        query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
        let (api, output) = (&session.api, &session.output);
        let document = retrying(output, async || api.get(&["tasks"], &query).await).await?;
        let page = Page::parse(&document).map_err(|error| api.bad_answer(&error))?;
        shown.page(session, &page)?;
        left = left.saturating_sub(page.items.len());
        let next = page.next;
        // An empty page or a repeated cursor would make the loop endless.
        if next.is_none() || next == cursor || page.items.is_empty() {
            cursor = None;
            break;
        }
        cursor = next;
    }
    shown.end(session, cursor.is_some());
    Ok(true)
}

/// The state of the listing.
#[derive(Default)]
struct ListedTask {
    count: usize,
    layout: Option<Layout>,
}

impl ListedTask {
    fn page(&mut self, session: &ClientSession, page: &Page) -> Result<(), ClientError> {
        let output = &session.output;
        self.count += page.items.len();
        if output.form == Form::Json {
            return page.items.iter().try_for_each(|task| output.json(task));
        }
        let tasks: Vec<Task> = page
            .read()
            .map_err(|error| session.api.bad_answer(&error))?;
        if output.form == Form::Columns {
            return tasks.iter().map(listed_values).try_for_each(|values| {
                output.columns(&values.iter().map(String::as_str).collect::<Vec<_>>())
            });
        }
        let rows: Vec<Vec<Cell>> = tasks.iter().map(row).collect();
        if self.layout.is_none() && !rows.is_empty() {
            let layout = Layout::new(COLUMNS, &rows, output.width);
            output.line(&layout.header(output.paint))?;
            self.layout = Some(layout);
        }
        let lines = self
            .layout
            .iter()
            .flat_map(|layout| rows.iter().map(|row| layout.row(row, output.paint)));
        output.lines(&lines.collect::<Vec<_>>())
    }

    fn end(&self, session: &ClientSession, more: bool) {
        let output = &session.output;
        if output.form == Form::Human && self.count == 0 {
            output.note("No task fits.");
        } else if output.form == Form::Human && more {
            let count = text::count(self.count, "task");
            output.note(&format!(
                "{count} shown, and there are more: --limit N or --all shows them."
            ));
        }
    }
}

/// The columns of a task in a pipe; the help documents their order, which must not change.
pub fn values(task: &Task) -> Vec<String> {
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        task.task_id.clone(),
        task.status.clone(),
        task.kind().to_owned(),
        task.backend.clone(),
        some(&task.name),
        some(&task.problem_id),
        number(task.shots),
        task.priority.to_string(),
        task.attempt.to_string(),
        some(&task.submitted_at),
        some(&task.started_at),
        some(&task.completed_at),
        some(&task.worker_id),
        task.tags.join(","),
        some(&task.error_code),
        some(&task.error_message),
    ]
}

/// The columns of a task in a list: those of [`values`], and what only a list has behind them.
fn listed_values(task: &Task) -> Vec<String> {
    let mut values = values(task);
    let paused = if task.backend_paused { "paused" } else { "" };
    values.push(paused.to_owned());
    values.push(task.project.clone());
    values
}

/// The execution details, as JSON; empty before the task is terminal.
pub fn execution(task: &Task) -> String {
    if task.execution.is_empty() {
        return String::new();
    }
    Value::from(task.execution.clone()).to_string()
}

/// The status, with a mark if the task waits for its paused backend.
fn status(task: &Task) -> Cell {
    let status = Cell::status(&task.status);
    if task.backend_paused {
        status.with_text(format!("{} (paused)", status.text()))
    } else {
        status
    }
}

fn row(task: &Task) -> Vec<Cell> {
    let now = now();
    let submitted = time_format::parse_some(task.submitted_at.as_ref());
    let started = time_format::parse_some(task.started_at.as_ref());
    let completed = time_format::parse_some(task.completed_at.as_ref());
    let ended = completed.or((!is_terminal(&task.status)).then_some(now));
    let running = task.status == "processing" || completed.is_some();
    let took = started.zip(ended).filter(|_| running);
    let work = match (&task.problem_id, task.shots) {
        (Some(problem), _) => problem.clone(),
        (None, Some(shots)) => text::count(shots, "shot"),
        (None, None) => String::new(),
    };
    vec![
        task.task_id.as_str().into(),
        status(task),
        task.name.as_deref().unwrap_or_default().into(),
        work.into(),
        task.backend.as_str().into(),
        task.worker_id.as_deref().unwrap_or_default().into(),
        submitted
            .map(|time| time_format::age(now - time))
            .unwrap_or_default()
            .into(),
        took.map(|(from, to)| time_format::duration(to - from))
            .unwrap_or_default()
            .into(),
    ]
}
