//! A trace context passes through qtask without an exporter.

use serde_json::{Value, json};

use super::{STATE, TRACE_ID, Tool, builder, submit, task, traceparent};
use crate::client::Ended;
use crate::support::app::Worker;
use crate::support::collector::Collector;
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::mocks::mock;
use crate::support::process::qtask;
use crate::support::wait::DEADLINE;
use crate::support::{QueueKind, Receiver, on_both_queues};

on_both_queues!(a_context_reaches_the_command_and_the_webhook_without_an_exporter,);

async fn a_context_reaches_the_command_and_the_webhook_without_an_exporter(kind: QueueKind) {
    let (receiver, tool) = (Receiver::start(&["200 OK"]).await, Tool::new());
    let collector = Collector::start().await;
    let app = builder(kind)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())
        .env("OTEL_SDK_DISABLED", "true")
        .worker(tool.worker("w1"))
        .start()
        .await;
    let parent = traceparent();
    let headers = [("traceparent", parent.as_str()), ("tracestate", STATE)];
    let fields = json!({"callback_url": receiver.url("127.0.0.1", "/"), "max_attempts": 1});
    let task_id = submit(&app, &task(&fields), &headers).await;
    let ended = app.wait_status(task_id, "completed").await;
    let seen = json!({"parent": parent, "state": STATE});
    assert_eq!(ended["result"], seen);
    let call = receiver.wait_for(1).await.remove(0);
    assert_eq!(
        (call.header("traceparent"), call.header("tracestate")),
        (parent.as_str(), STATE)
    );
    let claimed = app.workers[0].wait_for("task.claimed").await;
    assert_eq!(claimed.field("trace_id").as_deref(), Some(TRACE_ID));
    // The only span that is known is the client's.
    assert_eq!(claimed.field("span_id"), None);

    // A rerun without a context of its own continues the trace.
    let created = app
        .post(&format!("/tasks/{task_id}/rerun"), &json!({}))
        .await;
    let again = id_of(&created.expect(201));
    assert_eq!(app.wait_status(again, "completed").await["result"], seen);
    let own = parent.replace(TRACE_ID, &"a".repeat(32));
    let path = format!("/tasks/{task_id}/rerun");
    let request = app
        .request(reqwest::Method::POST, &path)
        .header("traceparent", &own);
    let created = crate::support::client::send(request)
        .await
        .expect("an answer");
    let again = id_of(&created.expect(201));
    let ended = app.wait_status(again, "completed").await;
    assert_eq!(ended["result"], json!({"parent": own, "state": ""}));

    // Without a context there is none to pass on.
    let untraced = app.submit(&task(&json!({}))).await;
    let ended = app.wait_status(untraced, "completed").await;
    assert_eq!(ended["result"], json!({"parent": "", "state": ""}));
    receiver.wait_for(3).await;
    app.finish().await;
    assert_eq!(collector.connections(), 0);
}

#[tokio::test]
async fn an_invalid_context_is_ignored() {
    let app = builder(QueueKind::Postgres)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let parent = traceparent();
    for headers in [
        &[("traceparent", "garbage")][..],
        &[(
            "traceparent",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        )],
        &[
            ("traceparent", parent.as_str()),
            ("traceparent", parent.as_str()),
        ],
        &[("tracestate", STATE)],
    ] {
        let task_id = submit(&app, &mock(""), headers).await;
        let row = app.database.task(task_id).await;
        assert_eq!(
            (&row["traceparent"], &row["tracestate"]),
            (&Value::Null, &Value::Null),
            "{headers:?}"
        );
        app.wait_terminal(task_id, DEADLINE).await;
    }
    let invalid_state = [("traceparent", parent.as_str()), ("tracestate", "a=1,a=2")];
    let task_id = submit(&app, &mock(""), &invalid_state).await;
    let row = app.database.task(task_id).await;
    assert_eq!(
        (&row["traceparent"], &row["tracestate"]),
        (&json!(parent), &Value::Null)
    );
    app.wait_terminal(task_id, DEADLINE).await;

    let states = [
        ("traceparent", parent.as_str()),
        ("tracestate", "a=1"),
        ("tracestate", "b=2"),
    ];
    let task_id = submit(&app, &mock(""), &states).await;
    let row = app.database.task(task_id).await;
    assert_eq!(row["tracestate"], "a=1,b=2");
    app.wait_terminal(task_id, DEADLINE).await;
    app.finish().await;
}

#[tokio::test]
async fn a_worker_over_http_gets_the_context_with_the_task() {
    let app = builder(QueueKind::Postgres).start().await;
    let worker = HttpWorker::register(&app, "w1", "tool").await;
    let parent = traceparent();
    let headers = [("traceparent", parent.as_str()), ("tracestate", STATE)];
    submit(&app, &problem("tool", &json!({})), &headers).await;
    let claimed = worker.claim_one(&app).await;
    assert_eq!(
        (&claimed["traceparent"], &claimed["tracestate"]),
        (&json!(parent), &json!(STATE))
    );
    worker.complete(&app, &claimed).await.expect(200);

    app.submit(&problem("tool", &json!({}))).await;
    let claimed = worker.claim_one(&app).await;
    assert_eq!(
        (claimed.get("traceparent"), claimed.get("tracestate")),
        (None, None)
    );
    worker.complete(&app, &claimed).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_client_command_passes_on_the_context_of_its_environment() {
    let app = builder(QueueKind::Postgres)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let submit = async |parent: &str| {
        let arguments = ["submit", "--problem", "p", "--backend", "tool", "--quiet"];
        let mut command = qtask(&arguments);
        command
            .env("QTASK_URL", app.url(0, ""))
            .env("TRACEPARENT", parent)
            .env("TRACESTATE", STATE);
        let output = command.output().await.expect("qtask starts");
        let ended = Ended::from(output).expect(0);
        let task_id = ended.stdout.trim().parse().expect("a task id");
        let row = app.database.task(task_id).await;
        app.cancel(task_id).await;
        row
    };
    let row = submit(&traceparent()).await;
    assert_eq!(
        (&row["traceparent"], &row["tracestate"]),
        (&json!(traceparent()), &json!(STATE))
    );
    assert_eq!(submit("garbage").await["traceparent"], Value::Null);
    app.finish().await;
}
