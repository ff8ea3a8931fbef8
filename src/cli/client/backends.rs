//! `qtask backends`: lists the backends and how long their tasks wait.

use clap::Args;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::model::{Backend, PauseInfo};
use super::output::Form;
use super::raw_json::Page;
use super::render::paint::{Cell, Colour};
use super::render::table::Column;
use super::render::time_format::now;
use super::render::{text, time_format};

const COLUMNS: &[Column] = &[
    Column::new("BACKEND"),
    Column::new("WORKERS").right(),
    Column::new("WAITING").right(),
    Column::new("RUNNING").right(),
    Column::new("OLDEST").right().spare(2),
    Column::new("TYPICAL RUN").right().spare(3),
    Column::new("EXPECTED WAIT").right().spare(1),
    Column::new("NOTE").flexible(),
];

/// List the backends: their workers, queues and waits
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: backend, workers_online, waiting, running, oldest_wait_seconds,
median_run_seconds, estimated_wait_seconds, since when it is paused, and why; what is not known is
empty.

Exit codes: 0 done, 2 usage error, 3 the service cannot be reached.

Examples:
  qtask backends
  qtask backends --json"
)]
pub struct BackendsArgs {
    #[command(flatten)]
    pub common: CommonArgs,
}

/// Shows the backends.
pub async fn run(session: &ClientSession) -> Result<bool, ClientError> {
    let (api, output) = (&session.api, &session.output);
    let mut backends: Vec<Backend> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let query: Vec<_> = cursor.iter().map(|it| ("cursor", it.clone())).collect();
        let document = api.get(&["backends"], &query).await?;
        let page = Page::parse(&document).map_err(|error| api.bad_answer(&error))?;
        if output.form == Form::Json {
            page.items.iter().try_for_each(|item| output.json(item))?;
        } else {
            backends.extend(
                page.read::<Backend>()
                    .map_err(|error| api.bad_answer(&error))?,
            );
        }
        // A repeated cursor would make the loop endless.
        if page.next.is_none() || page.next == cursor {
            break;
        }
        cursor = page.next;
    }
    match output.form {
        Form::Json => {}
        Form::Columns => backends
            .iter()
            .try_for_each(|backend| columns(session, backend))?,
        Form::Human if backends.is_empty() => {
            output.note("No backend is known yet: none has been served.");
        }
        Form::Human => output.table(COLUMNS, &backends.iter().map(row).collect::<Vec<_>>())?,
    }
    Ok(true)
}

fn columns(session: &ClientSession, backend: &Backend) -> Result<(), ClientError> {
    let known = |seconds: Option<f64>| {
        seconds
            .map(|seconds| seconds.to_string())
            .unwrap_or_default()
    };
    let pause = backend.pause.as_ref();
    session.output.columns(&[
        &backend.backend,
        &backend.workers_online.to_string(),
        &backend.waiting.to_string(),
        &backend.running.to_string(),
        &known(backend.oldest_wait_seconds),
        &known(backend.median_run_seconds),
        &known(backend.estimated_wait_seconds),
        pause.map(|pause| &*pause.since).unwrap_or_default(),
        pause
            .and_then(|pause| pause.reason.as_deref())
            .unwrap_or_default(),
    ])
}

fn row(backend: &Backend) -> Vec<Cell> {
    let known =
        |seconds: Option<f64>| Cell::from(seconds.map(time_format::seconds).unwrap_or_default());
    let workers = backend.workers_online.to_string();
    vec![
        backend.backend.as_str().into(),
        // Tasks wait, but no worker is online.
        if backend.workers_online == 0 && backend.waiting > 0 {
            Cell::coloured(&workers, Colour::Red)
        } else {
            workers.into()
        },
        text::thousands(backend.waiting).into(),
        text::thousands(backend.running).into(),
        known(backend.oldest_wait_seconds),
        known(backend.median_run_seconds),
        known(backend.estimated_wait_seconds),
        backend.pause.as_ref().map(note).unwrap_or_default(),
    ]
}

/// That the backend is paused, for how long, by whom and why.
fn note(pause: &PauseInfo) -> Cell {
    let since = time_format::parse_some(Some(&pause.since));
    let age = since.map(|since| format!(" for {}", time_format::age(now() - since)));
    let by = pause.by.as_ref().map(|by| format!(" by {by}"));
    let reason = pause.reason.as_ref().map(|reason| format!(": {reason}"));
    let parts = [age, by, reason].map(Option::unwrap_or_default).concat();
    Cell::coloured(&format!("paused{parts}"), Colour::Yellow)
}
