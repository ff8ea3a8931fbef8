//! The task ids of a command: whole, as prefixes, or from standard input.

use std::os::fd::AsFd;

use clap::Args;
use serde::Deserialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use uuid::Uuid;

use super::common::ClientSession;
use super::error::ClientError;
use super::model::Task;
use super::raw_json::Page;
use super::render::time_format::now;
use super::render::{text, time_format};
use super::retry_policy::retrying;
use crate::domain::id_prefix::{IdPrefix, MIN_DIGITS};

/// Maximum number of candidates that are listed for an ambiguous prefix.
const MAX_CANDIDATES: usize = 10;
/// Maximum number of ids read from standard input.
const MAX_IDS: usize = 1_000_000;
/// Maximum length of a line of standard input, in bytes: fits a task as `qtask list --json` writes it.
const MAX_LINE: u64 = 4 << 20;

/// Which tasks
#[derive(Debug, Clone, Args)]
pub struct IdArgs {
    /// Task ids, whole or shortened to 8 or more of their first characters (all tasks of a minute have
    /// the same first 8, those of a millisecond the same first 13); - reads them from standard input,
    /// the first word of each line
    #[arg(value_name = "ID", required = true, value_parser = id_or_input)]
    ids: Vec<TaskId>,
}

/// An id argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskId {
    /// The id itself.
    Whole(Uuid),
    /// A prefix of an id.
    Prefix(IdPrefix),
    /// `-`: read ids from standard input.
    Input,
}

/// Parses a whole id or a prefix.
pub fn id(typed: &str) -> Result<TaskId, String> {
    let typed = typed.trim();
    if let Ok(id) = typed.parse() {
        return Ok(TaskId::Whole(id));
    }
    typed.parse().map(TaskId::Prefix).map_err(|error| {
        format!(
            "{error}: a task id, such as 01a1f877-e10b-7243-ba50-5bf875c0c917, or its first {MIN_DIGITS} or more characters"
        )
    })
}

fn id_or_input(typed: &str) -> Result<TaskId, String> {
    if typed == "-" {
        return Ok(TaskId::Input);
    }
    id(typed)
}

/// Which tasks, for a command that also takes filters
#[derive(Debug, Clone, Args)]
pub struct OptionalIdArgs {
    /// Task ids, whole or shortened to 8 or more of their first characters; - reads them from standard
    /// input, the first word of each line
    #[arg(value_name = "ID", value_parser = id_or_input)]
    ids: Vec<TaskId>,
}

impl IdArgs {
    /// Resolves the ids, in the order given. Whole ids are not looked up.
    pub async fn resolve(&self, session: &ClientSession) -> Result<Vec<Uuid>, ClientError> {
        resolve_given(session, &self.ids).await
    }
}

impl OptionalIdArgs {
    /// Whether the command names ids, or reads them.
    pub const fn are_given(&self) -> bool {
        !self.ids.is_empty()
    }

    /// Resolves the ids, in the order given. Whole ids are not looked up.
    pub async fn resolve(&self, session: &ClientSession) -> Result<Vec<Uuid>, ClientError> {
        resolve_given(session, &self.ids).await
    }
}

async fn resolve_given(session: &ClientSession, ids: &[TaskId]) -> Result<Vec<Uuid>, ClientError> {
    let mut given = Vec::new();
    let mut input_is_read = false;
    for id in ids {
        match id {
            TaskId::Input if input_is_read => {}
            TaskId::Input => {
                input_is_read = true;
                given.extend(from_input().await?);
            }
            id => given.push(id.clone()),
        }
    }
    if given.is_empty() {
        session.output.note("No ids on standard input.");
    }
    resolve_all(session, &given).await
}

/// Resolves the ids. One error names all that cannot be resolved.
async fn resolve_all(session: &ClientSession, given: &[TaskId]) -> Result<Vec<Uuid>, ClientError> {
    let mut ids = Vec::with_capacity(given.len());
    let mut wrong = Vec::new();
    for id in given {
        match resolve(session, id).await {
            Ok(id) => ids.push(id),
            Err(ClientError::Usage(message)) if wrong.len() < MAX_CANDIDATES => wrong.push(message),
            Err(error) => return Err(error),
        }
    }
    if wrong.is_empty() {
        Ok(ids)
    } else {
        Err(ClientError::Usage(wrong.join("\n")))
    }
}

/// Resolves an id; looks up a prefix.
pub async fn resolve(session: &ClientSession, id: &TaskId) -> Result<Uuid, ClientError> {
    match id {
        TaskId::Whole(id) => Ok(*id),
        TaskId::Prefix(prefix) => look_up(session, prefix).await,
        TaskId::Input => Err(ClientError::Usage("- cannot be used here".to_owned())),
    }
}

async fn look_up(session: &ClientSession, prefix: &IdPrefix) -> Result<Uuid, ClientError> {
    let (api, output) = (&session.api, &session.output);
    let query = [
        ("id_prefix", prefix.to_string()),
        ("limit", (MAX_CANDIDATES + 1).to_string()),
    ];
    let answer = retrying(output, async || api.get(&["tasks"], &query).await).await;
    let document = answer.map_err(|error| of_older_service(error, prefix))?;
    let bad = |error: serde_json::Error| api.bad_answer(&error);
    let page = Page::parse(&document).map_err(bad)?;
    let tasks: Vec<Task> = page.read().map_err(bad)?;
    match tasks.as_slice() {
        [] => Err(ClientError::Usage(format!(
            "there is no task whose id begins with {prefix}"
        ))),
        [task] => task
            .task_id
            .parse()
            .map_err(|_| ClientError::BadAnswer(format!("{} gave no task id", api.shown()))),
        tasks => Err(ClientError::Usage(ambiguous(prefix, tasks))),
    }
}

