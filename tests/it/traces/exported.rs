//! The spans that processes export.

use serde_json::json;

use super::{CLIENT_SPAN, STATE, TRACE_ID, Tool, exporting, submit, task, traceparent};
use crate::support::app::Worker;
use crate::support::collector::{Collector, Exported};
use crate::support::http_worker::id_of;
use crate::support::mocks::{mock, mock_with};
use crate::support::wait::DEADLINE;
use crate::support::{QueueKind, Receiver, on_both_queues};

on_both_queues!(
    one_trace_leads_from_the_request_to_the_command_and_the_webhook,
    all_attempts_at_a_task_belong_to_its_submission,
    a_killed_worker_leaves_a_trace_that_goes_on,
);

/// Fails unless the spans are a chain within the client's trace: each is the parent of the next.
fn assert_chain(spans: &[&Exported]) {
    for pair in spans.windows(2) {
        assert_eq!(pair[1].parent, pair[0].span_id, "{pair:#?}");
    }
    for span in spans {
        assert_eq!(
            (span.trace_id.as_str(), span.state.as_str()),
            (TRACE_ID, STATE),
            "{span:#?}"
        );
    }
}

async fn one_trace_leads_from_the_request_to_the_command_and_the_webhook(kind: QueueKind) {
    let (collector, receiver, tool) = (
        Collector::start().await,
        Receiver::start(&["200 OK"]).await,
        Tool::new(),
    );
    let app = exporting(kind, &collector)
        .worker(tool.worker("w1"))
        .start()
        .await;
    let parent = traceparent();
    let headers = [("traceparent", parent.as_str()), ("tracestate", STATE)];
    let fields = json!({"callback_url": receiver.url("127.0.0.1", "/?secret=sesame")});
    let task_id = submit(&app, &task(&fields), &headers).await;
    let ended = app.wait_status(task_id, "completed").await;
    let call = receiver.wait_for(1).await.remove(0);

    let request = collector.wait_for_one("POST /tasks").await;
    let submission = collector.wait_for_one("submit").await;
    let attempt = collector.wait_for_one("attempt tool").await;
    let command = collector.wait_for_one("command").await;
    let webhook = collector.wait_for_one("POST").await;
    assert_eq!(request.parent, CLIENT_SPAN);
    assert_chain(&[&request, &submission, &attempt, &command]);
    assert_chain(&[&submission, &webhook]);
    let kinds = [&request, &submission, &attempt, &command, &webhook].map(|span| span.kind);
    assert_eq!(
        kinds,
        ["server", "internal", "consumer", "internal", "client"]
    );
    assert_eq!(
        (request.service.as_str(), attempt.service.as_str()),
        ("qtask-serve", "qtask-work")
    );
    if let Some(queue) = &app.queue {
        let publication = collector
            .wait_for_one(&format!("publish {}.tool", queue.base()))
            .await;
        assert_chain(&[&submission, &publication]);
        assert_eq!(publication.kind, "producer");
        assert_eq!(attempt.links, [publication.span_id]);
    } else {
        assert!(attempt.links.is_empty());
    }

    // The program and the receiver continue the trace.
    let seen = json!({"parent": command.traceparent(), "state": STATE});
    assert_eq!(ended["result"], seen);
    assert_eq!(call.header("traceparent"), webhook.traceparent());
    assert_eq!(call.header("tracestate"), STATE);

    // Attributes.
    for (span, name, value) in [
        (&request, "http.request.method", "POST"),
        (&request, "http.route", "/tasks"),
        (&request, "url.path", "/tasks"),
        (&request, "http.response.status_code", "201"),
        (&attempt, "qtask.task.id", &task_id.to_string()),
        (&attempt, "qtask.attempt", "1"),
        (&attempt, "qtask.backend", "tool"),
        (&attempt, "qtask.outcome", "completed"),
        (&command, "process.exit.code", "0"),
        (&webhook, "http.response.status_code", "200"),
        (&webhook, "server.address", "127.0.0.1"),
    ] {
        assert_eq!(span.attribute(name), value, "{name} of {span:#?}");
    }
    assert!(!format!("{webhook:?}").contains("sesame"), "{webhook:#?}");
    assert!(collector.spans().iter().all(|span| !span.is_error));

    // Log lines name the spans.
    let claimed = app.workers[0].wait_for("task.claimed").await;
    assert_eq!(claimed.field("trace_id").as_deref(), Some(TRACE_ID));
    assert_eq!(claimed.field("span_id"), Some(attempt.span_id));
    let submitted = app.apis[0].wait_for("task.submitted").await;
    assert_eq!(submitted.field("trace_id").as_deref(), Some(TRACE_ID));
    assert_eq!(submitted.field("span_id"), Some(request.span_id));
    app.finish().await;
}

