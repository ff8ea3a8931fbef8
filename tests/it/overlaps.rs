//! The same call twice at once: what the first one did, the second one finds done.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::gate::Gate;
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::mocks::{claimed, completed, created};
use crate::support::{App, QueueKind};

async fn app_with_two_apis() -> App {
    App::builder(QueueKind::Postgres)
        .apis(2)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await
}

/// A write about a task, to one of the APIs.
async fn write(
    app: &App,
    api: usize,
    w: &HttpWorker,
    task: &Value,
    what: &str,
    fields: &Value,
) -> u16 {
    let mut body = fields.clone();
    body["worker_id"] = json!(w.name);
    body["session_id"] = json!(w.session);
    body["attempt"] = task["attempt"].clone();
    let url = app.url(api, &format!("/tasks/{}/{what}", id_of(task)));
    let answer = crate::support::client::http_client()
        .post(url)
        .json(&body)
        .send()
        .await;
    answer.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_completion_repeated_while_the_first_one_is_under_way_succeeds_as_well() {
    let app = app_with_two_apis().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    app.submit(&problem("b", &json!({}))).await;
    let task = w.claim_one(&app).await;
    let gate = Gate::closed(&app.database, "completed").await;
    let result = json!({"result": {"output": 1}});
    let second = async {
        gate.wait_for_a_comer().await;
        write(&app, 1, &w, &task, "complete", &result).await
    };
    let opening = async {
        app.database.wait_for_a_row(1).await;
        gate.open().await;
    };
    let first = write(&app, 0, &w, &task, "complete", &result);
    let (first, second, ()) = tokio::join!(first, second, opening);
    assert_eq!((first, second), (200, 200));
    let history = [created(), claimed(1, "w"), completed(1, "w")];
    assert_eq!(app.database.history(id_of(&task)).await, history);
}

#[tokio::test]
async fn lines_repeated_while_they_are_being_written_are_kept_once() {
    let app = app_with_two_apis().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    app.submit(&problem("b", &json!({}))).await;
    let task = w.claim_one(&app).await;
    let holder = app.database.connect().await;
    let hold = format!(
        "BEGIN; SELECT FROM tasks WHERE task_id = '{}' FOR UPDATE",
        id_of(&task)
    );
    holder.batch_execute(&hold).await.expect("the row");
    let lines = json!({"logs": [{"message": "once", "logged_at": "2026-01-01T00:00:00Z"}, {"message": "untimed"}]});
    let release = async {
        app.database.wait_for_a_row(2).await;
        holder.batch_execute("COMMIT").await.expect("the end");
    };
    let first = write(&app, 0, &w, &task, "logs", &lines);
    let second = write(&app, 1, &w, &task, "logs", &lines);
    let (first, second, ()) = tokio::join!(first, second, release);
    assert_eq!((first, second), (204, 204));
    let count = "SELECT count(*) FROM task_logs WHERE message = $1";
    assert_eq!(app.database.count(count, &[&"once"]).await, 1);
    assert_eq!(app.database.count(count, &[&"untimed"]).await, 2);
    app.abandon_work();
}

#[tokio::test]
async fn a_worker_that_needs_its_time_to_stop_a_task_has_it_before_the_task_is_taken_from_it() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .env("QTASK_CANCEL_GRACE", "300ms")
        .start()
        .await;
    let body = json!({"worker_id": "slow", "backends": ["slow"], "capabilities": {"stop_grace_seconds": 60}});
    let slow = app.post("/workers/register", &body).await.expect(201);
    let quick = HttpWorker::register(&app, "quick", "quick").await;
    let slow_task = app.submit(&problem("slow", &json!({}))).await;
    let quick_task = app.submit(&problem("quick", &json!({}))).await;
    let claim = json!({"session_id": slow["session_id"]});
    let claimed = app.post("/workers/slow/claim", &claim).await.expect(200);
    assert_eq!(claimed["tasks"][0]["task_id"], json!(slow_task));
    quick.claim_one(&app).await;
    // Asked for first, it would be taken first.
    app.cancel(slow_task).await.expect(200);
    app.cancel(quick_task).await.expect(200);
    app.wait_status(quick_task, "cancelled").await;
    assert_eq!(app.task(slow_task).await["status"], "processing");
    let release = json!({"worker_id": "slow", "session_id": slow["session_id"], "attempt": 1});
    let path = format!("/tasks/{slow_task}/release");
    assert_eq!(
        app.post(&path, &release).await.expect(200)["status"],
        "cancelled"
    );
}

#[tokio::test]
async fn a_batch_that_names_many_unknown_backends_is_refused_at_once() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let tasks: Vec<Value> = (0..200)
        .map(|n| json!({"circuit": "x", "backend": format!("unknown-{n}")}))
        .collect();
    let began = std::time::Instant::now();
    let refused = app
        .post("/tasks/batch", &json!({"tasks": tasks}))
        .await
        .expect(422);
    assert!(
        refused["errors"]["tasks[0].backend"].is_string(),
        "{refused}"
    );
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
    let nobody = "SELECT count(*) FROM tasks WHERE task_id <> $1";
    assert_eq!(app.database.count(nobody, &[&Uuid::nil()]).await, 0);
}
