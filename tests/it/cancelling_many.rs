//! Cancelling the tasks that a filter selects: by the API, and on the command line.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::run;
use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, id_of};
use crate::support::mocks::{mock, mock_with};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

async fn submit_many(app: &App, task: &Value, count: usize) {
    let mut left = count;
    while left > 0 {
        let size = left.min(1_000);
        let tasks = vec![task.clone(); size];
        let body = json!({"tasks": tasks});
        app.post("/tasks/batch", &body).await.expect(201);
        left -= size;
    }
}

async fn cancel(app: &App, body: &Value) -> Value {
    let api = Contract::of(app).await;
    api.post("/tasks/cancel", body).await.expect(200)
}

on_both_queues!(tasks_that_are_cancelled_while_workers_claim_all_end_once);

async fn tasks_that_are_cancelled_while_workers_claim_all_end_once(kind: QueueKind) {
    let worker = |name| Worker::new(name, "mock").args(&["--concurrency", "4"]);
    let app = App::builder(kind)
        .env("QTASK_CANCEL_GRACE", "10s")
        .worker(worker("w1"))
        .worker(worker("w2"))
        .start()
        .await;
    submit_many(&app, &mock("sleep 5ms"), 2_000).await;
    eventually(DEADLINE, "claims", || async {
        (app.database.tasks_in("completed").await >= 50).then_some(())
    })
    .await;
    let url = app.url(0, "");
    let cancelled = run(&url, &["cancel", "--backend", "mock", "--yes"]).await;
    let cancelled = cancelled.expect(0);
    let numbers: Vec<i64> = cancelled.columns()[0]
        .iter()
        .map(|number| number.parse().expect("a number"))
        .collect();
    assert!(numbers[1] > 0, "{numbers:?}");
    let open = "SELECT count(*) FROM tasks WHERE completed_at IS NULL";
    eventually(DEADLINE, "the end of all tasks", || async {
        (app.database.count(open, &[]).await == 0).then_some(())
    })
    .await;
    // Each task has one terminal entry in its history, which is that of its row.
    let once = "SELECT count(*) FROM tasks t WHERE ARRAY[t.current_status] = ARRAY(
        SELECT h.status FROM status_history h WHERE h.task_id = t.task_id
        AND h.status IN ('completed', 'failed', 'cancelled'))";
    assert_eq!(app.database.count(once, &[]).await, 2_000);
    let waiting = app.database.tasks_in("cancelled").await;
    assert!(waiting >= numbers[1], "{waiting} of {numbers:?}");
    app.finish().await;
}

