//! The least privileges of the documentation are enough to serve and to work.

/// Named for the group of tests in `.config/nextest.toml` that start services of their own.
mod faults {
    use crate::support::app::Worker;
    use crate::support::mocks::mock;
    use crate::support::process::run;
    use crate::support::wait::DEADLINE;
    use crate::support::{App, PrivatePostgres, QueueKind, TestDatabase, database};

    const DOCUMENT: &str = include_str!("../../../docs/deployment.md");

    /// The statements of the block in the documentation that has this text.
    fn documented(text: &str) -> &'static str {
        let blocks = DOCUMENT.split("```sql\n").skip(1);
        let mut blocks = blocks.filter_map(|block| block.split("```").next());
        blocks.find(|block| block.contains(text)).expect("a block")
    }

    #[tokio::test]
    async fn a_task_lives_with_the_role_of_least_privileges() {
        let node = PrivatePostgres::start().await;
        let admin = database::connect(&node.url()).await;
        for statement in [
            "CREATE ROLE qtask LOGIN",
            "CREATE DATABASE qtask OWNER qtask",
        ] {
            admin.batch_execute(statement).await.expect(statement);
        }
        let mut owner = node.url();
        owner.set_username("qtask").expect("a user");
        owner.set_path("qtask");
        let environment = [("DATABASE_URL", owner.as_str())];
        assert!(run(&["migrate"], &environment).await.status.success());
        let superuser = database::on(&node.url(), "qtask");
        let grant = documented("GRANT SELECT");
        let client = database::connect(&superuser).await;
        client.batch_execute(grant).await.expect("the grants");
        // The tables of later versions.
        assert!(
            run(&["migrate", "down", "--yes"], &environment)
                .await
                .status
                .success()
        );
        assert!(run(&["migrate"], &environment).await.status.success());

        let mut url = owner.clone();
        url.set_username("qtask_run").expect("a user");
        let app = App::builder(QueueKind::Postgres)
            .database(TestDatabase::adopt(&superuser))
            .database_url(&url)
            .worker(Worker::new("w", "mock"))
            .start()
            .await;
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
        app.post("/backends/mock/pause", &serde_json::json!({}))
            .await
            .expect(200);
        app.post("/backends/mock/resume", &serde_json::json!({}))
            .await
            .expect(200);

        let role = database::connect(&url).await;
        for denied in [
            "CREATE TABLE intruder (id integer)",
            "DROP TABLE tasks",
            "DELETE FROM __diesel_schema_migrations",
            "TRUNCATE status_history",
        ] {
            assert!(role.batch_execute(denied).await.is_err(), "{denied}");
        }
        app.finish().await;
    }
}
