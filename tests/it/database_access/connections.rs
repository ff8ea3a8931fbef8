//! Processes open few connections, give back what they do not need, and name a server that has too many.

/// Named for the group of tests in `.config/nextest.toml` that start services of their own.
mod faults {
    use serde_json::{Value, json};

    use crate::outages::{wait_health, wait_healthy};
    use crate::support::app::Worker;
    use crate::support::mocks::mock;
    use crate::support::wait::{DEADLINE, eventually};
    use crate::support::{App, PrivatePostgres, QueueKind, TestDatabase, database};

    const WORKERS: i64 = 16;

    /// The connections of qtask.
    async fn connections(client: &tokio_postgres::Client) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'qtask'";
        client.query_one(sql, &[]).await.expect("a number").get(0)
    }

    #[tokio::test]
    async fn sixteen_workers_leave_most_connections_of_a_server_to_others() {
        let node = PrivatePostgres::start().await;
        let mut builder = App::builder(QueueKind::Postgres)
            .database(TestDatabase::create_on(&node.url()).await)
            .env("DATABASE_POOL_SIZE", "")
            .env("QTASK_HEARTBEAT_INTERVAL", "5s")
            .env("QTASK_LEASE_DURATION", "15s")
            .env("QTASK_SWEEP_INTERVAL", "1s")
            .env("DATABASE_IDLE_TIMEOUT", "2s");
        for index in 0..WORKERS {
            let worker = Worker::new(&format!("w{index}"), "mock").args(&["--concurrency", "8"]);
            builder = builder.worker(worker);
        }
        let app = builder.start().await;
        let admin = database::connect(&node.url()).await;
        let few = || async { (connections(&admin).await <= 3 * WORKERS + 8).then_some(()) };
        eventually(DEADLINE, "few connections while idle", few).await;

        let task = mock("sleep 20ms");
        let tasks: Vec<&Value> = vec![&task; 1_000];
        for _ in 0..3 {
            app.post("/tasks/batch", &json!({"tasks": tasks}))
                .await
                .expect(201);
        }
        let mut most = 0;
        while app.database.tasks_in("pending").await > 0 {
            most = most.max(connections(&admin).await);
        }
        eprintln!("at most {most} connections");
        assert!(most <= 5 * WORKERS + 8, "{most}");
        eventually(DEADLINE, "few connections again", few).await;
        let ended = || async { (app.database.tasks_in("processing").await == 0).then_some(()) };
        eventually(DEADLINE, "the end of all tasks", ended).await;
        app.finish().await;
    }

    #[tokio::test]
    async fn too_many_connections_are_named_and_end() {
        let node = PrivatePostgres::start().await;
        let database = TestDatabase::create_on(&node.url()).await;
        let client = database.connect().await;
        client
            .batch_execute(
                "CREATE ROLE few LOGIN CONNECTION LIMIT 1;
                 GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO few",
            )
            .await
            .expect("a role");
        let mut url = database.url();
        url.set_username("few").expect("a user");
        let app = App::builder(QueueKind::Postgres)
            .database(database)
            .database_url(&url)
            .start_unready()
            .await;
        let named = |health: &Value| {
            let detail = health["database_detail"].as_str().unwrap_or_default();
            detail.contains("too many connections")
        };
        wait_health(&app, named).await;
        let event = app.apis[0].wait_for("database.connection_refused").await;
        let error = event.field("error").unwrap_or_default();
        assert!(error.contains("raise max_connections"), "{error}");
        let refused = || async {
            let reply = app.post("/tasks", &mock("")).await;
            let detail = reply.body["detail"].as_str().unwrap_or_default();
            (reply.status == 503 && detail.contains("raise max_connections")).then_some(reply)
        };
        let reply = eventually(DEADLINE, "an answer that says what to do", refused).await;
        assert_eq!(reply.expect_problem(503), "database_unavailable");
        let unlimited = "ALTER ROLE few CONNECTION LIMIT -1";
        client.batch_execute(unlimited).await.expect("no limit");
        wait_healthy(&app).await;
        let accepted =
            || async { (app.post("/tasks", &mock("")).await.status == 201).then_some(()) };
        eventually(DEADLINE, "a submission", accepted).await;
        app.abandon_work();
    }
}
