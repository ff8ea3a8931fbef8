//! A server that refuses a login is named with what to do; a migration ends, and services try again until it accepts.

/// Named for the group of tests in `.config/nextest.toml` that start services of their own.
mod faults {
    use std::time::{Duration, Instant};

    use serde_json::Value;
    use url::Url;

    use crate::outages::{wait_health, wait_healthy};
    use crate::support::app::Worker;
    use crate::support::client::{http_client, send};
    use crate::support::events::Event;
    use crate::support::mocks::mock;
    use crate::support::process::{qtask, run};
    use crate::support::wait::{DEADLINE, eventually};
    use crate::support::{
        App, PrivatePostgres, PrivateRabbit, QueueKind, TestDatabase, TestQueue, database,
    };

    const PASSWORD: &str = "sesame-3f19";

    /// Runs `qtask migrate up`, and returns its last line, which names the error.
    async fn refused(node: &PrivatePostgres, user: &str, password: &str, name: &str) -> String {
        let port = node.port().to_string();
        let environment = [
            ("DATABASE_HOST", "127.0.0.1"),
            ("DATABASE_PORT", port.as_str()),
            ("DATABASE_USER", user),
            ("DATABASE_PASSWORD", password),
            ("DATABASE_NAME", name),
        ];
        let began = Instant::now();
        let output = run(&["migrate", "up", "--wait", "60s"], &environment).await;
        let took = began.elapsed();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(took < Duration::from_secs(5), "{took:?}: {text}");
        assert!(!text.contains(PASSWORD), "{text}");
        assert_eq!(text.matches("error: ").count(), 1, "{text}");
        text.lines().last().unwrap_or_default().to_owned()
    }

    async fn execute(node: &PrivatePostgres, statements: &str) {
        let client = database::connect(&node.url()).await;
        for statement in statements.split(';') {
            client.batch_execute(statement).await.expect(statement);
        }
    }

    #[tokio::test]
    async fn what_the_server_refuses_ends_a_migration_within_five_seconds_with_one_line() {
        let node = PrivatePostgres::start_with_passwords().await;
        let set_up = format!(
            "CREATE ROLE first LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE nologin PASSWORD '{PASSWORD}';
             CREATE DATABASE owned OWNER first; CREATE DATABASE foreign_one;
             CREATE DATABASE closed; REVOKE CONNECT ON DATABASE closed FROM PUBLIC"
        );
        execute(&node, &set_up).await;
        for (user, password, name, words) in [
            (
                "first",
                "wrong",
                "owned",
                "set DATABASE_PASSWORD, or the password in DATABASE_URL",
            ),
            (
                "first",
                "",
                "owned",
                "set DATABASE_PASSWORD or DATABASE_PASSWORD_FILE",
            ),
            (
                "missing",
                PASSWORD,
                "owned",
                "set DATABASE_PASSWORD, or the password in",
            ),
            ("nologin", PASSWORD, "owned", "create the role with LOGIN"),
            (
                "first",
                PASSWORD,
                "missing",
                "\"missing\" does not exist; create it with CREATE DATABASE",
            ),
            (
                "first",
                PASSWORD,
                "closed",
                "grant the role CONNECT on the database",
            ),
            (
                "first",
                PASSWORD,
                "foreign_one",
                "run it as the role that owns the database",
            ),
        ] {
            let line = refused(&node, user, password, name).await;
            assert!(
                line.starts_with("error: ") && line.contains(words),
                "{words}: {line}"
            );
        }
        // Changed after the first start.
        let port = node.port().to_string();
        let right = [
            ("DATABASE_HOST", "127.0.0.1"),
            ("DATABASE_PORT", port.as_str()),
            ("DATABASE_USER", "first"),
            ("DATABASE_PASSWORD", PASSWORD),
            ("DATABASE_NAME", "owned"),
        ];
        assert!(run(&["migrate"], &right).await.status.success());
        execute(&node, "ALTER ROLE first PASSWORD 'changed'").await;
        let line = refused(&node, "first", PASSWORD, "owned").await;
        assert!(line.contains("at its first start only"), "{line}");
    }

    #[tokio::test]
    async fn a_server_that_does_not_run_yet_is_waited_for() {
        let mut node = PrivatePostgres::start_with_passwords().await;
        execute(&node, "CREATE DATABASE late").await;
        node.stop().await;
        let mut url = node.url();
        url.set_path("late");
        let mut command = qtask(&["migrate", "--wait", "60s"]);
        let mut migrating = command
            .env("DATABASE_URL", url.as_str())
            .spawn()
            .expect("qtask starts");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(migrating.try_wait().expect("its state").is_none());
        node.restart().await;
        let ended = tokio::time::timeout(DEADLINE, migrating.wait()).await;
        assert!(ended.expect("an end").expect("its status").success());
    }

