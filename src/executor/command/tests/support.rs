//! Helpers for tests of commands.

use std::time::{Duration, Instant};

use serde_json::json;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::circuit_options::CircuitOptions;
use crate::domain::log::LogLine;
use crate::domain::owner::{Lease, Session};
use crate::domain::status::Status;
use crate::domain::task::{Assignment, Work};
use crate::executor::command::{Command, Program};
use crate::executor::{Control, LogBuffer};

/// A first attempt at a small circuit.
pub fn assignment(backend: &str) -> Assignment {
    Assignment {
        lease: Lease {
            task_id: Uuid::now_v7(),
            attempt: 1,
            session: Session::begin("w1"),
        },
        previous_status: Status::Pending,
        backend: backend.to_owned(),
        work: Work::Circuit {
            source: "OPENQASM 3;".to_owned(),
            options: CircuitOptions::of_shots(7),
        },
        priority: 5,
        metadata: json!({"a": 1}),
        timeout_seconds: 60,
        max_attempts: 1,
        correlation_id: "c".to_owned(),
        trace: None,
        submitted_at: OffsetDateTime::now_utc(),
        started_at: OffsetDateTime::now_utc(),
    }
}

/// A command that runs this text in a shell.
pub fn shell(script: &str) -> Command {
    Command {
        program: Program {
            path: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
        },
        environment: Vec::new(),
        grace: Duration::from_mins(1),
        mark: Uuid::now_v7().to_string(),
    }
}

/// A control whose attempt is never stopped.
pub fn control() -> Control {
    Control {
        stop: CancellationToken::new(),
        kill: CancellationToken::new(),
        deadline: Instant::now() + Duration::from_mins(1),
        log_buffer: LogBuffer::default(),
    }
}

/// Waits for the next line of the log.
pub async fn next_line(log_buffer: &LogBuffer) -> LogLine {
    let filled = tokio::time::timeout(Duration::from_secs(30), log_buffer.filled()).await;
    assert_eq!(filled, Ok(true), "a line");
    let mut lines = log_buffer.take().lines;
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}
