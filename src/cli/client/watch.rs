//! `qtask watch`: follows tasks.

use std::cell::RefCell;

use clap::Args;
use futures_util::{StreamExt, stream};
use serde::de::IgnoredAny;
use time::OffsetDateTime;
use uuid::Uuid;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::follow::{TaskEvent, TaskFollower};
use super::ids::IdArgs;
use super::model::{Task, plain};
use super::output::Form;
use super::render::paint::{Cell, Colour};
use super::render::task as view;
use super::render::{progress, text, time_format, timeline};

/// Maximum number of tasks that are followed concurrently; the others follow after them.
const AT_ONCE: usize = 64;

/// Follow tasks until they have ended
///
/// Goes on by itself where the connection breaks.
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: task_id, time, event (status, progress, log, end), value (the status or the
level), text. With --json each event is a document: task_id, event, data.

Exit codes: 0 done, 1 a task failed or was cancelled, 2 usage error,
3 the service cannot be reached, 130 Ctrl-C.

Examples:
  qtask watch 01a1f877-e10b-7243-ba50-5bf875c0c917
  qtask watch 01a1f877-e10b-7243-ba50-5bf875c0c917 --json"
)]
pub struct WatchArgs {
    #[command(flatten)]
    ids: IdArgs,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// Prints the events. Returns whether all tasks completed.
pub async fn run(args: &WatchArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let ids = args.ids.resolve(session).await?;
    session.awaited.replace(ids.clone());
    let several = ids.len() > 1;
    // The borrow serializes writers: each line is written whole.
    let lines = RefCell::new(());
    let watched = stream::iter(&ids).map(|id| watch(session, *id, several, &lines));
    let mut watched = watched.buffer_unordered(AT_ONCE);
    let mut completed = true;
    while let Some(status) = watched.next().await {
        completed &= status? == "completed";
    }
    session.awaited.borrow_mut().clear();
    Ok(completed)
}

async fn watch(
    session: &ClientSession,
    id: Uuid,
    several: bool,
    lines: &RefCell<()>,
) -> Result<String, ClientError> {
    let mut teller = Teller {
        session,
        id: id.to_string(),
        several,
        began: None,
    };
    let mut follower = TaskFollower::new(&session.api, &session.output, id);
    let status = follower
        .run(&mut |happening, data| {
            let _turn = lines.borrow_mut();
            teller.tell(happening, data)
        })
        .await?;
    if session.output.form == Form::Human {
        let document = session.api.get(&["tasks", &id.to_string()], &[]).await?;
        let task: Task =
            serde_json::from_str(&document).map_err(|error| session.api.bad_answer(&error))?;
        teller.outcome(&task)?;
    }
    Ok(status)
}

struct Teller<'a> {
    session: &'a ClientSession,
    id: String,
    several: bool,
    began: Option<OffsetDateTime>,
}

impl Teller<'_> {
    fn tell(&mut self, happening: &TaskEvent, data: &str) -> Result<(), ClientError> {
        match self.session.output.form {
            Form::Json => self.document(happening, data),
            Form::Columns => self.columns(happening),
            Form::Human => self.human(happening),
        }
    }

    fn document(&self, happening: &TaskEvent, data: &str) -> Result<(), ClientError> {
        // Invalid JSON would break the line that contains it.
        if serde_json::from_str::<IgnoredAny>(data).is_err() {
            return Ok(());
        }
        let (event, id) = (name(happening), &self.id);
        self.session.output.json(&format!(
            r#"{{"task_id":"{id}","event":"{event}","data":{data}}}"#
        ))
    }

    fn columns(&self, happening: &TaskEvent) -> Result<(), ClientError> {
        let (time, value, text) = match happening {
            TaskEvent::Status(entry) => (
                entry.transitioned_at.clone(),
                entry.status.clone(),
                entry.notes.clone().unwrap_or_default(),
            ),
            TaskEvent::Progress(progress) => (String::new(), String::new(), plain(progress)),
            TaskEvent::Log(line) => (
                line.logged_at.clone(),
                line.level.clone(),
                line.message.clone(),
            ),
            TaskEvent::End(status) => (String::new(), status.clone(), String::new()),
        };
        self.session
            .output
            .columns(&[&self.id, &time, name(happening), &value, &text])
    }

    fn human(&mut self, happening: &TaskEvent) -> Result<(), ClientError> {
        let paint = self.session.output.paint;
        let dim = |text: &str| Cell::coloured(text, Colour::Dim).show(paint);
        let (time, what, text) = match happening {
            TaskEvent::Status(entry) => {
                let notes = entry.notes.as_deref().unwrap_or_default();
                (
                    time_format::parse(&entry.transitioned_at),
                    Cell::status(&entry.status),
                    text::line(notes),
                )
            }
            TaskEvent::Progress(value) => (
                None,
                Cell::coloured("progress", Colour::Cyan),
                text::line(&progress::show(value)),
            ),
            TaskEvent::Log(line) => (
                time_format::parse(&line.logged_at),
                Cell::coloured(&line.level, Colour::of_level(&line.level)),
                text::line(&line.message),
            ),
            TaskEvent::End(_) => return Ok(()),
        };
        self.began = self.began.or(time);
        let when = format!("{:>10}", timeline::after(self.began, time));
        let padding = " ".repeat(10_usize.saturating_sub(text::width(what.text())));
        let line = format!(
            "{}{}  {}{padding}  {text}",
            self.label(),
            dim(&when),
            what.show(paint)
        );
        self.session.output.line(line.trim_end())
    }

    /// Identifies one of several tasks by the end of its id, which differs even for tasks of the same
    /// millisecond.
    fn label(&self) -> String {
        if !self.several {
            return String::new();
        }
        let end = self.id.rsplit('-').next().unwrap_or_default();
        let paint = self.session.output.paint;
        format!("{}  ", paint.paint(Colour::Bold, &text::line(end)))
    }

    fn outcome(&self, task: &Task) -> Result<(), ClientError> {
        let output = &self.session.output;
        let lines = view::ending(task, output.width, output.paint);
        if lines.is_empty() {
            return Ok(());
        }
        output.line("")?;
        if self.several {
            output.line(&format!(
                "{}{}",
                self.label(),
                Cell::status(&task.status).show(output.paint)
            ))?;
        }
        output.lines(&lines)
    }
}

fn name(happening: &TaskEvent) -> &'static str {
    match happening {
        TaskEvent::Status(_) => "status",
        TaskEvent::Progress(_) => "progress",
        TaskEvent::Log(_) => "log",
        TaskEvent::End(_) => "end",
    }
}
