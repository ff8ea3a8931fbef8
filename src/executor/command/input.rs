//! The task as a program receives it: one JSON document on its standard input.

use serde_json::{Value, json};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::domain::task::{Assignment, Work};

/// The options of a problem that have their own members in the document.
const OF_A_PROBLEM: [&str; 2] = ["agent_config", "max_steps"];

/// The document, with a newline at its end.
pub fn document(assignment: &Assignment) -> Vec<u8> {
    let mut parameters = assignment.work.parameters();
    let mut task = json!({
        "task_id": assignment.lease.task_id,
        "attempt": assignment.lease.attempt,
        "backend": assignment.backend,
        "kind": assignment.work.kind(),
        "timeout_seconds": assignment.timeout_seconds,
        "metadata": assignment.metadata,
        "correlation_id": assignment.correlation_id,
    });
    let mut add = |name: &str, value: Value| {
        if let Value::Object(members) = &mut task {
            members.insert(name.to_owned(), value);
        }
    };
    match &assignment.work {
        Work::Circuit { source, options } => {
            add("circuit", json!(source));
            add("shots", json!(options.shots));
        }
        Work::Problem { problem_id, .. } => {
            add("problem_id", json!(problem_id));
            for name in OF_A_PROBLEM {
                if let Some(value) = parameters.remove(name) {
                    add(name, value);
                }
            }
        }
    }
    add("parameters", Value::Object(parameters));
    format!("{task}\n").into_bytes()
}

/// Writes the document and closes the stream. A program need not read it.
pub async fn write(mut stdin: impl AsyncWrite + Unpin, document: &[u8]) {
    let _ = stdin.write_all(document).await;
    let _ = stdin.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::super::tests::support::assignment;
    use super::*;
    use crate::domain::circuit_options::CircuitOptions;

    fn read(work: Work) -> Value {
        let mut assignment = assignment("aer");
        assignment.work = work;
        let task_id = assignment.lease.task_id.to_string();
        let mut task: Value = serde_json::from_slice(&document(&assignment)).unwrap();
        assert_eq!(task["task_id"].take(), json!(task_id));
        task
    }

    #[test]
    fn a_circuit_comes_with_its_shots() {
        let work = Work::Circuit {
            source: "OPENQASM 3;".to_owned(),
            options: CircuitOptions {
                seed: Some(1),
                ..CircuitOptions::of_shots(7)
            },
        };
        let expected = json!({
            "task_id": null, "attempt": 1, "backend": "aer", "kind": "circuit", "timeout_seconds": 60,
            "circuit": "OPENQASM 3;", "shots": 7, "parameters": {"seed": 1}, "metadata": {"a": 1}, "correlation_id": "c",
        });
        assert_eq!(read(work), expected);
    }

    #[test]
    fn a_problem_comes_with_its_agent() {
        let parameters = json!({"agent_config": {"model": "m"}, "max_steps": 30});
        let work = Work::Problem {
            problem_id: "p".to_owned(),
            parameters: parameters.as_object().cloned().unwrap(),
        };
        let expected = json!({
            "task_id": null, "attempt": 1, "backend": "aer", "kind": "problem", "timeout_seconds": 60,
            "problem_id": "p", "agent_config": {"model": "m"}, "max_steps": 30, "parameters": {}, "metadata": {"a": 1},
            "correlation_id": "c",
        });
        assert_eq!(read(work), expected);
    }
}