async fn all_attempts_at_a_task_belong_to_its_submission(kind: QueueKind) {
    let collector = Collector::start().await;
    let app = exporting(kind, &collector)
        .env("QTASK_RETRY_DELAY", "10ms")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let headers = [("traceparent", &*traceparent())];
    let task_id = submit(
        &app,
        &mock_with("fail-transient", &json!({"max_attempts": 2})),
        &headers,
    )
    .await;
    app.wait_status(task_id, "failed").await;
    let submission = collector.wait_for_one("submit").await;
    let attempts = collector.wait_for("attempt mock", 2).await;
    for (attempt, number) in attempts.iter().zip(["1", "2"]) {
        assert_eq!(attempt.parent, submission.span_id);
        assert_eq!(attempt.attribute("qtask.attempt"), number);
        assert_eq!(attempt.attribute("qtask.outcome"), "failed");
        assert_eq!(attempt.attribute("error.type"), "execution_error");
        assert!(attempt.is_error);
    }

    // A rerun belongs to the request for it, and names the other trace.
    let created = app
        .post(&format!("/tasks/{task_id}/rerun"), &json!({}))
        .await;
    let again = id_of(&created.expect(201));
    let rerun = collector.wait_for_one("rerun").await;
    assert_ne!(rerun.trace_id, TRACE_ID);
    assert_eq!(rerun.links, [submission.span_id]);
    let attempts = collector.wait_for("attempt mock", 3).await;
    let attempt = &attempts[2];
    assert_eq!(attempt.attribute("qtask.task.id"), again.to_string());
    assert_eq!(
        (&attempt.trace_id, &attempt.parent),
        (&rerun.trace_id, &rerun.span_id)
    );
    app.wait_terminal(again, DEADLINE).await;
    app.finish().await;
}

