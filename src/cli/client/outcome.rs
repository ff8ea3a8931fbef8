//! Waits for tasks and shows their outcomes.

use uuid::Uuid;

use super::common::ClientSession;
use super::error::ClientError;
use super::list;
use super::model::Task;
use super::output::Form;
use super::progress::Progress;
use super::render::paint::{Cell, Colour};
use super::render::table::Column;
use super::render::{task as view, text, time_format};
use super::wait::{self, Ended};

/// Maximum number of tasks that are shown in full; more are shown in a table.
const FEW: usize = 3;

const COLUMNS: &[Column] = &[
    Column::new("ID"),
    Column::new("STATUS"),
    Column::new("FILE").flexible(),
    Column::new("TOOK").right().spare(1),
    Column::new("RESULT").flexible().spare(2),
];

/// Waits for the tasks and shows the outcome of each under the given name. Returns whether all completed.
pub async fn wait_and_show(
    session: &ClientSession,
    ids: &[Uuid],
    names: &[&str],
    quiet: bool,
) -> Result<bool, ClientError> {
    let progress = Progress::new(&session.output, !quiet);
    let ended = wait::all(session, ids, &progress).await?;
    drop(progress);
    let failed = ended.iter().filter(|task| !task.succeeded()).count();
    if !quiet {
        let few = ended.len() <= FEW;
        let mut rows = Vec::new();
        for ((end, id), name) in ended.iter().zip(ids).zip(names) {
            let document = wait::document(session, *id, end).await?;
            let task: Task =
                serde_json::from_str(&document).map_err(|error| session.api.bad_answer(&error))?;
            match session.output.form {
                Form::Json => session.output.json(&document)?,
                Form::Columns => columns(session, &task, name)?,
                Form::Human if few => single(session, &task, name, end)?,
                Form::Human => rows.push(row(&task, name)),
            }
        }
        if session.output.form == Form::Human && !few {
            session.output.table(COLUMNS, &rows)?;
            session.output.line(&summary(ended.len(), failed))?;
        }
    }
    Ok(failed == 0)
}

fn columns(session: &ClientSession, task: &Task, name: &str) -> Result<(), ClientError> {
    let result = task.result.as_ref().map(ToString::to_string);
    let execution = list::execution(task);
    session.output.columns(&[
        &task.task_id,
        &task.status,
        name,
        task.error_code.as_deref().unwrap_or_default(),
        task.error_message.as_deref().unwrap_or_default(),
        result.as_deref().unwrap_or_default(),
        &execution,
    ])
}

fn single(
    session: &ClientSession,
    task: &Task,
    name: &str,
    end: &Ended,
) -> Result<(), ClientError> {
    let output = &session.output;
    if end.place > 0 {
        output.line("")?;
    }
    output.line(&format!(
        "{}  {}  {}",
        output.paint.paint(Colour::Bold, &text::line(name)),
        Cell::status(&task.status).show(output.paint),
        output.paint.paint(
            Colour::Dim,
            &format!("{}  {}", took(task), text::line(&task.task_id))
        )
    ))?;
    output.lines(&view::ending(task, output.width, output.paint))
}

fn row(task: &Task, name: &str) -> Vec<Cell> {
    vec![
        task.task_id.as_str().into(),
        Cell::status(&task.status),
        name.into(),
        took(task).into(),
        brief(task),
    ]
}

/// The time from submission to end.
fn took(task: &Task) -> String {
    let submitted = time_format::parse_some(task.submitted_at.as_ref());
    let completed = time_format::parse_some(task.completed_at.as_ref());
    match (submitted, completed) {
        (Some(submitted), Some(completed)) => time_format::duration(completed - submitted),
        _ => String::new(),
    }
}

/// A summary of the most frequent outcomes, or of the error.
fn brief(task: &Task) -> Cell {
    if let Some(error) = view::error(task) {
        let first = error.lines().next().unwrap_or_default();
        return Cell::coloured(first, Colour::Red);
    }
    let counts = task.counts().unwrap_or_default();
    let most = counts
        .iter()
        .take(3)
        .map(|(outcome, count)| format!("{outcome}: {count}"));
    let mut brief = most.collect::<Vec<_>>().join("  ");
    if counts.len() > 3 {
        brief.push_str("  …");
    }
    brief.into()
}

fn summary(total: usize, failed: usize) -> String {
    let tasks = text::count(total, "task");
    match failed {
        0 => format!("{tasks}, all completed"),
        failed => format!("{tasks}, {failed} of them failed or cancelled"),
    }
}
