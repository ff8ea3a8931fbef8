//! POST /tasks/batch: all or none.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::assert_fields;
use crate::support::answers::{id_of, keys, text};
use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

fn batch(tasks: usize) -> Value {
    let tasks: Vec<Value> = (0..tasks)
        .map(|n| json!({"circuit": "x", "backend": "mock", "name": format!("task {n}")}))
        .collect();
    json!({"tasks": tasks})
}

fn ids(answer: &Value) -> Vec<Uuid> {
    let tasks = answer["tasks"].as_array().expect("tasks");
    tasks.iter().map(id_of).collect()
}

async fn stored(app: &App) -> i64 {
    app.database.count("SELECT count(*) FROM tasks", &[]).await
}

on_both_queues!(
    a_thousand_tasks_are_accepted_in_their_order_and_all_are_run,
    one_task_that_cannot_be_used_refuses_all_and_is_named,
    a_batch_under_the_same_key_gives_the_same_tasks_and_another_one_409,
    the_same_batch_from_many_clients_at_once_is_stored_once,
);

async fn a_thousand_tasks_are_accepted_in_their_order_and_all_are_run(kind: QueueKind) {
    let worker = Worker::new("w", "mock").args(&["--concurrency", "64"]);
    let app = App::builder(kind).worker(worker).start().await;
    let api = Contract::of(&app).await;
    let answer = api.post("/tasks/batch", &batch(1_000)).await.expect(201);
    assert_eq!(keys(&answer), BTreeSet::from(["count", "tasks"]));
    assert_eq!(answer["count"], 1_000);
    let ids = ids(&answer);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1_000);
    for n in [0, 1, 499, 999] {
        let task = app.task(ids[n]).await;
        assert_eq!(task["name"], format!("task {n}"));
        assert_eq!(
            (
                &answer["tasks"][n]["status"],
                &answer["tasks"][n]["submitted_at"]
            ),
            (&json!("pending"), &task["submitted_at"])
        );
    }
    eventually(DEADLINE, "a thousand completed tasks", || async {
        (app.database.tasks_in("completed").await == 1_000).then_some(())
    })
    .await;
    app.finish().await;
}

async fn one_task_that_cannot_be_used_refuses_all_and_is_named(kind: QueueKind) {
    let app = App::builder(kind).start().await;
    let api = Contract::of(&app).await;
    let mut wrong = batch(5);
    wrong["tasks"][1]["priority"] = json!(11);
    wrong["tasks"][3]["shots"] = json!(0);
    assert_fields(
        api.post("/tasks/batch", &wrong).await,
        &["tasks[1].priority", "tasks[3].shots"],
    );
    let mut unserved = batch(3);
    unserved["tasks"][2]["backend"] = json!("nobody");
    let reply = api.post("/tasks/batch", &unserved).await;
    assert!(
        text(&reply.body["errors"], "tasks[2].backend").contains("not served here"),
        "{}",
        reply.body
    );
    assert_fields(reply, &["tasks[2].backend"]);
    for (body, fields) in [
        (json!({}), vec!["tasks"]),
        (json!({"tasks": []}), vec!["tasks"]),
        (json!({"tasks": {}}), vec!["tasks"]),
        (batch(1_001), vec!["tasks"]),
        (
            json!({"tasks": [{"circuit": "x"}, ["y", 5]]}),
            vec!["tasks[1]"],
        ),
        (
            json!({"tasks": [{"circuit": "x"}, {"circuit": 5}]}),
            vec!["tasks[1].circuit"],
        ),
        (
            json!({"tasks": [{"circuit": "x", "colour": "red"}]}),
            vec!["tasks[0].colour"],
        ),
        (
            json!({"tasks": [{"circuit": "x"}], "colour": "red"}),
            vec!["colour"],
        ),
    ] {
        assert_fields(api.post("/tasks/batch", &body).await, &fields);
    }
    assert_eq!(stored(&app).await, 0);
    app.assert_nothing_left_behind().await;
}

async fn a_batch_under_the_same_key_gives_the_same_tasks_and_another_one_409(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let api = Contract::of(&app).await;
    let first = api
        .post_keyed("/tasks/batch", "k", &batch(7))
        .await
        .expect(201);
    let again = api
        .post_keyed("/tasks/batch", "k", &batch(7))
        .await
        .expect(201);
    assert_eq!((ids(&again), &again["count"]), (ids(&first), &json!(7)));
    for (path, body) in [
        ("/tasks/batch", batch(6)),
        ("/tasks", json!({"circuit": "x", "backend": "mock"})),
    ] {
        assert_eq!(
            api.post_keyed(path, "k", &body).await.expect_problem(409),
            "idempotency_key_reused"
        );
    }
    for task_id in ids(&first) {
        app.wait_status(task_id, "completed").await;
    }
    let late = api
        .post_keyed("/tasks/batch", "k", &batch(7))
        .await
        .expect(201);
    assert_eq!(ids(&late), ids(&first));
    assert_eq!(late["tasks"][6]["status"], "completed");
    assert_eq!(stored(&app).await, 7);
    let bad = api
        .post_keyed("/tasks/batch", &"k".repeat(256), &batch(1))
        .await;
    assert_eq!(bad.expect_problem(400), "invalid_idempotency_key");
    app.finish().await;
}

async fn the_same_batch_from_many_clients_at_once_is_stored_once(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "mock").args(&["--concurrency", "8"]))
        .start()
        .await;
    let api = Contract::of(&app).await;
    for round in 1..=3 {
        let (key, body) = (format!("round {round}"), batch(20));
        let answers = join_all((0..12).map(|_| api.post_keyed("/tasks/batch", &key, &body))).await;
        let distinct: BTreeSet<Vec<Uuid>> = answers
            .into_iter()
            .map(|reply| ids(&reply.expect(201)))
            .collect();
        assert_eq!(distinct.len(), 1, "{distinct:?}");
        assert_eq!(stored(&app).await, round * 20);
    }
    eventually(DEADLINE, "all of them completed", || async {
        (app.database.tasks_in("completed").await == 60).then_some(())
    })
    .await;
    let moves = "SELECT count(*) FROM status_history";
    assert_eq!(app.database.count(moves, &[]).await, 180, "each ran once");
    app.finish().await;
}

#[tokio::test]
async fn circuits_and_problems_may_share_a_batch() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let mixed = json!({"tasks": [{"circuit": "x"}, {"problem_id": "p", "timeout_minutes": 5}]});
    let ids = ids(&api.post("/tasks/batch", &mixed).await.expect(201));
    assert_eq!(app.task(ids[0]).await["kind"], "circuit");
    assert_eq!(app.task(ids[1]).await["kind"], "problem");
    let correlated = app.database.task(ids[0]).await["correlation_id"].clone();
    assert_eq!(
        app.database.task(ids[1]).await["correlation_id"],
        correlated
    );
}
