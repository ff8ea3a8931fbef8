//! The parts of an address are taken as they are, whatever characters they have.

use crate::support::TestDatabase;
use crate::support::process::run;
use crate::support::wait::TempDir;

/// Every character that has a meaning in a URL, in SQL or in a shell, and some beyond ASCII.
const ODD: &str = "p@s/s#w%41o:r?d[x] &=+;,\\'\"$`!~{}|<>^*() üñ漢\u{1f511}";

/// Runs `qtask` with this environment, and returns its exit code and its errors, which never show the password.
async fn qtask(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = run(arguments, environment).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!text.contains(ODD), "{text}");
    (output.status.code(), text)
}

#[tokio::test]
async fn a_part_beside_a_url_that_has_it_is_refused_and_both_are_named() {
    let url = "postgresql://u:open-sesame@h:1/d";
    let broker = "amqp://u:open-sesame@h:1/v";
    let environment = [
        ("DATABASE_URL", url),
        ("DATABASE_HOST", "h"),
        ("DATABASE_PORT", "1"),
        ("DATABASE_USER", "u"),
        ("DATABASE_PASSWORD", ODD),
        ("DATABASE_NAME", "d"),
        ("RABBITMQ_URL", broker),
        ("RABBITMQ_PASSWORD", ODD),
    ];
    for command in ["serve", "work"] {
        let (code, text) = qtask(&[command], &environment).await;
        assert_eq!(code, Some(2), "{text}");
        for (part, what) in [
            ("HOST", "host"),
            ("PORT", "port"),
            ("USER", "user"),
            ("PASSWORD", "password"),
            ("NAME", "name of the database"),
        ] {
            let line = format!(
                "DATABASE_{part}: stands beside the {what} in DATABASE_URL: remove one of them"
            );
            assert!(text.contains(&line), "{text}");
        }
        let line = "RABBITMQ_PASSWORD: stands beside the password in RABBITMQ_URL: remove one";
        assert!(text.contains(line), "{text}");
        assert!(!text.contains("open-sesame"), "{text}");
    }
}

#[tokio::test]
async fn a_part_that_is_missing_is_named() {
    let directory = TempDir::new("parts");
    let file = directory.path().join("password");
    let path = file.to_str().expect("a path in UTF-8");
    std::fs::write(&file, "sesame\0").expect("a file");
    let database = ("DATABASE_URL", "postgresql://u@h/d");
    for (environment, line) in [
        (vec![("DATABASE_USER", "u")], "DATABASE_HOST: is missing"),
        (vec![("DATABASE_HOST", "h")], "DATABASE_USER: is missing"),
        (
            vec![("DATABASE_HOST", "h:1")],
            "DATABASE_HOST: `h:1` has a port",
        ),
        (
            vec![
                database,
                ("DATABASE_PASSWORD", "x"),
                ("DATABASE_PASSWORD_FILE", path),
            ],
            "DATABASE_PASSWORD_FILE: stands beside DATABASE_PASSWORD: remove one of them",
        ),
        (
            vec![database, ("DATABASE_PASSWORD_FILE", path)],
            "DATABASE_PASSWORD_FILE: contains a zero byte",
        ),
        (
            vec![("DATABASE_URL", "postgresql:///d")],
            "DATABASE_URL: names no host; DATABASE_HOST would",
        ),
        (
            vec![database, ("RABBITMQ_USER", "u")],
            "RABBITMQ_HOST: is missing, and RABBITMQ_USER is set",
        ),
        (
            vec![database, ("RABBITMQ_HOST", "h"), ("RABBITMQ_USER", "u")],
            "RABBITMQ_PASSWORD: is missing, and RABBITMQ_USER is set",
        ),
    ] {
        let (code, text) = qtask(&["serve"], &environment).await;
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(line), "{line} is not in: {text}");
    }
}

#[tokio::test]
async fn flags_name_the_parts_too() {
    let database = TestDatabase::create().await;
    let url = database.url();
    let port = url.port().unwrap_or(5432).to_string();
    let arguments = [
        "migrate",
        "--wait",
        "0s",
        "--database-host",
        url.host_str().expect("a host"),
        "--database-port",
        &port,
        "--database-user",
        url.username(),
        "--database-name",
        url.path().trim_start_matches('/'),
        "status",
    ];
    let password = url.password().unwrap_or_default();
    let (code, text) = qtask(&arguments, &[("DATABASE_PASSWORD", password)]).await;
    assert_eq!(code, Some(0), "{text}");
}

/// Named for the group of tests in `.config/nextest.toml` that start services of their own.
mod faults {
    use url::Url;

