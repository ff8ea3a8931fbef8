//! `PgBouncer`: session mode works, transaction mode is named.

/// Named for the group of tests in `.config/nextest.toml` that start services of their own.
mod faults {
    use crate::support::app::Worker;
    use crate::support::events::Event;
    use crate::support::mocks::mock;
    use crate::support::pgbouncer::PgBouncer;
    use crate::support::process::run;
    use crate::support::skipped::report_skipped;
    use crate::support::wait::{DEADLINE, eventually};
    use crate::support::{App, PrivatePostgres, QueueKind, TestDatabase};

    async fn pooler(node: &PrivatePostgres, pool_mode: &str) -> Option<PgBouncer> {
        let started = PgBouncer::start(&node.url(), pool_mode).await;
        if started.is_none() {
            report_skipped("database_access::pooler", "PgBouncer is not installed");
        }
        started
    }

    #[tokio::test]
    async fn a_task_lives_through_a_pooler_in_session_mode() {
        let node = PrivatePostgres::start().await;
        let Some(pooler) = pooler(&node, "session").await else {
            return;
        };
        let database = TestDatabase::create_on(&node.url()).await;
        let url = pooler.url(&database.url());
        let environment = [("DATABASE_URL", url.as_str())];
        for arguments in [&["migrate", "down", "--yes"][..], &["migrate"]] {
            let output = run(arguments, &environment).await;
            assert!(output.status.success(), "{output:?}");
        }
        let app = App::builder(QueueKind::Postgres)
            .database(database)
            .database_url(&url)
            .worker(Worker::new("w", "mock"))
            .start()
            .await;
        app.workers[0].wait_for("database.listener_connected").await;
        let done = app.submit(&mock("sleep 10ms")).await;
        assert_eq!(
            app.wait_terminal(done, DEADLINE).await["status"],
            "completed"
        );
        let long = app.submit(&mock("sleep 1h")).await;
        app.wait_status(long, "processing").await;
        app.cancel(long).await.expect(200);
        assert_eq!(
            app.wait_terminal(long, DEADLINE).await["status"],
            "cancelled"
        );
        app.finish().await;
    }

    #[tokio::test]
    async fn a_pooler_in_transaction_mode_is_named() {
        let node = PrivatePostgres::start().await;
        let Some(pooler) = pooler(&node, "transaction").await else {
            return;
        };
        let database = TestDatabase::create_on(&node.url()).await;
        let url = pooler.url(&database.url());
        let app = App::builder(QueueKind::Postgres)
            .database(database)
            .database_url(&url)
            .worker(Worker::new("w", "mock"))
            .start_unready()
            .await;
        // Newer poolers keep prepared statements; the session that listens is changed by all of them.
        let names_it = |event: &Event| {
            let said = [event.field("error"), event.field("reason")];
            (event.is("database.connection_refused") || event.is("database.listener_lost"))
                && said
                    .iter()
                    .flatten()
                    .any(|text| text.contains("pool_mode = session"))
        };
        let named = || async {
            let of_apis = app.apis[0].events().all(names_it);
            let of_workers = app.workers[0].events().all(names_it);
            (!of_apis.is_empty() || !of_workers.is_empty()).then_some(())
        };
        eventually(DEADLINE, "the mode of the pooler in a log", named).await;
        app.abandon_work();
    }
}
