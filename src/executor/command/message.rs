//! The protocol of a command's output: one JSON object on each line.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::domain::log::{Level, LogLine};
use crate::domain::settlement::{Blame, ErrorCode, Failure, Outcome};
use crate::domain::stored_size::stored_size;

/// Maximum length of a line other than a result, in bytes.
pub const MAX_LINE: usize = 1 << 20;
/// Maximum size of a result, in bytes.
pub const MAX_RESULT: usize = 8 << 20;
/// Maximum length of a line with a result, in bytes: the result and the members around it.
pub const MAX_RESULT_LINE: usize = MAX_RESULT + (64 << 10);
/// Maximum size of a progress object, in bytes: it is written repeatedly.
const MAX_PROGRESS: usize = 64 << 10;
/// Maximum size of the output of an attempt, in bytes.
const MAX_ATTEMPT_OUTPUT: usize = 1 << 20;
/// Maximum length of a failure's message, in characters.
const MAX_ERROR_MESSAGE: usize = 16_000;

/// The content of one line.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkerMessage {
    /// `{"log": ...}`
    Log(LogLine),
    /// `{"progress": ...}`
    Progress(Value),
    /// `{"output": ...}`
    Output(Value),
    /// `{"result": ..., "execution": ...}`
    Result(Outcome),
    /// `{"error": ...}`
    Error(Failure),
}

/// Why a line was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It violates the protocol.
    Form(String),
    /// It exceeds a limit.
    Size(String),
}

/// Parses one line.
pub fn parse(line: &[u8]) -> Result<WorkerMessage, Wrong> {
    let mut members: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| Wrong::Form(format!("{error}")))?;
    let message = if let Some(log) = members.remove("log") {
        WorkerMessage::Log(log_line(log)?)
    } else if let Some(progress) = members.remove("progress") {
        WorkerMessage::Progress(self::progress(progress)?)
    } else if let Some(output) = members.remove("output") {
        WorkerMessage::Output(self::output(output)?)
    } else if let Some(result) = members.remove("result") {
        WorkerMessage::Result(outcome(result, members.remove("execution"))?)
    } else if let Some(error) = members.remove("error") {
        WorkerMessage::Error(failure(error)?)
    } else {
        return form("it has none of the members log, progress, output, result, error");
    };
    if let Some(name) = members.keys().next() {
        return form(format!("`{}` does not belong there", name.escape_debug()));
    }
    if line.len() > MAX_LINE && !matches!(message, WorkerMessage::Result(_)) {
        return size(format!("only a result may be longer than {MAX_LINE} bytes"));
    }
    Ok(message)
}

fn form<T>(problem: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Form(problem.into()))
}

fn size<T>(problem: String) -> Result<T, Wrong> {
    Err(Wrong::Size(problem))
}

#[derive(Deserialize)]
struct Log {
    level: Option<String>,
    message: String,
    context: Option<Value>,
}

fn log_line(log: Value) -> Result<LogLine, Wrong> {
    let log = match log {
        Value::String(message) => Log {
            level: None,
            message,
            context: None,
        },
        other => {
            serde_json::from_value(other).map_err(|error| Wrong::Form(format!("log: {error}")))?
        }
    };
    let mut context = log.context;
    context.iter_mut().for_each(without_nul);
    if context.as_ref().map_or(0, stored_size) > MAX_LINE {
        return size(format!("log: its context has more than {MAX_LINE} bytes"));
    }
    Ok(LogLine {
        logged_at: None,
        level: level(log.level.as_deref())?,
        message: log.message.replace('\0', "\u{fffd}"),
        context,
    })
}

/// A level by any of its names; `info` by default.
fn level(name: Option<&str>) -> Result<Level, Wrong> {
    let name = name.unwrap_or("info").escape_debug().to_string();
    name.parse().or_else(|error| form(format!("log: {error}")))
}

fn progress(mut progress: Value) -> Result<Value, Wrong> {
    without_nul(&mut progress);
    match progress {
        Value::Number(ref number) => match number.as_f64() {
            Some(fraction) if (0.0..=1.0).contains(&fraction) => Ok(json!({"fraction": progress})),
            _ => form("progress: a number must be from 0 to 1"),
        },
        Value::Object(_) if stored_size(&progress) > MAX_PROGRESS => {
            size(format!("progress: it has more than {MAX_PROGRESS} bytes"))
        }
        Value::Object(_) => Ok(progress),
        _ => form("progress: it is neither an object nor a number"),
    }
}

