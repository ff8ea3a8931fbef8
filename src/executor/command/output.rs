//! Reads the output of a program: its messages, and its standard error.

use std::collections::VecDeque;

use serde_json::json;
use tokio::io::AsyncRead;

use super::lines::{Line, Lines};
use super::logs::Logs;
use super::message::{self, MAX_LINE, MAX_RESULT_LINE, WorkerMessage, Wrong};
use crate::domain::log::{Level, LogLine};
use crate::domain::settlement::{ErrorCode, Failure, Outcome};
use crate::executor::LogBuffer;

/// Maximum size of a program's standard output, in bytes.
const MAX_OUTPUT: u64 = 256 << 20;
/// A longer line of standard error is split.
const MAX_ERROR_LINE: usize = 16 << 10;
/// How much of standard error a failure's message quotes: lines, and characters of each.
const TAIL_LINES: usize = 10;
const TAIL_WIDTH: usize = 300;
/// How much of a line is quoted, in characters.
const QUOTED: usize = 80;
/// Longer lines are parsed on a thread for blocking work.
const INLINE: usize = 64 << 10;

/// The messages of a program so far.
#[derive(Debug, Default)]
pub struct Said {
    /// The last result.
    pub result: Option<Outcome>,
    /// The last error.
    pub error: Option<Failure>,
    /// The first violation of the protocol, after which nothing more is read.
    pub violation: Option<Failure>,
}

/// Reads standard output to its end, or to the first violation of the protocol.
pub async fn follow(
    stdout: impl AsyncRead + Unpin,
    logs: &Logs,
    log_buffer: &LogBuffer,
    said: &mut Said,
) {
    let mut lines = Lines::new(stdout);
    let mut number = 0_u64;
    // A read error counts as the end of the stream.
    while let Ok(Some(line)) = lines.next(longest).await {
        number += 1;
        let read = if lines.bytes() > MAX_OUTPUT {
            let limit = MAX_OUTPUT >> 20;
            Err(too_much(format!("the program wrote more than {limit} MiB")))
        } else {
            read(line, number).await
        };
        match read {
            Ok(Some(WorkerMessage::Log(line))) => logs.add(line),
            Ok(Some(WorkerMessage::Progress(progress))) => log_buffer.progress(progress),
            Ok(Some(WorkerMessage::Output(output))) => log_buffer.output(output),
            Ok(Some(WorkerMessage::Result(outcome))) => said.result = Some(outcome),
            Ok(Some(WorkerMessage::Error(failure))) => said.error = Some(failure),
            Ok(None) => {}
            Err(violation) => {
                said.violation = Some(violation);
                return;
            }
        }
    }
}

/// Only an object can be a result, which may be longer than other lines.
fn longest(beginning: &[u8]) -> usize {
    if beginning.trim_ascii_start().starts_with(b"{") {
        MAX_RESULT_LINE
    } else {
        MAX_LINE
    }
}

fn too_much(message: String) -> Failure {
    Failure::permanent(ErrorCode::OutputLimit, message)
}

async fn read(line: Line, number: u64) -> Result<Option<WorkerMessage>, Failure> {
    let line = match line {
        Line::Whole(line) => line,
        Line::Cut(line) => {
            let (limit, begins) = (line.len(), quote(&line));
            let message = format!("line {number} is longer than {limit} bytes; it begins {begins}");
            return Err(too_much(message));
        }
    };
    if line.trim_ascii().is_empty() {
        return Ok(None);
    }
    let parsed = if line.len() <= INLINE {
        parse(&line, number)
    } else {
        let parsing = tokio::task::spawn_blocking(move || parse(&line, number));
        parsing.await.unwrap_or_else(|error| {
            let message = format!("line {number} could not be read: {error}");
            Err(Failure::transient(ErrorCode::ExecutionError, message))
        })
    };
    parsed.map(Some)
}

fn parse(line: &[u8], number: u64) -> Result<WorkerMessage, Failure> {
    message::parse(line).map_err(|wrong| match wrong {
        Wrong::Form(problem) => {
            let message = format!(
                "line {number} is not a message of the protocol: {problem}; it begins {}",
                quote(line)
            );
            Failure::permanent(ErrorCode::InvalidOutput, message)
        }
        Wrong::Size(problem) => too_much(format!("line {number}: {problem}")),
    })
}