    /// The health that a worker reports itself.
    async fn worker_health(app: &App) -> Option<Value> {
        let listening = app.workers[0].wait_for("worker.health_listening").await;
        let address = listening.field("address").expect("its address");
        let url = format!("http://{}/health", address.replace("0.0.0.0", "127.0.0.1"));
        let reply = send(http_client().get(url)).await.ok()?;
        Some(reply.body)
    }

    /// Whether the log says that the database refuses the password, and what to do.
    fn says_what_to_do(event: &Event) -> bool {
        let error = event.field("error").unwrap_or_default();
        event.is("database.connection_refused") && error.contains("ALTER ROLE")
    }

    #[tokio::test]
    async fn a_password_that_changes_is_named_and_services_heal() {
        let node = PrivatePostgres::start_with_passwords().await;
        let database = TestDatabase::create_on(&node.url()).await;
        let role = format!("CREATE ROLE main LOGIN SUPERUSER PASSWORD '{PASSWORD}'");
        execute(&node, &role).await;
        let mut url = database.url();
        url.set_username("main").expect("a user");
        url.set_password(Some(PASSWORD)).expect("a password");
        let app = App::builder(QueueKind::Postgres)
            .database(database)
            .database_url(&url)
            .worker(Worker::new("w", "mock").args(&["--health-port", "0"]))
            .start()
            .await;
        execute(
            &node,
            "ALTER ROLE main PASSWORD 'changed';
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'main'",
        )
        .await;
        let named = |health: &Value| {
            let detail = health["database_detail"].as_str().unwrap_or_default();
            health["database_status"] == "disconnected" && detail.contains("refuses the password")
        };
        wait_health(&app, named).await;
        let reply = app.get("/readyz").await;
        assert_eq!(reply.status, 503);
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        assert!(detail.contains("refuses the password"), "{detail}");
        let of_worker = || async {
            let health = worker_health(&app).await?;
            let reason = health["not_ready_reason"].as_str().unwrap_or_default();
            reason.contains("refuses the password").then_some(())
        };
        eventually(DEADLINE, "the reason in the worker's health", of_worker).await;
        for process in [&app.apis[0], &app.workers[0]] {
            process.wait_after(0, "what to do", says_what_to_do).await;
        }
        execute(&node, &format!("ALTER ROLE main PASSWORD '{PASSWORD}'")).await;
        wait_healthy(&app).await;
        app.apis[0].wait_for("database.connection_accepted").await;
        let task = app.submit(&mock("")).await;
        let ended = app.wait_terminal(task, DEADLINE).await;
        assert_eq!(ended["status"], "completed");
        app.finish().await;
    }

    #[tokio::test]
    async fn a_broker_that_refuses_the_password_or_the_virtual_host_is_named_and_services_heal() {
        let rabbit = PrivateRabbit::start().await;
        rabbit.ctl(&["add_user", "main", "other"]).await;
        let mut broker: Url = rabbit.url();
        let queue = TestQueue::create_on(&broker);
        broker.set_username("main").expect("a user");
        broker.set_password(Some(PASSWORD)).expect("a password");
        broker.set_path("late");
        let app = App::builder(QueueKind::Amqp)
            .queue(queue)
            .rabbitmq_url(&broker)
            .worker(Worker::new("w", "mock").args(&["--health-port", "0"]))
            .start_unready()
            .await;
        let named = async |words: &str| {
            let of_api = |health: &Value| {
                let detail = health["queue_detail"].as_str().unwrap_or_default();
                health["queue_status"] == "disconnected" && detail.contains(words)
            };
            wait_health(&app, of_api).await;
            let says = |event: &Event| {
                let reason = event.field("reason").unwrap_or_default();
                event.id().starts_with("amqp.") && reason.contains(words)
            };
            for process in [&app.apis[0], &app.workers[0]] {
                process.wait_after(0, words, says).await;
            }
        };
        named("wrong user name or password").await;
        named("rabbitmqctl change_password").await;
        rabbit.ctl(&["change_password", "main", PASSWORD]).await;
        named("create it with rabbitmqctl add_vhost").await;
        rabbit.ctl(&["add_vhost", "late"]).await;
        named("grant it with rabbitmqctl set_permissions").await;
        let permissions = [
            "set_permissions",
            "--vhost",
            "late",
            "main",
            ".*",
            ".*",
            ".*",
        ];
        rabbit.ctl(&permissions).await;
        wait_healthy(&app).await;
        app.workers[0].wait_for("worker.ready").await;
        let task = app.submit(&mock("")).await;
        let ended = app.wait_terminal(task, DEADLINE).await;
        assert_eq!(ended["status"], "completed");
        app.finish().await;
    }
}
