//! The line that says at the start of a process what runs, and with which settings.

use crate::support::app::Worker;
use crate::support::client::{http_client, send};
use crate::support::wait::free_port;
use crate::support::{App, Process, QueueKind, TestDatabase, on_both_queues};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Part of every secret.
const SECRET: &str = "sesame";

on_both_queues!(
    a_process_names_its_version_its_queue_and_what_differs_from_the_defaults_at_its_start
);

async fn a_process_names_its_version_its_queue_and_what_differs_from_the_defaults_at_its_start(
    kind: QueueKind,
) {
    let port = free_port().to_string();
    let app = App::builder(kind)
        .env("QTASK_ADMIN_TOKEN", &"sesame-".repeat(6))
        .env("QTASK_WEBHOOK_SECRET", "open sesame")
        .env("QTASK_TASK_HOOK_TIMEOUT", "7s")
        .env("QTASK_BEFORE_TASK", "true sesame")
        .env("QTASK_LEASE_DURATION", "15s")
        .env("QTASK_HEARTBEAT_INTERVAL", "5s")
        .worker(Worker::new("w", "mock").args(&["--health-port", &port]))
        .start()
        .await;
    let queue = match kind {
        QueueKind::Amqp => "RabbitMQ",
        QueueKind::Postgres => "PostgreSQL",
    };
    let (api, worker) = (&app.apis[0], &app.workers[0]);
    let started = api.wait_for("process.started").await;
    let field = |name: &str| started.field(name).unwrap_or_default();
    assert_eq!(
        (field("subcommand"), field("version")),
        ("serve".into(), VERSION.into())
    );
    assert_eq!(field("queue"), queue);
    assert!(field("schema").starts_with("20"), "{}", started.line);
    assert_eq!(app.url(0, ""), format!("http://{}", field("address")));
    assert_eq!(field("guide"), format!("{}/guide", field("docs")));
    assert_eq!(
        send(http_client().get(field("docs")))
            .await
            .expect("an answer")
            .status,
        200
    );
    let settings = field("settings");
    let words: Vec<&str> = settings.split(' ').collect();
    for shown in [
        "QTASK_SWEEP_INTERVAL=200ms",
        "HOST=127.0.0.1",
        "QTASK_WEBHOOK_SECRET=...",
        "QTASK_ADMIN_TOKEN=...",
    ] {
        assert!(words.contains(&shown), "{shown}: {settings}");
    }
    // Given, but as the default, or not given, or of another subcommand.
    for absent in [
        "QTASK_LEASE_DURATION",
        "QTASK_MAX_REQUESTS",
        "QTASK_TASK_HOOK_TIMEOUT",
    ] {
        assert!(!settings.contains(absent), "{settings}");
    }

    let started = worker.wait_for("process.started").await;
    let settings = started.field("settings").unwrap_or_default();
    assert!(
        settings.contains("QTASK_TASK_HOOK_TIMEOUT=7s"),
        "{settings}"
    );
    assert!(settings.contains("QTASK_BEFORE_TASK=..."), "{settings}");
    assert_eq!(started.field("address"), Some(format!("0.0.0.0:{port}")));
    assert_eq!(started.field("docs"), None);

    let password = app.database.url().password().unwrap_or(SECRET).to_owned();
    for process in [api, worker] {
        let telling = process.events().all(|event| {
            let line = event.line.to_string();
            line.contains(SECRET) || line.contains(&format!(":{password}@"))
        });
        assert!(telling.is_empty(), "{telling:?}");
    }
    let health = app.get("/health").await.expect(200);
    assert_eq!(health["version"], VERSION);
    app.finish().await;
}

#[tokio::test]
async fn the_start_line_for_people_is_short() {
    let database = TestDatabase::create().await;
    let url = database.url().to_string();
    let environment = [("DATABASE_URL".to_owned(), url)];
    let arguments = ["serve", "--port", "0", "--log-format", "pretty"];
    let mut process = Process::spawn("serve", &arguments, &environment);
    let lines = ["qtask ", "  http://localhost:", "  settings: PORT=0 "];
    for begin in lines {
        process
            .wait_after(0, begin, |event| event.message().starts_with(begin))
            .await;
    }
    assert!(process.terminate().await.success());
}
