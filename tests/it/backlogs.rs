//! `QTASK_MAX_WAITING`: submissions to a backend with too many waiting tasks are refused.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::app::Worker;
use crate::support::client::{http_client, send};
use crate::support::contract::Contract;
use crate::support::mocks::mock;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

on_both_queues!(a_backend_takes_no_more_tasks_than_may_wait,);

async fn a_backend_takes_no_more_tasks_than_may_wait(kind: QueueKind) {
    let mut app = App::builder(kind)
        .env("QTASK_MAX_WAITING", "5")
        .start()
        .await;
    let api = Contract::of(&app).await;
    let first = api.post_keyed("/tasks", "k", &mock("")).await.expect(201);
    for _ in 0..4 {
        api.post("/tasks", &mock("")).await.expect(201);
    }
    let refused = api.post("/tasks", &mock("")).await;
    let seconds = refused.headers["retry-after"].to_str().expect("a header");
    assert!(seconds.parse::<u64>().expect("seconds") >= 1, "{seconds}");
    assert_eq!(refused.body["code"], "backlog_full");
    let detail = refused.expect(429)["detail"].to_string();
    assert!(
        detail.contains("`mock`") && detail.contains('5'),
        "{detail}"
    );
    // The repetition of an accepted request is answered as before.
    let again = api.post_keyed("/tasks", "k", &mock("")).await.expect(201);
    assert_eq!(again["task_id"], first["task_id"]);
    // Other backends have a limit of their own, and a batch is accepted whole or not at all.
    let other = json!({"circuit": "x", "backend": "simulator"});
    let batch = |tasks: usize| json!({"tasks": vec![other.clone(); tasks]});
    let refused = api.post("/tasks/batch", &batch(6)).await;
    assert_eq!(refused.expect_problem(429), "backlog_full");
    api.post("/tasks/batch", &batch(4)).await.expect(201);
    let mixed = json!({"tasks": [other.clone(), mock("")]});
    let refused = api.post("/tasks/batch", &mixed).await;
    assert_eq!(refused.expect_problem(429), "backlog_full");
    // The place in the other backend was given back.
    api.post("/tasks", &other).await.expect(201);
    assert_eq!(app.database.tasks_in("pending").await, 10);

    app.start_worker(&Worker::new("w", "mock")).await;
    eventually(DEADLINE, "a claim of a waiting task", async || {
        let reply = app.post("/tasks", &mock("")).await;
        (reply.status == 201).then_some(())
    })
    .await;
    app.abandon_work();
}

#[tokio::test]
async fn concurrent_submissions_to_one_process_stay_within_the_limit() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_MAX_WAITING", "10")
        .start()
        .await;
    let task = mock("");
    let replies = join_all((0..60).map(|_| app.post("/tasks", &task))).await;
    let accepted = replies.iter().filter(|reply| reply.status == 201).count();
    assert_eq!(accepted, 10);
    assert_eq!(app.database.tasks_in("pending").await, 10);
}

#[tokio::test]
async fn two_processes_exceed_the_limit_by_no_more_than_both_accept_between_two_counts() {
    const LIMIT: i64 = 20;
    let app = App::builder(QueueKind::Postgres)
        .apis(2)
        .env("QTASK_MAX_WAITING", &LIMIT.to_string())
        .start()
        .await;
    let submit = async |api: usize| {
        let request = http_client().post(app.url(api, "/tasks")).json(&mock(""));
        send(request).await.expect("an answer").status
    };
    join_all((0..80).map(|n| submit(n % 2))).await;
    let waiting = app.database.tasks_in("pending").await;
    assert!((LIMIT..=2 * LIMIT).contains(&waiting), "{waiting}");
    // Both see all tasks with their next count.
    for api in [0, 1] {
        assert_eq!(submit(api).await, 429, "{api}");
    }
}

#[tokio::test]
async fn without_a_limit_no_task_is_counted() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_MAX_WAITING", "0")
        .start()
        .await;
    for _ in 0..3 {
        app.submit(&mock("")).await;
    }
    let metrics = app.get("/metrics").await.body;
    let metrics = metrics.as_str().expect("text").to_owned();
    assert!(!metrics.contains("count waiting tasks"), "{metrics}");
}
