//! Idempotency keys have their time.

use serde_json::json;

use super::task;
use crate::support::answers::id_of;
use crate::support::contract::Contract;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

const OVER: &str = "SELECT count(*) FROM tasks WHERE submitted_at < clock_timestamp() - interval '1100 milliseconds'";

on_both_queues!(after_its_time_a_key_is_free_for_another_request,);

async fn after_its_time_a_key_is_free_for_another_request(kind: QueueKind) {
    let app = App::builder(kind)
        .env("QTASK_IDEMPOTENCY_WINDOW", "1s")
        .start()
        .await;
    let api = Contract::of(&app).await;
    let first = api.post_keyed("/tasks", "k", &task()).await.expect(201);
    eventually(DEADLINE, "the window to be over", || async {
        (app.database.count(OVER, &[]).await == 1).then_some(())
    })
    .await;
    let other = json!({"tasks": [{"circuit": "y", "backend": "mock"}, task()]});
    let second = api
        .post_keyed("/tasks/batch", "k", &other)
        .await
        .expect(201);
    assert_ne!(id_of(&second["tasks"][1]), id_of(&first));
    assert_eq!(
        app.database.count("SELECT count(*) FROM tasks", &[]).await,
        3
    );
    eventually(DEADLINE, "the sweep to forget the key", || async {
        (app.database
            .count("SELECT count(*) FROM idempotency_keys", &[])
            .await
            == 0)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_key_is_kept_for_a_day_where_nothing_else_is_said() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let first = api.post_keyed("/tasks", "k", &task()).await.expect(201);
    let age = |hours: i32| {
        let app = &app;
        async move {
            let statement = "UPDATE idempotency_keys SET created_at = clock_timestamp() - $1::int * interval '1 hour'";
            assert_eq!(app.database.execute(statement, &[&hours]).await, 1);
        }
    };
    age(23).await;
    let again = api.post_keyed("/tasks", "k", &task()).await.expect(201);
    assert_eq!(id_of(&again), id_of(&first));
    let sweeps = "SELECT count(*) FROM sweeps WHERE duty = 'reap' AND last_run_at > $1";
    let now: std::time::SystemTime = std::time::SystemTime::now();
    eventually(DEADLINE, "another sweep", || async {
        (app.database.count(sweeps, &[&now]).await == 1).then_some(())
    })
    .await;
    assert_eq!(
        app.database
            .count("SELECT count(*) FROM idempotency_keys", &[])
            .await,
        1
    );
    app.database
        .execute(
            "WITH passed AS (UPDATE sweeps SET steady_since = steady_since - interval '2 hours')
             UPDATE idempotency_keys SET created_at = created_at - interval '2 hours'",
            &[],
        )
        .await;
    let new = api.post_keyed("/tasks", "k", &task()).await.expect(201);
    assert_ne!(id_of(&new), id_of(&first));
}
