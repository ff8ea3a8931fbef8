//! Renders one task for people.

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::circuit_result::{self, Section};
use super::paint::{Cell, Colour, Paint};
use super::{error, progress, submitted, text, time_format, timeline, waiting};
use crate::cli::client::model::{Task, is_terminal, plain};
use crate::domain::access::DEFAULT_PROJECT;

const INDENT: &str = "  ";

/// The whole task: its fields, its outcome, and its history.
pub fn details(task: &Task, now: OffsetDateTime, width: usize, paint: Paint) -> Vec<String> {
    let mut lines = vec![format!(
        "{}  {}",
        paint.paint(Colour::Bold, &text::line(&task.task_id)),
        Cell::status(&task.status).show(paint)
    )];
    for (name, value) in fields(task, now) {
        lines.extend(field(name, &value, width, paint));
    }
    let inner = width.saturating_sub(INDENT.len());
    let submitted = indented(submitted::sections(task, inner, paint));
    for part in [submitted, outcome(task, width, paint)] {
        if !part.is_empty() {
            lines.push(String::new());
            lines.extend(part);
        }
    }
    if !task.status_history.is_empty() {
        lines.extend([String::new(), paint.paint(Colour::Bold, "History")]);
        let history = timeline::render(&task.status_history, now, inner, paint);
        lines.extend(history.iter().map(|line| format!("{INDENT}{line}")));
    }
    lines
}

/// The outcome and the run, for a task whose other fields are shown elsewhere.
pub fn ending(task: &Task, width: usize, paint: Paint) -> Vec<String> {
    let mut lines = outcome(task, width, paint);
    if let Some(run) = run(task).filter(|_| task.error_code.is_none()) {
        let run = text::wrap(&format!("Run  {run}"), width);
        lines.extend(run.iter().map(|line| paint.paint(Colour::Dim, line)));
    }
    lines
}

/// The outcome: a bar chart of the counts with the optional outputs, the result of a problem, or the error;
/// empty before the task is terminal.
fn outcome(task: &Task, width: usize, paint: Paint) -> Vec<String> {
    let inner = width.saturating_sub(INDENT.len());
    let section = |title, lines| vec![Section { title, lines }];
    let sections = if let Some(message) = error(task) {
        let lines = error::lines(&message, inner);
        section(paint.paint(Colour::Red, "Error"), lines)
    } else {
        let of_circuit = circuit_result::sections(task, inner, paint);
        match &task.result {
            Some(result) if of_circuit.is_empty() => {
                let lines = problem_result(result, inner, paint);
                section(paint.paint(Colour::Bold, "Result"), lines)
            }
            _ => of_circuit,
        }
    };
    indented(sections)
}

/// The title of each section, and its lines indented below.
fn indented(sections: Vec<Section>) -> Vec<String> {
    let lines = sections.into_iter().flat_map(|section| {
        let lines = section.lines.into_iter();
        std::iter::once(section.title).chain(lines.map(|line| format!("{INDENT}{line}")))
    });
    lines.collect()
}

/// The error of a failed task, or of the last attempt of a task that is retried.
pub fn error(task: &Task) -> Option<String> {
    match (&task.error_code, &task.error_message) {
        (Some(code), Some(message)) => Some(format!("{code}: {message}")),
        (one, other) => one.clone().or_else(|| other.clone()),
    }
}

/// Metrics by name, and the remaining fields as JSON.
fn problem_result(result: &Value, width: usize, paint: Paint) -> Vec<String> {
    let parts = result.as_object().into_iter().flatten();
    let lines = parts.flat_map(|(part, value)| match (part.as_str(), value) {
        ("metrics", Value::Object(metrics)) => metrics
            .iter()
            .flat_map(|(name, value)| field(name, &plain(value), width, paint))
            .collect(),
        ("logs", Value::Array(logs)) => {
            field("logs", &text::count(logs.len(), "line"), width, paint)
        }
        (_, value) => field(part, &plain(value), width, paint),
    });
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        return text::wrap(&plain(result), width);
    }
    lines
}

/// A label and a value beside it; a long value continues on the next lines.
fn field(name: &str, value: &str, width: usize, paint: Paint) -> Vec<String> {
    const NAMES: usize = 11;
    let name = text::line(name);
    let room = width.saturating_sub(INDENT.len() + NAMES);
    let mut lines = Vec::new();
    for (place, line) in text::wrap(value, room).into_iter().enumerate() {
        let shown = if place == 0 { name.as_str() } else { "" };
        let padding = " ".repeat(NAMES.saturating_sub(text::width(shown)).max(1));
        lines.push(format!(
            "{INDENT}{}{padding}{line}",
            paint.paint(Colour::Dim, shown)
        ));
    }
    lines
}

