//! `qtask prune`: deletes tasks that ended long ago.

use std::time::{Duration, Instant};

use clap::Args;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::output::{Form, Output};
use super::progress::Progress;
use super::render::text;
use super::retry_policy::retrying;
use crate::domain::pruning::{BatchSize, MAX_AGE, MIN_AGE, TERMINAL};
use crate::domain::status::Status;

/// The most tasks that are counted before the deletion, for the progress.
const COUNTED: u64 = 200_000;
/// The time between two lines of progress that are not drawn on a terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Delete tasks that ended long ago
///
/// Their history, logs, outputs, tags and webhooks go with them. At most 1,000 tasks are deleted in one
/// commit, with pauses between: a busy service goes on beside it. Kept are tasks that wait or run, tasks
/// whose webhook is still to be sent, and tasks that an `Idempotency-Key` still names. Running it twice at
/// once is safe; after Ctrl-C, run it again to go on. To have it done steadily: `QTASK_RETENTION`.
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe: the number of tasks. With --json: one document with tasks and dry_run.

Exit codes: 0 done, 2 usage error, 3 the service cannot be reached, 130 Ctrl-C.

Examples:
  qtask prune --older-than 90d --dry-run
  qtask prune --older-than 90d
  qtask prune --older-than 7d --status failed,cancelled --backend aiopslab"
)]
pub struct PruneArgs {
    /// Only tasks that ended longer ago than this, such as 90d, 12h or 1year
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Duration,

    /// Only tasks in this status; repeat it for several, or write commas between
    #[arg(long, value_name = "STATUS", value_delimiter = ',', value_parser = TERMINAL.map(Status::as_str))]
    status: Vec<String>,

    /// Only tasks of this backend
    #[arg(long, short, value_name = "NAME")]
    backend: Option<String>,

    /// Count the tasks instead of deleting them
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    pub common: CommonArgs,
}

fn age(text: &str) -> Result<Duration, String> {
    let form = "use an age from 1h to 100years, such as 90d or 12h";
    let age = humantime::parse_duration(text.trim()).map_err(|_| form.to_owned())?;
    if (MIN_AGE..=MAX_AGE).contains(&age) {
        Ok(age)
    } else {
        Err(form.to_owned())
    }
}

/// An answer of the service.
#[derive(Debug, Deserialize)]
struct PruneAnswer {
    tasks: u64,
    next_cursor: Option<String>,
}

/// Deletes or counts the tasks, step by step.
pub async fn run(args: &PruneArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let tasks = if args.dry_run {
        count(args, session, u64::MAX).await?.0
    } else {
        delete(args, session).await?
    };
    report(args, &session.output, tasks)?;
    Ok(true)
}

fn report(args: &PruneArgs, output: &Output, tasks: u64) -> Result<(), ClientError> {
    match output.form {
        Form::Json => output.json(&json!({"tasks": tasks, "dry_run": args.dry_run}).to_string()),
        Form::Columns => output.columns(&[&tasks.to_string()]),
        Form::Human => {
            let tasks = text::count(tasks, "task");
            output.line(&if args.dry_run {
                format!("{tasks} would be deleted.")
            } else {
                format!("{tasks} deleted.")
            })
        }
    }
}

/// The number of tasks that would be deleted, and whether all were counted: it stops at `most`.
async fn count(
    args: &PruneArgs,
    session: &ClientSession,
    most: u64,
) -> Result<(u64, bool), ClientError> {
    let (mut tasks, mut cursor) = (0, None);
    loop {
        let mut body = args.body(cursor.as_deref());
        merge(&mut body, "dry_run", json!(true));
        let answer = retrying(&session.output, async || ask(session, &body).await).await?;
        tasks += answer.tasks;
        cursor = answer.next_cursor;
        if cursor.is_none() || tasks >= most {
            return Ok((tasks, cursor.is_none()));
        }
    }
}

async fn delete(args: &PruneArgs, session: &ClientSession) -> Result<u64, ClientError> {
    let (expected, is_exact) = count(args, session, COUNTED).await?;
    let mut tally = Tally::new(&session.output, expected, is_exact);
    let (mut size, mut cursor) = (BatchSize::default(), None);
    loop {
        let mut tries = 0;
        let mut began = Instant::now();
        let answer = retrying(&session.output, async || {
            // The last try may have been too large for the time limit of a statement.
            if tries > 0 {
                size.halve();
            }
            tries += 1;
            began = Instant::now();
            let mut body = args.body(cursor.as_deref());
            merge(&mut body, "limit", json!(size.get()));
            ask(session, &body).await
        });
        let answer = answer.await?;
        let took = began.elapsed();
        size.record(took);
        tally.add(answer.tasks);
        cursor = answer.next_cursor;
        if cursor.is_none() {
            return Ok(tally.finish());
        }
        // The database is busy with this for half of the time at most.
        tokio::time::sleep(took).await;
    }
}

async fn ask(session: &ClientSession, body: &Value) -> Result<PruneAnswer, ClientError> {
    let api = &session.api;
    let request = api.request(Method::POST, &["tasks", "prune"], &[]);
    let document = api.fetch(request.json(body)).await?;
    serde_json::from_str(&document).map_err(|error| api.bad_answer(&error))
}

impl PruneArgs {
    fn body(&self, cursor: Option<&str>) -> Value {
        json!({
            "older_than_seconds": self.older_than.as_secs(),
            "statuses": self.status,
            "backend": self.backend,
            "cursor": cursor,
        })
    }
}

fn merge(body: &mut Value, field: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

/// The number of deleted tasks, reported while it grows, and also if the command is interrupted.
struct Tally<'a> {
    output: &'a Output,
    progress: Progress,
    tasks: u64,
    expected: u64,
    is_exact: bool,
    began: Instant,
    last_line: Instant,
    is_finished: bool,
}

impl<'a> Tally<'a> {
    fn new(output: &'a Output, expected: u64, is_exact: bool) -> Self {
        Self {
            output,
            progress: Progress::new(output, true),
            tasks: 0,
            expected,
            is_exact,
            began: Instant::now(),
            last_line: Instant::now(),
            is_finished: false,
        }
    }

    fn add(&mut self, tasks: u64) {
        self.tasks += tasks;
        if self.progress.visible() {
            self.progress.show_text(&self.text());
        } else if self.last_line.elapsed() >= BETWEEN_LINES {
            self.last_line = Instant::now();
            self.output.note(&self.text());
        }
    }

    fn text(&self) -> String {
        let more = if self.is_exact { "about" } else { "more than" };
        let seconds = self.began.elapsed().as_secs().max(1);
        format!(
            "{} of {more} {} deleted  {}/s",
            text::thousands(self.tasks),
            text::count(self.expected, "task"),
            text::thousands(self.tasks / seconds)
        )
    }

    fn finish(mut self) -> u64 {
        self.is_finished = true;
        self.tasks
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if !self.is_finished {
            self.progress.clear();
            let tasks = text::count(self.tasks, "task");
            self.output.note(&format!(
                "{tasks} deleted before the end. Run the command again to go on."
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit_and_is_at_least_an_hour() {
        assert_eq!(age("90d").unwrap(), Duration::from_hours(90 * 24));
        assert_eq!(age("1h").unwrap(), MIN_AGE);
        for text in ["90", "59m", "0s", "101years", "", "-1d", "soon"] {
            assert!(age(text).unwrap_err().contains("90d"), "{text}");
        }
    }
}