fn output(mut output: Value) -> Result<Value, Wrong> {
    without_nul(&mut output);
    match output {
        Value::Object(_) if stored_size(&output) > MAX_ATTEMPT_OUTPUT => size(format!(
            "output: it has more than {MAX_ATTEMPT_OUTPUT} bytes"
        )),
        Value::Object(_) => Ok(output),
        _ => form("output: it is not an object"),
    }
}

fn outcome(result: Value, execution: Option<Value>) -> Result<Outcome, Wrong> {
    let execution = execution.unwrap_or_else(|| json!({}));
    if !execution.is_object() {
        return form("execution: it is not an object");
    }
    if has_nul(&result) || has_nul(&execution) {
        return form("the result has the character U+0000 in it, which cannot be stored");
    }
    let outcome = Outcome::new(result, execution);
    if outcome.bytes > MAX_RESULT {
        return size(format!("the result has more than {MAX_RESULT} bytes"));
    }
    Ok(outcome)
}

#[derive(Deserialize)]
struct MessageProblem {
    code: Option<String>,
    message: String,
    retry: Option<bool>,
    blame: Option<Blame>,
}

fn failure(problem: Value) -> Result<Failure, Wrong> {
    let problem: MessageProblem =
        serde_json::from_value(problem).map_err(|error| Wrong::Form(format!("error: {error}")))?;
    let (code, mut message) = match problem.code {
        None => (ErrorCode::ExecutionError, problem.message),
        Some(word) => match word.parse() {
            Ok(code) => (code, problem.message),
            Err(_) => (
                ErrorCode::ExecutionError,
                format!("{word}: {}", problem.message),
            ),
        },
    };
    if let Some((end, _)) = message.char_indices().nth(MAX_ERROR_MESSAGE) {
        message.truncate(end);
        message.push('…');
    }
    // A failure blamed on this worker may not occur on another one.
    let retry = problem
        .retry
        .unwrap_or(problem.blame == Some(Blame::Worker));
    let failure = if retry {
        Failure::transient(code, message)
    } else {
        Failure::permanent(code, message)
    };
    Ok(failure.blaming(problem.blame))
}

/// PostgreSQL's text type has no NUL.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(elements) => elements.iter().any(has_nul),
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