#[tokio::test]
async fn only_what_the_filter_selects_is_cancelled() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let worker = HttpWorker::register(&app, "w", "mock").await;
    app.submit(&mock("")).await;
    let running = worker.claim_one(&app).await;
    let tagged = app
        .submit(&mock_with("", &json!({"tags": ["a", "b"]})))
        .await;
    let named = app.submit(&mock_with("", &json!({"name": "n"}))).await;
    let other = app
        .submit(&mock_with("", &json!({"backend": "simulator"})))
        .await;
    let status = async |task: Uuid| app.task(task).await["status"].clone();

    let pending = |more: Value| {
        let mut filter = json!({"status": ["pending"]});
        for (name, value) in more.as_object().into_iter().flatten() {
            filter[name] = value.clone();
        }
        json!({"filter": filter})
    };
    let mut dry = pending(json!({"backend": "mock"}));
    dry["dry_run"] = json!(true);
    let counted = cancel(&app, &dry).await;
    assert_eq!(
        (&counted["matched"], &counted["cancelled"]),
        (&json!(2), &json!(0))
    );
    assert_eq!(status(tagged).await, "pending");

    assert_eq!(
        cancel(&app, &pending(json!({"tags": ["a", "c"]}))).await["matched"],
        0
    );
    assert_eq!(
        cancel(&app, &pending(json!({"tags": ["b"]}))).await["cancelled"],
        1
    );
    assert_eq!(status(tagged).await, "cancelled");
    assert_eq!(
        cancel(&app, &pending(json!({"name": "n"}))).await["cancelled"],
        1
    );
    assert_eq!(status(named).await, "cancelled");
    let stop = json!({"filter": {"status": ["processing"], "worker_id": "w"}});
    let stopped = cancel(&app, &stop).await;
    assert_eq!(
        (&stopped["cancelled"], &stopped["cancel_requested"]),
        (&json!(0), &json!(1))
    );
    let beaten = worker.beat(&app, &[id_of(&running)]).await.expect(200);
    assert_eq!(beaten["cancel"], json!([running["task_id"]]));
    worker
        .write(&app, &running, "release", &json!({}))
        .await
        .expect(200);
    assert_eq!(status(id_of(&running)).await, "cancelled");
    assert_eq!(status(other).await, "pending");
    app.cancel(other).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn a_task_that_is_submitted_after_the_first_request_is_left_alone() {
    let app = App::builder(QueueKind::Postgres).start().await;
    submit_many(&app, &mock(""), 1_500).await;
    let mut body = json!({"filter": {"status": ["pending"], "backend": "mock"}});
    let first = cancel(&app, &body).await;
    assert!(first["next_after"].is_string(), "{first}");
    let later = app.submit(&mock("")).await;
    body["as_of"] = first["as_of"].clone();
    let mut page = first;
    while page["next_after"].is_string() {
        body["after"] = page["next_after"].clone();
        page = cancel(&app, &body).await;
    }
    assert_eq!(app.database.tasks_in("cancelled").await, 1_500);
    assert_eq!(app.task(later).await["status"], "pending");
    app.cancel(later).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn the_command_shows_the_number_and_cancels_only_with_consent() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let url = app.url(0, "");
    submit_many(&app, &mock(""), 3).await;
    let filters = ["cancel", "--backend", "mock", "--status", "pending"];
    let with = |flag| filters.iter().copied().chain([flag]).collect::<Vec<_>>();
    let counted = run(&url, &with("--dry-run")).await.expect(0);
    assert_eq!(counted.stdout, "3\t0\t0\n");
    let refused = run(&url, &filters).await.expect(2);
    assert!(
        refused.stderr.contains("3 tasks") && refused.stderr.contains("--yes"),
        "{}",
        refused.stderr
    );
    run(&url, &["cancel"]).await.expect(2);
    run(
        &url,
        &["cancel", &Uuid::now_v7().to_string(), "--backend", "mock"],
    )
    .await
    .expect(2);
    assert_eq!(app.database.tasks_in("pending").await, 3);
    let done = run(&url, &with("--yes")).await.expect(0);
    assert_eq!(done.stdout, "3\t3\t0\n");
    let again = run(&url, &with("--yes")).await.expect(0);
    assert!(again.stderr.contains("No task fits"), "{}", again.stderr);
    app.finish().await;
}

#[tokio::test]
async fn a_search_by_error_code_goes_past_tasks_without_one() {
    let app = App::builder(QueueKind::Postgres).start().await;
    submit_many(&app, &mock(""), 1_200).await;
    let mut body = json!({"filter": {"status": ["pending"]}});
    loop {
        let page = cancel(&app, &body).await;
        body["as_of"] = page["as_of"].clone();
        body["after"] = page["next_after"].clone();
        if page["next_after"].is_null() {
            break;
        }
    }
    let api = Contract::of(&app).await;
    let path = "/tasks?status=cancelled&error_code=x";
    let page = api.get(path).await.expect(200);
    assert!(page["next_cursor"].is_string(), "{page}");
    assert_eq!(page["tasks"], json!([]));
    let url = app.url(0, "");
    let listed = run(
        &url,
        &[
            "rerun",
            "--status",
            "cancelled",
            "--error-code",
            "x",
            "--dry-run",
        ],
    )
    .await;
    assert_eq!(listed.expect(0).stdout, "0\n");
    app.finish().await;
}
