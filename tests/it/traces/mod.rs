//! Traces: from a client's request to the command that runs the task and to its webhook.

mod collectors;
mod exported;
mod passed_on;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::app_builder::AppBuilder;
use crate::support::client::send;
use crate::support::collector::Collector;
use crate::support::http_worker::id_of;
use crate::support::wait::TempDir;
use crate::support::{App, QueueKind};

/// The trace of a client.
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// The span of the client that submits a task.
const CLIENT_SPAN: &str = "00f067aa0ba902b7";
const STATE: &str = "vendor=opaque,other=1";

fn traceparent() -> String {
    format!("00-{TRACE_ID}-{CLIENT_SPAN}-01")
}

/// A program whose result is the trace context of its environment.
struct Tool {
    directory: TempDir,
}

impl Tool {
    fn new() -> Self {
        Self::running("")
    }

    /// The same, after these commands; `$here` is a directory of the test's own.
    fn running(commands: &str) -> Self {
        let directory = TempDir::new("traced");
        let path = directory.path().join("run");
        let here = directory.path().display();
        let script = format!(
            "#!/bin/sh\nhere='{here}'\ncat > /dev/null\n{commands}\n\
             printf '{{\"result\": {{\"parent\": \"%s\", \"state\": \"%s\"}}}}\\n' \"$TRACEPARENT\" \"$TRACESTATE\"\n"
        );
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its permissions");
        Self { directory }
    }

    fn worker(&self, name: &str) -> Worker {
        let program = self.directory.path().join("run");
        Worker::command(name, &format!("tool={}", program.display()))
    }

    /// Creates a file that the commands wait for.
    fn open(&self, gate: &str) {
        fs::write(self.directory.path().join(gate), "").expect("a gate");
    }
}

fn builder(kind: QueueKind) -> AppBuilder {
    App::builder(kind)
        .env("QTASK_BACKENDS", "tool,mock")
        .env("QTASK_WEBHOOK_ALLOWED_HOSTS", "127.0.0.0/8")
}

/// Every process exports to this collector, soon.
fn exporting(kind: QueueKind, collector: &Collector) -> AppBuilder {
    builder(kind)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "20")
}

fn task(fields: &Value) -> Value {
    let mut task = json!({"backend": "tool", "problem_id": "p"});
    for (name, value) in fields.as_object().into_iter().flatten() {
        task[name] = value.clone();
    }
    task
}

/// Submits a task with these headers.
async fn submit(app: &App, task: &Value, headers: &[(&str, &str)]) -> Uuid {
    let request = app.request(Method::POST, "/tasks").json(task);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let reply = send(request).await.expect("an answer");
    id_of(&reply.expect(201))
}