    use super::{ODD, TempDir, qtask};
    use crate::support::app::Worker;
    use crate::support::mocks::mock;
    use crate::support::wait::DEADLINE;
    use crate::support::{
        App, PrivatePostgres, PrivateRabbit, QueueKind, TestDatabase, TestQueue, database,
    };

    /// A role and a database with this name, and this password.
    async fn create_role(node: &PrivatePostgres, name: &str, password: &str) {
        let (name, password) = (name.replace('"', "\"\""), password.replace('\'', "''"));
        let client = database::connect(&node.url()).await;
        for sql in [
            format!("CREATE ROLE \"{name}\" LOGIN PASSWORD '{password}'"),
            format!("CREATE DATABASE \"{name}\" OWNER \"{name}\""),
        ] {
            client
                .batch_execute(&sql)
                .await
                .expect("a role and its database");
        }
    }

    #[tokio::test]
    async fn every_character_of_a_part_reaches_postgresql() {
        let node = PrivatePostgres::start_with_passwords().await;
        let name = "us@er/d%41:b?[x] ü";
        create_role(&node, name, ODD).await;
        let port = node.port().to_string();
        let directory = TempDir::new("parts");
        let file = directory.path().join("password");
        std::fs::write(&file, format!("{ODD}\n")).expect("a file");
        let path = file.to_str().expect("a path in UTF-8");
        let parts = [
            ("DATABASE_HOST", "127.0.0.1"),
            ("DATABASE_PORT", port.as_str()),
            ("DATABASE_USER", name),
        ];
        let by_value = [parts.as_slice(), &[("DATABASE_PASSWORD", ODD)]].concat();
        let (code, text) = qtask(&["migrate"], &by_value).await;
        assert_eq!(code, Some(0), "{text}");
        let by_file = [
            parts.as_slice(),
            &[("DATABASE_PASSWORD_FILE", path), ("DATABASE_NAME", name)],
        ]
        .concat();
        let check = ["migrate", "status", "--check", "--wait", "0s"];
        let (code, text) = qtask(&check, &by_file).await;
        assert_eq!(code, Some(0), "{text}");
        let beside_url = [
            ("DATABASE_URL", "postgresql://127.0.0.1?application_name=x"),
            ("DATABASE_PORT", port.as_str()),
            ("DATABASE_USER", name),
            ("DATABASE_PASSWORD", ODD),
        ];
        let (code, text) = qtask(&check, &beside_url).await;
        assert_eq!(code, Some(0), "{text}");
    }

    #[tokio::test]
    async fn a_task_lives_with_odd_passwords_for_both_services() {
        let node = PrivatePostgres::start_with_passwords().await;
        let rabbit = PrivateRabbit::start().await;
        let database = TestDatabase::create_on(&node.url()).await;
        let client = database.connect().await;
        let role = format!(
            "CREATE ROLE odd LOGIN SUPERUSER PASSWORD '{}'",
            ODD.replace('\'', "''")
        );
        client.batch_execute(&role).await.expect("a role");
        let vhost = "v/%2f @ü";
        rabbit.ctl(&["add_vhost", vhost]).await;
        rabbit.ctl(&["add_user", "us@er:x", ODD]).await;
        for user in ["us@er:x", "guest"] {
            let permissions = ["set_permissions", "--vhost", vhost, user, ".*", ".*", ".*"];
            rabbit.ctl(&permissions).await;
        }
        let mut broker: Url = rabbit.url();
        broker.set_path("v%2F%252f%20%40%C3%BC");
        let queue = TestQueue::create_on(&broker);
        let port = |url: &Url| url.port().expect("a port").to_string();
        let name = database.url().path().trim_start_matches('/').to_owned();
        let app = App::builder(QueueKind::Amqp)
            .database(database)
            .queue(queue)
            .env("DATABASE_URL", "")
            .env("DATABASE_HOST", "127.0.0.1")
            .env("DATABASE_PORT", &port(&node.url()))
            .env("DATABASE_USER", "odd")
            .env("DATABASE_PASSWORD", ODD)
            .env("DATABASE_NAME", &name)
            .env("RABBITMQ_URL", "")
            .env("RABBITMQ_HOST", "127.0.0.1")
            .env("RABBITMQ_PORT", &port(&broker))
            .env("RABBITMQ_USER", "us@er:x")
            .env("RABBITMQ_PASSWORD", ODD)
            .env("RABBITMQ_VHOST", vhost)
            .worker(Worker::new("w", "mock"))
            .start()
            .await;
        let task = app.submit(&mock("sleep 10ms")).await;
        assert_eq!(
            app.wait_terminal(task, DEADLINE).await["status"],
            "completed"
        );
        app.finish().await;
    }
}
