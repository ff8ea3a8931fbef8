//! What one answer shows of a task belongs together, whatever happens to the task meanwhile.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind};

fn task() -> Value {
    json!({"circuit": "x", "backend": "mock"})
}

async fn start() -> (App, WorkerRows) {
    let app = App::builder(QueueKind::Postgres).start().await;
    let puller = WorkerRows::register(&app.database, "w").await;
    (app, puller)
}

/// Asks for a path while a table is locked, and lets `change` happen once the answer waits for the table.
/// A read of several statements has been through the first of them by then.
async fn read_across(
    app: &App,
    path: &str,
    table: &str,
    change: impl AsyncFnOnce(&Client),
) -> String {
    let client = app.database.connect().await;
    let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    client.batch_execute(&lock).await.expect("the table");
    let changing = async {
        app.database.wait_for_a_table("SELECT%").await;
        change(&client).await;
        client.batch_execute("COMMIT").await.expect("a commit");
    };
    let reading = async {
        let answer = reqwest::get(app.url(0, path)).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.text().await.expect("a whole answer")
    };
    tokio::join!(reading, changing).0
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Ends the running attempt of a task, with a last line in its log where `said` is one.
async fn complete(client: &Client, task_id: Uuid, said: &str) {
    let end = format!(
        "INSERT INTO task_logs (task_id, attempt, level, message) VALUES ('{task_id}', 1, 'info', '{said}');
         UPDATE tasks SET current_status = 'completed', completed_at = clock_timestamp(), worker_id = NULL,
                session_id = NULL, result = '{{}}' WHERE task_id = '{task_id}';
         INSERT INTO status_history (task_id, status, transitioned_at, attempt)
         VALUES ('{task_id}', 'completed', clock_timestamp(), 1)"
    );
    client.batch_execute(&end).await.expect("the end");
}

/// Gives a running task back and claims it anew; its progress begins anew as well.
async fn run_again(client: &Client, puller: &WorkerRows, task_id: Uuid) {
    let release = format!(
        "UPDATE tasks SET current_status = 'retrying', available_at = clock_timestamp(), worker_id = NULL,
                session_id = NULL, progress = NULL WHERE task_id = '{task_id}';
         INSERT INTO status_history (task_id, status, transitioned_at, attempt)
         VALUES ('{task_id}', 'retrying', clock_timestamp(), 1)"
    );
    client.batch_execute(&release).await.expect("a release");
    puller.claim_on(client, task_id).await;
}

#[tokio::test]
async fn the_history_of_a_task_ends_in_the_status_that_it_is_shown_in() {
    let (app, puller) = start().await;
    let task_id = app.submit(&task()).await;
    let path = format!("/tasks/{task_id}");
    let read = read_across(&app, &path, "status_history", async |client| {
        puller.claim_on(client, task_id).await;
    });
    let shown = json(&read.await);
    let history = shown["status_history"].as_array().expect("a history");
    let last = history.last().expect("an entry");
    assert_eq!(shown["status"], last["status"], "{shown}");
    assert_eq!(shown["status"], "processing");
    assert_eq!(shown.get("queue"), None, "{shown}");
    app.abandon_work();
}

#[tokio::test]
async fn the_log_that_comes_with_a_task_is_as_old_as_its_status() {
    let (app, puller) = start().await;
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let path = format!("/tasks/{task_id}?include_logs=true");
    let read = read_across(&app, &path, "task_logs", async |client| {
        complete(client, task_id, "the last words").await;
    });
    let shown = json(&read.await);
    assert_eq!(shown["status"], "completed", "{shown}");
    assert_eq!(shown["logs"][0]["message"], "the last words", "{shown}");
}

#[tokio::test]
async fn a_stream_does_not_tell_the_progress_of_an_attempt_that_has_ended() {
    let (app, puller) = start().await;
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let progress = "UPDATE tasks SET progress = '{\"step\": 1}' WHERE task_id = $1";
    app.database.execute(progress, &[&task_id]).await;
    let path = format!("/tasks/{task_id}/events");
    let read = read_across(&app, &path, "status_history", async |client| {
        run_again(client, &puller, task_id).await;
        complete(client, task_id, "the last words").await;
    });
    let events = read.await;
    assert!(events.contains("event: end"), "{events}");
    assert!(!events.contains("event: progress"), "{events}");
}

#[tokio::test]
async fn a_list_shows_tasks_as_they_were_when_they_were_found() {
    let (app, puller) = start().await;
    let task_id = puller.submit_and_claim(&app, &task()).await;
    let (stop, mut stopped) = oneshot::channel::<()>();
    let client = app.database.connect().await;
    let moving = tokio::spawn(async move {
        let give = "UPDATE tasks SET last_worker_id = $2, worker_id = $2 WHERE task_id = $1";
        let give = client.prepare(give).await.expect("a statement");
        for worker in ["other", "w"].iter().cycle() {
            if stopped.try_recv().is_ok() {
                break;
            }
            client
                .execute(&give, &[&task_id, worker])
                .await
                .expect("a move");
        }
    });
    let (mut found, mut read) = (0, 0);
    let limit = tokio::time::Instant::now() + Duration::from_secs(20);
    while read < 500 && tokio::time::Instant::now() < limit {
        let page = app.get("/tasks?worker_id=w").await.expect(200);
        read += 1;
        for shown in page["tasks"].as_array().expect("tasks") {
            found += 1;
            assert_eq!(shown["worker_id"], "w", "{shown}");
        }
    }
    let _ = stop.send(());
    moving.await.expect("moves");
    assert!(found > 0, "the task was never found in {read} lists");
    app.abandon_work();
}