fn fields(task: &Task, now: OffsetDateTime) -> Vec<(&'static str, String)> {
    let some = |name, value: Option<String>| value.map(|value| (name, value));
    let metadata = (!task.metadata.is_empty()).then(|| Value::from(task.metadata.clone()));
    let all = [
        some("name", task.name.clone()),
        Some((
            if task.kind() == "problem" {
                "problem"
            } else {
                "circuit"
            },
            work(task),
        )),
        some("asked for", submitted::options(task)),
        some("rerun of", task.rerun_of.clone()),
        some("submitted", submitted(task, now)),
        some("waiting", waiting::show(task, now)),
        some("took", took(task, now)),
        some("worker", worker(task)),
        some("run", run(task)),
        some("progress", task.progress.as_ref().map(progress::show)),
        some(
            "cancel",
            task.cancel_requested_at
                .clone()
                .filter(|_| !is_terminal(&task.status))
                .map(|_| "asked for".to_owned()),
        ),
        // That of a service without tokens says nothing.
        some(
            "project",
            (!["", DEFAULT_PROJECT].contains(&task.project.as_str())).then(|| task.project.clone()),
        ),
        some(
            "tags",
            (!task.tags.is_empty()).then(|| task.tags.join(", ")),
        ),
        some("metadata", metadata.map(|metadata| metadata.to_string())),
    ];
    all.into_iter().flatten().collect()
}

/// The work and its backend.
fn work(task: &Task) -> String {
    let on = format!("on {}", task.backend);
    let what = match (task.shots, &task.problem_id) {
        (_, Some(problem)) => problem.clone(),
        (Some(shots), None) => text::count(shots, "shot"),
        (None, None) => String::new(),
    };
    format!("{what} {on}").trim_start().to_owned()
}

fn submitted(task: &Task, now: OffsetDateTime) -> Option<String> {
    let time = time_format::parse_some(task.submitted_at.as_ref())?;
    let ago = time_format::age(now - time);
    Some(format!("{} ({ago} ago)", time_format::day_and_time(time)))
}

/// The time from submission to end, and the part of it that the task ran.
fn took(task: &Task, now: OffsetDateTime) -> Option<String> {
    let submitted = time_format::parse_some(task.submitted_at.as_ref())?;
    let started = time_format::parse_some(task.started_at.as_ref())?;
    if let Some(completed) = time_format::parse_some(task.completed_at.as_ref()) {
        let (all, ran) = (completed - submitted, completed - started);
        return Some(format!(
            "{} ({} running)",
            time_format::duration(all),
            time_format::duration(ran)
        ));
    }
    (task.status == "processing").then(|| {
        let limit = Duration::seconds(i64::try_from(task.timeout_seconds).unwrap_or(i64::MAX));
        format!(
            "{} so far, of at most {}",
            time_format::duration(now - started),
            time_format::duration(limit)
        )
    })
}

fn worker(task: &Task) -> Option<String> {
    let worker = task.worker_id.as_ref()?;
    Some(format!(
        "{worker}, attempt {} of {}",
        task.attempt, task.max_attempts
    ))
}

