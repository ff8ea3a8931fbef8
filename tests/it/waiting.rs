//! Clients that wait for a task: one long read, or a stream of events.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, problem};
use crate::support::mocks::mock;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

/// A server-sent event.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: String,
    kind: String,
    data: Value,
}

/// A stream of events under way.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn of(app: &App, api: usize, task_id: Uuid, last_seen: Option<&str>) -> Self {
        let client = crate::support::client::http_client();
        let mut request = client.get(app.url(api, &format!("/tasks/{task_id}/events")));
        if let Some(id) = last_seen {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event; None when the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let mut lines = block.lines();
                    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                };
                if let Some(data) = field("data") {
                    return Some(Event {
                        id: field("id").expect("an id").to_owned(),
                        kind: field("event").expect("a kind").to_owned(),
                        data: serde_json::from_str(data).expect("JSON"),
                    });
                }
                continue;
            }
            let chunk = tokio::time::timeout(DEADLINE, self.response.chunk()).await;
            let chunk = chunk.expect("an event in time").expect("a whole stream")?;
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn statuses(events: &[Event]) -> Vec<&str> {
    let moves = events.iter().filter(|event| event.kind == "status");
    moves
        .filter_map(|event| event.data["status"].as_str())
        .collect()
}

/// A line in the log of a task, as its worker would write it.
async fn say(app: &App, task_id: Uuid, message: &str) {
    let line =
        "INSERT INTO task_logs (task_id, attempt, level, message) VALUES ($1, 1, 'info', $2)";
    app.database.execute(line, &[&task_id, &message]).await;
}

on_both_queues!(
    a_read_that_waits_is_answered_when_the_task_ends,
    a_stream_tells_every_status_and_line_once_and_ends_with_the_task,
);

async fn a_read_that_waits_is_answered_when_the_task_ends(kind: QueueKind) {
    let app = App::builder(kind)
        .apis(2)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let task_id = app.submit(&mock("hang")).await;
    app.wait_status(task_id, "processing").await;
    let path = format!("/tasks/{task_id}?wait=60");
    let waiting = [0, 1].map(|api| reqwest::get(app.url(api, &path)));
    let [first, second] =
        waiting.map(|answer| async { answer.await.expect("an answer").json::<Value>().await });
    let began = Instant::now();
    let (first, second, _) = tokio::join!(first, second, app.cancel(task_id));
    for task in [first, second] {
        assert_eq!(task.expect("a task")["status"], "cancelled");
    }
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(app.get(&path).await.expect(200)["status"], "cancelled");
    app.finish().await;
}

async fn a_stream_tells_every_status_and_line_once_and_ends_with_the_task(kind: QueueKind) {
    let mut app = App::builder(kind).apis(2).start().await;
    let task_id = app.submit(&mock("sleep 300ms")).await;
    let mut early = Events::of(&app, 0, task_id, None).await;
    assert_eq!(
        early.next().await.expect("an event").data["notes"],
        "Task created"
    );
    say(&app, task_id, "first\nline").await;
    let line = early.next().await.expect("an event");
    assert_eq!(
        (line.kind.as_str(), &line.data["message"]),
        ("log", &json!("first\nline"))
    );
    say(&app, task_id, "second").await;
    app.start_worker(&Worker::new("w", "mock")).await;

    let rest = early.rest().await;
    assert_eq!(statuses(&rest), ["processing", "completed"]);
    assert_eq!(rest.iter().filter(|event| event.kind == "log").count(), 1);
    assert_eq!(
        rest.last()
            .map(|event| (event.kind.as_str(), event.data.clone())),
        Some(("end", json!({"status": "completed"})))
    );

    // Cut off after any event, and resumed at another process, a client misses nothing and sees nothing twice.
    let all = Events::of(&app, 1, task_id, None).await.rest().await;
    assert_eq!(statuses(&all), ["pending", "processing", "completed"]);
    for (seen, event) in all
        .iter()
        .enumerate()
        .filter(|(_, event)| event.kind != "end")
    {
        let resumed = Events::of(&app, 1, task_id, Some(&event.id))
            .await
            .rest()
            .await;
        assert_eq!(resumed, all[seen + 1..], "after {event:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_wait_that_is_over_is_answered_with_the_task_as_it_is() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let task_id = app.submit(&mock("")).await;
    for wait in ["0", "0.05"] {
        let task = api.get(&format!("/tasks/{task_id}?wait={wait}")).await;
        assert_eq!(task.expect(200)["status"], "pending");
    }
    let refused = api
        .get(&format!("/tasks/{task_id}?wait=61&until=noon&x=1"))
        .await;
    let errors = refused.expect(422)["errors"].clone();
    assert_eq!(
        errors.as_object().map(serde_json::Map::len),
        Some(3),
        "{errors}"
    );
    let nobody = api.get(&format!("/tasks/{}?wait=5", Uuid::nil())).await;
    assert_eq!(nobody.expect_problem(404), "task_not_found");
}

#[tokio::test]
async fn a_wait_for_any_change_is_answered_when_the_task_is_claimed() {
    let mut app = App::builder(QueueKind::Postgres).start().await;
    let task_id = app.submit(&mock("hang")).await;
    let path = format!("/tasks/{task_id}?wait=60&until=change");
    let worker = Worker::new("w", "mock");
    let waiting = reqwest::get(app.url(0, &path));
    let (answer, _) = tokio::join!(waiting, async {
        app.start_worker(&worker).await.name().to_owned()
    });
    let task: Value = answer.expect("an answer").json().await.expect("a task");
    assert_eq!(task["status"], "processing");
    app.cancel(task_id).await.expect(200);
    app.wait_status(task_id, "cancelled").await;
    app.finish().await;
}

#[tokio::test]
async fn a_long_log_comes_whole_and_before_the_end() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let task_id = app.submit(&mock("")).await;
    let lines = "INSERT INTO task_logs (task_id, attempt, level, message) \
                 SELECT $1, 1, 'info', 'line ' || n FROM generate_series(1, 1201) AS n";
    assert_eq!(app.database.execute(lines, &[&task_id]).await, 1201);
    app.cancel(task_id).await.expect(200);
    let events = Events::of(&app, 0, task_id, None).await.rest().await;
    let logs: Vec<&Event> = events.iter().filter(|event| event.kind == "log").collect();
    assert_eq!(logs.len(), 1201);
    assert_eq!(logs[1200].data["message"], "line 1201");
    let last: Vec<&str> = events[1202..]
        .iter()
        .map(|event| event.kind.as_str())
        .collect();
    assert_eq!(
        (statuses(&events), last),
        (vec!["pending", "cancelled"], vec!["status", "end"])
    );
}

#[tokio::test]
async fn a_stream_tells_how_far_the_attempt_has_come() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let task_id = app.submit(&problem("b", &json!({}))).await;
    let task = w.claim_one(&app).await;
    let mut events = Events::of(&app, 0, task_id, None).await;
    for step in 1..=2 {
        let progress = json!({"step": step, "of": 2});
        let fields = json!({"logs": [], "progress": progress});
        w.write(&app, &task, "logs", &fields).await.expect(204);
        let told = loop {
            let event = events.next().await.expect("an event");
            if event.kind == "progress" {
                break event.data;
            }
            assert_eq!(event.kind, "status");
        };
        assert_eq!(told, progress);
    }
    w.complete(&app, &task).await.expect(200);
    assert_eq!(statuses(&events.rest().await), ["completed"]);
}