/// The beginning of a line, as text for any bytes.
fn quote(line: &[u8]) -> String {
    // A character has at most four bytes.
    let beginning = line.get(..QUOTED * 4).unwrap_or(line);
    let text = String::from_utf8_lossy(beginning);
    let shown: String = text.chars().take(QUOTED).collect();
    let more = if shown.len() < line.len() { "…" } else { "" };
    format!("`{}{more}`", shown.escape_debug())
}

/// Reads standard error to its end: each line becomes a log line.
pub async fn follow_errors(stderr: impl AsyncRead + Unpin, logs: &Logs, tail: &mut Tail) {
    let mut lines = Lines::new(stderr);
    while let Ok(Some(line)) = lines.next(|_| MAX_ERROR_LINE).await {
        let (Line::Whole(line) | Line::Cut(line)) = line;
        let text = String::from_utf8_lossy(&line).replace('\0', "\u{fffd}");
        let text = text.trim_end();
        if text.is_empty() {
            continue;
        }
        tail.add(text);
        logs.add(LogLine {
            logged_at: None,
            level: Level::Info,
            message: text.to_owned(),
            context: Some(json!({"stream": "stderr"})),
        });
    }
}

/// The last lines of standard error.
#[derive(Debug, Default)]
pub struct Tail(VecDeque<String>);

impl Tail {
    fn add(&mut self, line: &str) {
        if self.0.len() == TAIL_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.chars().take(TAIL_WIDTH).collect());
    }

    /// The lines, oldest first; `None` when there are none.
    pub fn text(&self) -> Option<String> {
        let lines: Vec<&str> = self.0.iter().map(String::as_str).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(text: &[u8]) -> (Said, LogBuffer) {
        let log_buffer = LogBuffer::default();
        let mut said = Said::default();
        follow(text, &Logs::new(log_buffer.clone()), &log_buffer, &mut said).await;
        (said, log_buffer)
    }

    #[tokio::test]
    async fn the_last_result_counts_and_blank_lines_do_not() {
        let (said, log_buffer) =
            said(b"{\"result\": 1}\n \r\n{\"log\": \"x\"}\r\n{\"result\": 2}").await;
        assert_eq!(said.result, Some(Outcome::new(json!(2), json!({}))));
        assert_eq!(said.violation, None);
        assert_eq!(log_buffer.take().lines.len(), 1);
    }

    #[tokio::test]
    async fn a_wrong_line_is_named_and_quoted() {
        let (said, _) = said(b"{\"log\": \"x\"}\nhello \x1b[1mw\xffrld\n{\"result\": 2}\n").await;
        let violation = said.violation.unwrap();
        assert_eq!(violation.code, ErrorCode::InvalidOutput);
        assert_eq!(
            violation.message,
            "line 2 is not a message of the protocol: expected value at line 1 column 1; \
             it begins `hello \\u{1b}[1mw\u{fffd}rld`"
        );
        assert_eq!(said.result, None);
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_cut_off() {
        let zeros = vec![0; 2 * MAX_LINE];
        let violation = said(&zeros).await.0.violation.unwrap();
        assert_eq!(violation.code, ErrorCode::OutputLimit);
        let says = "line 1 is longer than 1048576 bytes; it begins `\\0\\0";
        assert!(violation.message.starts_with(says), "{violation:?}");
    }

    #[tokio::test]
    async fn standard_error_goes_to_the_log_and_its_end_is_kept() {
        let log_buffer = LogBuffer::default();
        let mut text: Vec<u8> = (0..20)
            .flat_map(|n| format!("line {n}\n").into_bytes())
            .collect();
        text.extend(vec![b'x'; MAX_ERROR_LINE + 1]);
        let mut tail = Tail::default();
        follow_errors(text.as_slice(), &Logs::new(log_buffer.clone()), &mut tail).await;
        assert_eq!(log_buffer.take().lines.len(), 22, "a long line becomes two");
        let text = tail.text().unwrap();
        assert!(
            text.starts_with("line 12\n") && text.ends_with("\nx"),
            "{text}"
        );
        assert!(text.len() < 1_000);
    }
}