/// A service that does not know the filter is of an older version.
fn of_older_service(error: ClientError, prefix: &IdPrefix) -> ClientError {
    match &error {
        ClientError::Refused(refusal) if refusal.errors.contains_key("id_prefix") => {
            ClientError::Usage(format!(
                "{prefix}: this service is of an older version and knows whole task ids only"
            ))
        }
        _ => error,
    }
}

fn ambiguous(prefix: &IdPrefix, tasks: &[Task]) -> String {
    let mut lines = vec![format!(
        "the ids of several tasks begin with {prefix}: give more characters"
    )];
    lines.extend(tasks.iter().take(MAX_CANDIDATES).map(candidate));
    if tasks.len() > MAX_CANDIDATES {
        lines.push("  and more".to_owned());
    }
    lines.join("\n")
}

fn candidate(task: &Task) -> String {
    let age = time_format::parse_some(task.submitted_at.as_ref())
        .map(|time| format!("{} ago", time_format::age(now() - time)));
    let name = task.name.as_deref().map(|name| text::fit(name, 40));
    let parts = [
        Some(task.task_id.clone()),
        Some(format!("{:<10}", task.status)),
        age,
        name,
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("  {}", parts.join("  ").trim_end())
}

async fn from_input() -> Result<Vec<TaskId>, ClientError> {
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    let file = tokio::fs::File::from_std(input.into());
    read(BufReader::new(file)).await
}

/// Reads the id at the start of each line, or from the JSON document on it.
async fn read(mut input: impl AsyncBufRead + Unpin) -> Result<Vec<TaskId>, ClientError> {
    let refuse =
        |line: usize, why: &str| ClientError::Usage(format!("standard input, line {line}: {why}"));
    let mut ids = Vec::new();
    for number in 1.. {
        let mut line = String::new();
        let read = (&mut input).take(MAX_LINE).read_line(&mut line).await;
        match read {
            Ok(0) => break,
            Ok(read) if read as u64 == MAX_LINE => {
                return Err(refuse(number, "is longer than any task"));
            }
            Ok(_) => {}
            Err(error) => return Err(refuse(number, &error.to_string())),
        }
        let Some(found) = of_line(&line) else {
            continue;
        };
        let wrong = |why: String| refuse(number, &format!("`{}` {why}", text::fit(&found, 60)));
        ids.push(id(&found).map_err(wrong)?);
        if ids.len() > MAX_IDS {
            return Err(refuse(
                number,
                &format!("has one id more than {MAX_IDS}: give fewer at a time"),
            ));
        }
    }
    Ok(ids)
}

/// The id on a line; `None` if the line is empty.
fn of_line(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Document {
        task_id: String,
    }
    if line.trim_start().starts_with('{')
        && let Ok(document) = serde_json::from_str::<Document>(line)
    {
        return Some(document.task_id);
    }
    line.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01a1f877-e10b-7243-ba50-5bf875c0c917";

    #[test]
    fn an_id_may_be_shortened_but_not_to_nothing() {
        assert_eq!(id(ID), Ok(TaskId::Whole(ID.parse().unwrap())));
        assert_eq!(
            id(" 01a1f877-e "),
            Ok(TaskId::Prefix("01a1f877e".parse().unwrap()))
        );
        for wrong in ["", "01a1f87", "bell.qasm", "-", &format!("{ID}0")] {
            let refused = id(wrong).unwrap_err();
            assert!(refused.contains("8 or more characters"), "{refused}");
        }
        assert_eq!(id_or_input("-"), Ok(TaskId::Input));
    }

    #[tokio::test]
    async fn ids_are_read_from_lines_as_other_commands_write_them() {
        let input = format!(
            "{ID}\n\n{ID}\tpending\tcircuit\n  01a1f877  x\n{{\"task_id\":\"{ID}\",\"status\":\"pending\"}}"
        );
        let whole = TaskId::Whole(ID.parse().unwrap());
        let short = TaskId::Prefix("01a1f877".parse().unwrap());
        assert_eq!(
            read(input.as_bytes()).await.unwrap(),
            [whole.clone(), whole.clone(), short, whole]
        );
        assert_eq!(read(&b""[..]).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_line_without_an_id_is_named() {
        for (input, part) in [
            (
                format!("{ID}\nbell.qasm\n"),
                "line 2: `bell.qasm` must have",
            ),
            ("{\"id\": 1}\n".to_owned(), "line 1: `{\"id\":` must have"),
            ("x".repeat(5 << 20), "line 1: is longer"),
        ] {
            let error = read(input.as_bytes()).await.unwrap_err();
            assert_eq!(error.code(), 2);
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(read(&b"\xff\n"[..]).await.is_err());
    }

    #[test]
    fn candidates_of_a_prefix_are_listed_up_to_a_number() {
        let task = |name: &str| Task {
            task_id: ID.to_owned(),
            status: "completed".to_owned(),
            name: Some(name.to_owned()),
            ..Task::default()
        };
        let prefix = "01a1f877".parse().unwrap();
        let two = ambiguous(&prefix, &[task("bell.qasm"), task("")]);
        assert_eq!(
            two,
            format!(
                "the ids of several tasks begin with 01a1f877: give more characters\n  {ID}  completed   bell.qasm\n  {ID}  completed"
            )
        );
        let many = ambiguous(&prefix, &vec![task("a"); 11]);
        assert!(
            many.ends_with("\n  and more") && many.lines().count() == 12,
            "{many}"
        );
    }
}