/// How a circuit was run: the facts that are needed to repeat it.
fn run(task: &Task) -> Option<String> {
    let known = ["method", "qubits", "threads", "seed"];
    let parts = known
        .iter()
        .filter_map(|name| Some((*name, task.execution.get(*name)?)));
    let parts: Vec<String> = parts
        .map(|(name, value)| match name {
            "method" => plain(value),
            "qubits" => number_of(value, "qubit"),
            "threads" => number_of(value, "thread"),
            _ => format!("{name} {}", plain(value)),
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn number_of(value: &Value, noun: &str) -> String {
    text::count(value.as_u64().unwrap_or(0), noun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-20 10:22:28.397 UTC);

    fn show(document: &Value, width: usize) -> Vec<String> {
        let task: Task = serde_json::from_value(document.clone()).unwrap();
        details(&task, NOW, width, Paint(false))
    }

    fn completed() -> Value {
        serde_json::json!({
            "task_id": "01a1f877-e10b-7243-ba50-5bf875c0c917", "status": "completed", "backend": "simulator",
            "shots": 1024, "attempt": 1, "max_attempts": 3, "timeout_seconds": 300, "worker_id": "dev",
            "submitted_at": "2026-11-20T10:19:28.397Z", "started_at": "2026-11-20T10:19:28.403Z",
            "completed_at": "2026-11-20T10:19:28.407Z", "execution": {"qubits": 2, "method": "statevector", "seed": 7}, "result": {"00": 256, "11": 768},
            "status_history": [
                {"status": "pending", "transitioned_at": "2026-11-20T10:19:28.397Z", "notes": "Task created"},
                {"status": "completed", "transitioned_at": "2026-11-20T10:19:28.407Z", "worker_id": "dev"}]
        })
    }

    #[test]
    fn a_completed_circuit_shows_its_counts_and_its_history() {
        assert_eq!(
            show(&completed(), 60),
            [
                "01a1f877-e10b-7243-ba50-5bf875c0c917  completed",
                "  circuit    1,024 shots on simulator",
                "  submitted  2026-11-20 10:19:28 UTC (3 min ago)",
                "  took       10 ms (4 ms running)",
                "  worker     dev, attempt 1 of 3",
                "  run        statevector, 2 qubits, seed 7",
                "",
                "Result  2 outcomes of 1,024 shots",
                "  11  768   75.0 %  ████████████████████████████████████████",
                "  00  256   25.0 %  █████████████▎",
                "",
                "History",
                "     0 s  pending    10 ms       Task created",
                "  +10 ms  completed         dev",
            ]
        );
    }

    #[test]
    fn a_failed_one_shows_its_error_in_full() {
        let mut task = completed();
        task["status"] = "failed".into();
        task["result"] = Value::Null;
        task["error_code"] = "invalid_circuit".into();
        task["error_message"] =
            "line 2: no gate \u{1b}[31m is called so, and this goes on for long".into();
        let lines = show(&task, 50);
        let at = lines.iter().position(|line| line == "Error").unwrap();
        assert_eq!(
            lines[at + 1],
            "  invalid_circuit: line 2: no gate \\u{1b}[31m is"
        );
        assert_eq!(lines[at + 2], "  called so, and this goes on for long");
    }

    #[test]
    fn what_was_asked_for_beside_the_counts_stands_below_them() {
        let mut task = completed();
        task["execution"] = serde_json::json!({
            "qubits": 2, "method": "statevector", "threads": 2, "seed": 7, "notes": ["nothing is \u{1b}[31m wrong"],
            "probabilities": {"00": 0.25, "11": 0.75}, "statevector": [[0.5, 0], [0, 0], [0, 0], [0, 0.866_025_4]]
        });
        let lines = show(&task, 60);
        let at = lines.iter().position(|line| line.starts_with("Result"));
        assert_eq!(
            lines[at.unwrap()..at.unwrap() + 9],
            [
                "Result  2 outcomes of 1,024 shots",
                "      count    share     exact",
                "  11    768   75.0 %   75.00 %  ████████████████████████████",
                "  00    256   25.0 %   25.00 %  █████████▎",
                "Statevector  2 of 4 basis states, qubit 0 rightmost",
                "  STATE           AMPLITUDE  PROBABILITY",
                "  |11⟩   0.00000 + 0.86603i      75.00 %",
                "  |00⟩   0.50000 + 0.00000i      25.00 %",
                "Notes",
            ]
        );
        assert!(
            lines.contains(&"  nothing is \\u{1b}[31m wrong".to_owned()),
            "{lines:?}"
        );
        assert!(
            lines.contains(&"  run        statevector, 2 qubits, 2 threads, seed 7".to_owned()),
            "{lines:?}"
        );
        let task: Task = serde_json::from_value(task).unwrap();
        let last = ending(&task, 60, Paint(false)).pop();
        assert_eq!(
            last.unwrap(),
            "Run  statevector, 2 qubits, 2 threads, seed 7"
        );
    }

    #[test]
    fn a_waiting_problem_shows_its_place_in_line() {
        let task = serde_json::json!({
            "task_id": "x", "status": "pending", "kind": "problem", "backend": "aiopslab", "problem_id": "misconfig-1",
            "queue": {"position": 3, "exact": true}, "tags": ["night", "a\nb"], "metadata": {"run": "12"}
        });
        let lines = show(&task, 80);
        assert!(
            lines.contains(&"  problem    misconfig-1 on aiopslab".to_owned()),
            "{lines:?}"
        );
        assert!(
            lines.contains(&"  waiting    number 3 in line".to_owned()),
            "{lines:?}"
        );
        assert!(
            lines.contains(&"  metadata   {\"run\":\"12\"}".to_owned()),
            "{lines:?}"
        );
    }

    #[test]
    fn the_result_of_a_problem_shows_its_metrics() {
        let task = serde_json::json!({
            "status": "completed", "result": {"logs": [1, 2], "metrics": {"ttd": 12.5}, "output": {"ok": true}}
        });
        let lines = show(&task, 80);
        let at = lines.iter().position(|line| line == "Result").unwrap();
        assert_eq!(
            lines[at + 1..],
            [
                "    logs       2 lines",
                "    ttd        12.5",
                "    output     {\"ok\":true}"
            ]
        );
    }
}