async fn a_killed_worker_leaves_a_trace_that_goes_on(kind: QueueKind) {
    let (collector, tool) = (
        Collector::start().await,
        Tool::running("[ -e $here/gate ] || sleep 60"),
    );
    let mut app = exporting(kind, &collector)
        .worker(tool.worker("w1"))
        .start()
        .await;
    let headers = [("traceparent", &*traceparent())];
    let task_id = submit(&app, &task(&json!({})), &headers).await;
    app.workers[0].wait_for("command.started").await;
    app.workers[0].kill9().await;
    tool.open("gate");
    app.workers.clear();
    app.start_worker(&tool.worker("w2")).await;
    app.wait_status(task_id, "completed").await;
    let submission = collector.wait_for_one("submit").await;
    let lost = collector.wait_for_one("sweep attempt").await;
    assert_eq!(lost.parent, submission.span_id);
    assert_eq!(lost.attribute("qtask.attempt"), "1");
    assert_eq!(lost.attribute("qtask.worker.id"), "w1");
    assert!(lost.is_error);
    let attempt = collector.wait_for_one("attempt tool").await;
    assert_eq!(attempt.parent, submission.span_id);
    assert_eq!(attempt.attribute("qtask.attempt"), "2");
    if kind == QueueKind::Amqp {
        // The message of the second attempt is the broker's redelivery or the sweep's; both are links, never the parent.
        assert_eq!(attempt.links.len(), 1);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_lost_message_does_not_lose_the_trace() {
    let collector = Collector::start().await;
    let mut app = exporting(QueueKind::Amqp, &collector).start().await;
    let headers = [("traceparent", &*traceparent())];
    let task_id = submit(&app, &mock(""), &headers).await;
    app.queue.as_ref().expect("a queue").purge("mock").await;
    let sweep = collector.wait_for_one("sweep dispatch").await;
    app.start_worker(&Worker::new("w1", "mock")).await;
    app.wait_status(task_id, "completed").await;
    let submission = collector.wait_for_one("submit").await;
    let attempt = collector.wait_for_one("attempt mock").await;
    assert_eq!(attempt.parent, submission.span_id);
    assert_eq!(attempt.trace_id, TRACE_ID);
    // The message of the sweep is a link to another trace.
    let spans = collector.spans();
    let published = spans
        .iter()
        .find(|span| attempt.links == [span.span_id.as_str()]);
    let published = published.expect("the span that published the message");
    assert_eq!(published.kind, "producer");
    assert_ne!(published.trace_id, TRACE_ID);
    assert_eq!(sweep.kind, "internal");
    app.finish().await;
}

#[tokio::test]
async fn a_trace_that_the_caller_does_not_record_is_passed_on_and_not_exported() {
    let (collector, tool) = (Collector::start().await, Tool::new());
    let app = exporting(QueueKind::Postgres, &collector)
        .worker(tool.worker("w1"))
        .start()
        .await;
    let unsampled = format!("00-{TRACE_ID}-{CLIENT_SPAN}-00");
    let task_id = submit(&app, &task(&json!({})), &[("traceparent", &unsampled)]).await;
    let ended = app.wait_status(task_id, "completed").await;
    let parent = ended["result"]["parent"].as_str().expect("a parent");
    assert!(
        parent.starts_with(&format!("00-{TRACE_ID}-")) && parent.ends_with("-00"),
        "{parent}"
    );
    // The last spans are sent before the end of the processes.
    app.finish().await;
    let spans = collector.spans();
    assert!(
        spans.iter().any(|span| span.name == "GET /tasks/{task_id}"),
        "{spans:#?}"
    );
    assert!(
        spans.iter().all(|span| span.trace_id != TRACE_ID),
        "{spans:#?}"
    );
}

#[tokio::test]
async fn the_tasks_of_a_batch_share_the_trace_of_their_request() {
    let collector = Collector::start().await;
    let app = exporting(QueueKind::Amqp, &collector)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let batch = json!({"tasks": [mock(""), mock("")]});
    let created = app.post("/tasks/batch", &batch).await.expect(201);
    let submission = collector.wait_for_one("submit").await;
    assert_eq!(submission.attribute("qtask.task.count"), "2");
    let attempts = collector.wait_for("attempt mock", 2).await;
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.parent == submission.span_id)
    );
    for task in created["tasks"].as_array().expect("tasks") {
        let task_id = id_of(task);
        app.wait_terminal(task_id, DEADLINE).await;
        let row = app.database.task(task_id).await;
        assert_eq!(row["traceparent"], submission.traceparent());
    }
    app.finish().await;
}

#[tokio::test]
async fn failed_requests_are_errors_and_probes_are_no_spans() {
    let collector = Collector::start().await;
    let app = exporting(QueueKind::Postgres, &collector).start().await;
    app.get("/readyz").await;
    app.get("/tasks/none").await.expect(400);
    app.get("/nowhere").await.expect(404);
    let refused = collector.wait_for_one("GET /tasks/{task_id}").await;
    assert_eq!(refused.attribute("http.response.status_code"), "400");
    // The error is the client's.
    assert!(!refused.is_error);
    let unknown = collector.wait_for_one("GET").await;
    assert_eq!(
        (
            unknown.attribute("url.path"),
            unknown.attribute("http.route")
        ),
        ("/nowhere", "")
    );
    app.finish().await;
    let spans = collector.spans();
    assert!(
        !spans
            .iter()
            .any(|span| span.name.contains("readyz") || span.name.contains("health")),
        "{spans:#?}"
    );
}

#[tokio::test]
async fn the_last_spans_are_sent_before_a_process_ends() {
    let collector = Collector::start().await;
    let app = exporting(QueueKind::Postgres, &collector)
        .env("OTEL_BSP_SCHEDULE_DELAY", "600000")
        .start()
        .await;
    app.get("/tasks").await.expect(200);
    assert!(collector.spans().is_empty());
    app.finish().await;
    let spans = collector.wait_for("GET /tasks", 1).await;
    assert_eq!(spans.len(), 1);
}

#[tokio::test]
async fn a_span_arrives_while_later_ones_have_not_ended() {
    let collector = Collector::start().await;
    let app = exporting(QueueKind::Postgres, &collector)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let task_id = app.submit(&mock("sleep 60s")).await;
    collector.wait_for_one("submit").await;
    app.cancel(task_id).await;
    let attempt = collector.wait_for_one("attempt mock").await;
    assert_eq!(attempt.attribute("qtask.outcome"), "cancelled");
    assert!(!attempt.is_error);
    app.wait_terminal(task_id, DEADLINE).await;
    app.finish().await;
}