#[tokio::test]
async fn the_log_comes_with_the_task_when_it_is_asked_for() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let task_id = app.submit(&mock("")).await;
    say(&app, task_id, "a word").await;
    assert!(app.task(task_id).await["logs"].is_null());
    let task = app
        .get(&format!("/tasks/{task_id}?include_logs=true"))
        .await
        .expect(200);
    assert_eq!(task["logs"][0]["message"], "a word");
    assert_eq!(task["logs"][0]["level"], "info");
}

#[tokio::test]
async fn who_waits_while_the_listening_connection_is_lost_is_answered_all_the_same() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let task_id = app.submit(&mock("hang")).await;
    app.wait_status(task_id, "processing").await;
    let waiting = reqwest::get(app.url(0, &format!("/tasks/{task_id}?wait=60")));
    let cutting = async {
        let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                   WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        let listeners = || async { (app.database.count(cut, &[]).await > 0).then_some(()) };
        eventually(DEADLINE, "listening connections", listeners).await;
        app.cancel(task_id).await.expect(200)
    };
    let (answer, _) = tokio::join!(waiting, cutting);
    let task: Value = answer.expect("an answer").json().await.expect("a task");
    assert_eq!(task["status"], "cancelled");
    app.finish().await;
}

#[tokio::test]
async fn a_service_that_stops_answers_those_who_wait() {
    let mut app = App::builder(QueueKind::Postgres).start().await;
    let task_id = app.submit(&mock("")).await;
    let client = crate::support::client::http_client();
    let waiting = client
        .get(app.url(0, &format!("/tasks/{task_id}?wait=60")))
        .send();
    let stream = Events::of(&app, 0, task_id, None).await;
    let began = Instant::now();
    let (answer, status) = tokio::join!(waiting, async {
        app.apis[0].wait_for("request.waiting").await;
        app.apis[0].terminate().await
    });
    let task: Value = answer.expect("an answer").json().await.expect("a task");
    assert_eq!(task["status"], "pending");
    assert_eq!(statuses(&stream.rest().await), ["pending"]);
    assert!(status.success());
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_stream_needs_a_task_and_an_id_of_its_own_making() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let task_id = app.submit(&mock("")).await;
    for (path, status, code) in [
        ("/tasks/x/events".to_owned(), 400, "invalid_task_id"),
        (
            format!("/tasks/{}/events", Uuid::nil()),
            404,
            "task_not_found",
        ),
        (
            format!("/tasks/{task_id}/events?last_event_id=x"),
            422,
            "validation_failed",
        ),
        (
            format!("/tasks/{task_id}/events?since=x"),
            422,
            "validation_failed",
        ),
    ] {
        assert_eq!(api.get(&path).await.expect_problem(status), code, "{path}");
    }
    let posted = app.request(Method::POST, &format!("/tasks/{task_id}/events"));
    let refused = crate::support::client::send(posted)
        .await
        .expect("an answer");
    assert_eq!(refused.expect_problem(405), "method_not_allowed");
}