fn without_nul(value: &mut Value) {
    if !has_nul(value) {
        return;
    }
    match value {
        Value::String(text) => *text = text.replace('\0', "\u{fffd}"),
        Value::Array(elements) => elements.iter_mut().for_each(without_nul),
        Value::Object(members) => {
            for (name, mut value) in std::mem::take(members) {
                without_nul(&mut value);
                members.insert(name.replace('\0', "\u{fffd}"), value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> WorkerMessage {
        parse(line.as_bytes()).unwrap()
    }

    fn refusal(line: &str) -> String {
        match parse(line.as_bytes()).unwrap_err() {
            Wrong::Form(problem) | Wrong::Size(problem) => problem,
        }
    }

    fn line(level: Level, message: &str, context: Option<Value>) -> WorkerMessage {
        WorkerMessage::Log(LogLine {
            logged_at: None,
            level,
            message: message.to_owned(),
            context,
        })
    }

    #[test]
    fn a_log_line_is_a_text_or_has_a_level_and_a_context() {
        let text = parsed(r#"{"log": "a\u0000b"}"#);
        assert_eq!(text, line(Level::Info, "a\u{fffd}b", None));
        let full =
            r#"{"log": {"level": "WARN", "message": "m", "context": {"\u0000": ["\u0000"]}}}"#;
        let context = json!({"\u{fffd}": ["\u{fffd}"]});
        assert_eq!(parsed(full), line(Level::Warning, "m", Some(context)));
    }

    #[test]
    fn progress_is_an_object_or_a_fraction() {
        let half = WorkerMessage::Progress(json!({"fraction": 0.5}));
        assert_eq!(parsed(r#"{"progress": 0.5}"#), half);
        let step = WorkerMessage::Progress(json!({"step": 3}));
        assert_eq!(parsed(r#"{"progress": {"step": 3}}"#), step);
    }

    #[test]
    fn a_result_is_anything_and_has_an_execution() {
        for result in [json!(null), json!(1), json!({"counts": {"00": 1}})] {
            let line = json!({"result": result}).to_string();
            let expected = WorkerMessage::Result(Outcome::new(result, json!({})));
            assert_eq!(parsed(&line), expected);
        }
        let both = parsed(r#"{"execution": {"seed": 1}, "result": 2}"#);
        let expected = Outcome::new(json!(2), json!({"seed": 1}));
        assert_eq!(both, WorkerMessage::Result(expected));
    }

    #[test]
    fn an_error_has_the_programs_own_code_or_the_general_one() {
        let own = r#"{"error": {"code": "no_quota", "message": "m", "retry": true}}"#;
        let code = "no_quota".parse().unwrap();
        assert_eq!(
            parsed(own),
            WorkerMessage::Error(Failure::transient(code, "m"))
        );
        let other = r#"{"error": {"code": "No quota!", "message": "m"}}"#;
        let expected = Failure::permanent(ErrorCode::ExecutionError, "No quota!: m");
        assert_eq!(parsed(other), WorkerMessage::Error(expected));
    }

    #[test]
    fn an_error_can_blame_the_worker() {
        let failure = |line: &str| match parsed(line) {
            WorkerMessage::Error(failure) => (failure.transient, failure.blame),
            other => panic!("{other:?}"),
        };
        for (line, expected) in [
            (r#"{"error": {"message": "m"}}"#, (false, Blame::Task)),
            (
                r#"{"error": {"message": "m", "blame": "worker"}}"#,
                (true, Blame::Worker),
            ),
            (
                r#"{"error": {"message": "m", "blame": "worker", "retry": false}}"#,
                (false, Blame::Worker),
            ),
            (
                r#"{"error": {"message": "m", "code": "environment_error", "retry": true}}"#,
                (true, Blame::Worker),
            ),
            (
                r#"{"error": {"message": "m", "code": "killed", "blame": "task"}}"#,
                (false, Blame::Task),
            ),
        ] {
            assert_eq!(failure(line), expected, "{line}");
        }
        assert!(refusal(r#"{"error": {"message": "m", "blame": "me"}}"#).contains("`me`"));
    }

    #[test]
    fn whatever_else_a_line_says_is_refused_with_its_reason() {
        for (line, reason) in [
            ("[]", "expected a map"),
            ("hello", "expected value"),
            ("{\"log\": \"\\ud800\"}", "hex escape"),
            (
                "{}",
                "it has none of the members log, progress, output, result, error",
            ),
            (
                r#"{"result": 1, "log": "x"}"#,
                "`result` does not belong there",
            ),
            (
                r#"{"result": 1, "metrics": {}}"#,
                "`metrics` does not belong there",
            ),
            (r#"{"result": "\u0000"}"#, "U+0000"),
            (
                r#"{"result": 1, "execution": 2}"#,
                "execution: it is not an object",
            ),
            (
                r#"{"log": {"level": "loud", "message": ""}}"#,
                "`loud` is not a level",
            ),
            (
                r#"{"log": {"level": "info"}}"#,
                "log: missing field `message`",
            ),
            (r#"{"progress": 2}"#, "a number must be from 0 to 1"),
            (r#"{"progress": "half"}"#, "neither an object nor a number"),
            (r#"{"output": [1]}"#, "output: it is not an object"),
            (r#"{"error": "x"}"#, "error: invalid type"),
        ] {
            let refused = refusal(line);
            assert!(refused.contains(reason), "{line}: {refused}");
        }
        let deep = "[".repeat(100_000);
        assert!(refusal(&format!("{{\"result\": {deep}")).contains("recursion limit"));
    }

    #[test]
    fn only_a_result_may_be_long() {
        let long = "x".repeat(MAX_LINE);
        assert!(parse(json!({"result": long}).to_string().as_bytes()).is_ok());
        for too_much in [
            json!({"log": long}),
            json!({"progress": {"x": long}}),
            json!({"output": {"x": long}}),
            json!({"result": "x".repeat(MAX_RESULT)}),
        ] {
            let refused = parse(too_much.to_string().as_bytes());
            assert!(matches!(refused, Err(Wrong::Size(_))), "{refused:?}");
        }
    }
}
