//! Why a waiting task does not run yet: in the API, and on the command line.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use uuid::Uuid;

use crate::client::{on_terminal, run};
use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, problem};
use crate::support::process::qtask;
use crate::support::stub::{Stub, json as answer};
use crate::support::wait::DEADLINE;
use crate::support::{App, QueueKind};

const ID: &str = "01a1f877-e10b-7243-ba50-5bf875c0c917";

async fn waiting(app: &App, task_id: Uuid) -> (String, String) {
    let api = Contract::of(app).await;
    let task = api.get(&format!("/tasks/{task_id}")).await.expect(200);
    let text = |field: &str| task[field].as_str().unwrap_or_default().to_owned();
    (text("waiting_reason"), text("waiting_message"))
}

async fn change_workers(app: &App, change: &str) {
    app.database
        .execute(&format!("UPDATE workers SET {change}"), &[])
        .await;
}

#[tokio::test]
async fn a_waiting_task_says_what_it_waits_for() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .env("QTASK_RETRY_DELAY", "10m")
        .start()
        .await;
    let submit = async || app.submit(&problem("aiopslab", &json!({}))).await;
    let reason = async |task_id| waiting(&app, task_id).await.0;

    let task = submit().await;
    let (code, message) = waiting(&app, task).await;
    assert_eq!(code, "no_worker");
    assert!(message.contains("`aiopslab`"), "{message}");

    HttpWorker::register(&app, "elsewhere", "other").await;
    assert_eq!(reason(task).await, "no_worker");
    let worker = HttpWorker::register(&app, "w", "aiopslab").await;
    assert_eq!(reason(task).await, "next_in_line");
    let second = submit().await;
    assert_eq!(reason(second).await, "in_line");

    let claimed = worker.claim_one(&app).await;
    assert_eq!(waiting(&app, task).await, (String::new(), String::new()));
    assert_eq!(reason(second).await, "workers_busy");

    let failure = json!({"code": "execution_error", "message": "not now", "retry": true});
    worker
        .write(&app, &claimed, "fail", &failure)
        .await
        .expect(200);
    assert_eq!(reason(task).await, "retry_due");
    assert_eq!(reason(second).await, "next_in_line");

    change_workers(&app, "draining_since = now()").await;
    let (code, message) = waiting(&app, second).await;
    assert_eq!(code, "workers_draining");
    assert!(message.contains("1 draining"), "{message}");
    change_workers(
        &app,
        "draining_since = NULL, not_ready_reason = 'the broker is away'",
    )
    .await;
    let (code, message) = waiting(&app, second).await;
    assert_eq!(code, "workers_not_ready");
    assert!(message.contains("the broker is away"), "{message}");
    change_workers(&app, "ended_at = now()").await;
    assert_eq!(reason(second).await, "workers_offline");
    assert_eq!(reason(task).await, "workers_offline");
}

#[tokio::test]
async fn the_reason_is_bounded_in_a_large_fleet() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let fleet = "INSERT INTO workers (worker_id, session_id, backends, lease_ms)
                 SELECT 'w' || n, gen_random_uuid(), '{aiopslab}', 3600000 FROM generate_series(1, 5000) AS n";
    app.database.execute(fleet, &[]).await;
    let task = app.submit(&problem("aiopslab", &json!({}))).await;
    assert_eq!(waiting(&app, task).await.0, "next_in_line");
    change_workers(&app, "ended_at = now()").await;
    let (code, message) = waiting(&app, task).await;
    assert_eq!(code, "workers_offline");
    assert!(message.contains("5000 workers serve"), "{message}");
}

#[tokio::test]
async fn the_command_line_says_that_no_worker_serves_the_backend() {
    let mut app = App::builder(QueueKind::Postgres).start().await;
    let url = app.url(0, "");
    let task = app
        .submit(&crate::support::mocks::mock(""))
        .await
        .to_string();
    let got = on_terminal(&url, &[("NO_COLOR", "1")], &["get", &task]).await;
    assert!(
        got.contains("  waiting    no worker serves the backend `mock`"),
        "{got}"
    );
    assert!(!got.contains("in line"), "{got}");

    // In a pipe, it is told once and before the end.
    let mut waits = qtask(&["get", &task, "--wait", "--json"])
        .env("QTASK_URL", &url)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("qtask starts");
    let mut stderr = waits.stderr.take().expect("its errors");
    let mut said = vec![0; 1024];
    let read = tokio::time::timeout(DEADLINE, stderr.read(&mut said)).await;
    let read = read.expect("a note in time").expect("text");
    let said = String::from_utf8_lossy(&said[..read]).into_owned();
    assert!(
        said.starts_with("Waiting: no worker serves the backend `mock`"),
        "{said}"
    );
    app.start_worker(&Worker::new("w", "mock")).await;
    let ended = tokio::time::timeout(DEADLINE, waits.wait()).await;
    assert!(ended.expect("an end in time").expect("its end").success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).await.expect("text");
    assert_eq!(rest, "");
    app.finish().await;
}

#[tokio::test]
async fn a_worker_that_has_just_begun_reports_no_obstacle() {
    // No second heartbeat comes within the test.
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_HEARTBEAT_INTERVAL", "10m")
        .env("QTASK_LEASE_DURATION", "1h")
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let worker = app.get("/workers/w").await.expect(200);
    assert_eq!(worker["status"], "idle");
    assert!(worker["not_ready_reason"].is_null(), "{worker}");
    app.finish().await;
}

#[tokio::test]
async fn progress_and_reasons_are_shown_live_while_a_terminal_waits() {
    let stub = Stub::start(|before, _| {
        let mut task = match before {
            0 => json!({"status": "pending", "backend": "aer", "waiting_reason": "no_worker",
                        "waiting_message": "no worker serves the backend `aer`"}),
            1 => json!({"status": "processing", "worker_id": "w1", "progress": {"step": 8, "max_steps": 15}}),
            _ => json!({"status": "completed", "result": {"0": 1}}),
        };
        task["task_id"] = Value::from(ID);
        answer(200, &task)
    })
    .await;
    let shown = on_terminal(&stub.url, &[("NO_COLOR", "1")], &["get", ID, "--wait"]).await;
    for part in [
        "pending, no worker serves the backend `aer`",
        "processing on w1, step 8 of 15",
        "1 outcome of 1 shot\r\n",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // A second at a time: what is shown is never older.
    let line = &stub.requests()[1].line;
    assert!(line.contains("wait=1&until=change"), "{line}");
}

#[tokio::test]
async fn a_quiet_wait_says_nothing() {
    let stub = Stub::start(|before, request| {
        if request.line.starts_with("POST") {
            return answer(201, &json!({"task_id": ID, "status": "pending"}));
        }
        let status = if before < 2 { "pending" } else { "completed" };
        answer(
            200,
            &json!({"task_id": ID, "status": status, "waiting_reason": "no_worker", "waiting_message": "no worker"}),
        )
    })
    .await;
    let quiet = ["submit", "--problem", "p", "--wait", "--quiet"];
    let ended = run(&stub.url, &quiet).await.expect(0);
    assert_eq!((ended.stdout.trim(), ended.stderr.as_str()), (ID, ""));
}
