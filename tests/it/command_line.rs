//! The command line: what it teaches, what it refuses, and what it never shows.

use std::process::Output;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use url::Url;

use crate::support::app::Worker;
use crate::support::process::run;
use crate::support::wait::{DEADLINE, TempDir, eventually, free_port};
use crate::support::{App, Process, Proxy, QueueKind, TestDatabase, services};

#[rustfmt::skip]
const SUBCOMMANDS: [&str; 21] = [
    "submit", "check", "get", "list", "watch", "logs", "cancel", "rerun",
    "backends", "pause", "resume", "workers", "drain", "undrain", "serve",
    "work", "migrate", "health", "dev", "completions", "man",
];
/// Stands for every password here; no output may contain it.
const PASSWORD: &str = "sesame-1f0c";

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("output in UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("output in UTF-8")
}

fn assert_no_password(output: &Output) {
    let all = stdout(output) + &stderr(output);
    assert!(!all.contains(PASSWORD), "{all}");
}

fn with_password(url: &Url) -> String {
    let mut url = url.clone();
    url.set_password(Some(PASSWORD))
        .expect("a URL that takes a password");
    url.into()
}

/// A URL at which nobody listens, with the password in it.
fn refused(scheme: &str, path: &str) -> String {
    format!(
        "{scheme}://user:{PASSWORD}@127.0.0.1:{}/{path}",
        free_port()
    )
}

#[tokio::test]
async fn the_help_names_every_subcommand_and_where_to_begin() {
    let help = run(&["--help"], &[]).await;
    assert!(help.status.success());
    let text = stdout(&help);
    for subcommand in SUBCOMMANDS {
        assert!(text.contains(&format!("\n  {subcommand} ")), "{text}");
    }
    assert!(text.contains("Try `qtask dev`"), "{text}");
    assert!(!text.contains("supervise"), "{text}");

    let nothing = run(&[], &[]).await;
    assert_eq!(nothing.status.code(), Some(2));
    assert!(stderr(&nothing).contains("Usage: qtask"));
}

#[tokio::test]
async fn the_help_of_every_subcommand_has_examples_that_are_accepted() {
    for subcommand in SUBCOMMANDS {
        let help = run(&[subcommand, "--help"], &[]).await;
        assert!(help.status.success(), "{subcommand}");
        let text = stdout(&help);
        assert!(
            text.contains(&format!("Usage: qtask {subcommand}")),
            "{text}"
        );
        assert!(text.contains("\nExit codes: 0 "), "{text}");
        let (_, examples) = text.split_once("Example").expect("examples");
        let (_, examples) = examples.split_once('\n').expect("a heading of its own");
        let mut found = 0;
        // As a shell reads them: a line that ends with a backslash goes on.
        let examples = examples.replace("\\\n", "");
        for line in examples.lines().filter(|line| !line.trim().is_empty()) {
            let pipeline = line.split(" #").next().expect("a command");
            let commands = pipeline.split(" | ").map(|command| {
                let words = command.split_whitespace();
                words.take_while(|word| !word.starts_with(['<', '>']))
            });
            for mut words in commands {
                let mut before = words.by_ref().take_while(|word| *word != "qtask");
                let program = before.find(|word| !word.contains('='));
                let mut arguments: Vec<&str> = words.collect();
                if program.is_some() {
                    assert!(pipeline.contains(" | "), "{line:?}");
                    continue;
                }
                found += usize::from(arguments.first() == Some(&subcommand));
                // Flags before it are read; those that do not exist are refused.
                arguments.push("--help");
                let tried = run(&arguments, &[]).await;
                assert!(tried.status.success(), "{line}: {}", stderr(&tried));
            }
        }
        assert!(found > 0, "{text}");
    }
}

#[tokio::test]
async fn completions_and_manual_pages_cover_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], &[]).await;
        assert!(output.status.success(), "{}", stderr(&output));
        let script = stdout(&output);
        for part in SUBCOMMANDS.iter().chain(&["shots"]) {
            assert!(script.contains(part), "{shell}: {part}");
        }
    }
    let folder = TempDir::new("man");
    let pages = folder.path().join("man1");
    let path = pages.to_str().expect("a path in UTF-8");
    let output = run(&["man", path], &[]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    for subcommand in SUBCOMMANDS {
        let page = std::fs::read_to_string(pages.join(format!("qtask-{subcommand}.1")));
        let page = page.expect("a page for each subcommand");
        assert!(page.contains("Exit codes:"), "{page}");
    }
    let main = stdout(&run(&["man"], &[]).await);
    assert!(main.contains("qtask\\-submit(1)"), "{main}");
    let denied = run(&["man", "/dev/null/x"], &[]).await;
    assert_eq!(denied.status.code(), Some(1));
    let message = stderr(&denied);
    assert!(message.starts_with("error: /dev/null/x: "), "{message}");
}

#[tokio::test]
async fn the_database_may_be_named_as_sqlalchemy_does() {
    let database = TestDatabase::create().await;
    let url = database.url().as_str().replacen("://", "+asyncpg://", 1);
    let environment = [("DATABASE_URL", url.as_str())];
    let status = run(&["migrate", "status"], &environment).await;
    assert!(status.status.success(), "{}", stderr(&status));
    let tls = format!("{url}?ssl=maybe");
    let refused = run(&["migrate", "status"], &[("DATABASE_URL", tls.as_str())]).await;
    assert_eq!(refused.status.code(), Some(2));
    let message = stderr(&refused);
    assert!(message.contains("ssl=`maybe` is not one of"), "{message}");
}

#[tokio::test]
async fn the_help_names_the_variable_of_every_setting_and_never_a_password() {
    let url = refused("postgresql", "qtask");
    let broker = refused("amqp", "");
    let environment = [
        ("DATABASE_URL", url.as_str()),
        ("RABBITMQ_URL", broker.as_str()),
    ];
    let everywhere = ["DATABASE_URL", "LOG_LEVEL", "LOG_FORMAT"];
    let cases: [(&str, &[&str]); 3] = [
        (
            "serve",
            &[
                "RABBITMQ_URL",
                "QTASK_QUEUE",
                "PORT",
                "HOST",
                "CORS_ORIGINS",
            ],
        ),
        (
            "work",
            &[
                "RABBITMQ_URL",
                "QTASK_QUEUE",
                "QTASK_WORKER_BACKENDS",
                "QTASK_CONCURRENCY",
                "QTASK_HEARTBEAT_INTERVAL",
                "QTASK_LEASE_DURATION",
            ],
        ),
        (
            "migrate",
            &["QTASK_MIGRATE_WAIT", "QTASK_MIGRATE_LOCK_WAIT"],
        ),
    ];
    for (subcommand, own) in cases {
        for flag in ["--help", "-h"] {
            let help = run(&[subcommand, flag], &environment).await;
            assert_no_password(&help);
            let text = stdout(&help);
            for name in everywhere.iter().chain(own) {
                assert!(text.contains(name), "{name}: {text}");
            }
        }
    }
}

/// Variables and their values.
type Settings = [(&'static str, String)];

#[tokio::test]
async fn wrong_settings_are_all_named_in_one_message() {
    let broker = format!("http://user:{PASSWORD}@localhost");
    let common = [
        (
            "DATABASE_URL",
            format!("mysql://user:{PASSWORD}@localhost/x"),
        ),
        ("DATABASE_TIMEOUT", "soon".to_owned()),
        ("DATABASE_POOL_SIZE", "0".to_owned()),
        ("LOG_LEVEL", "qtask==debug".to_owned()),
        ("LOG_FORMAT", "xml".to_owned()),
    ];
    let both = [
        ("RABBITMQ_URL", broker),
        ("RABBITMQ_TIMEOUT", "1ms".to_owned()),
        ("QTASK_QUEUE", "amq.mine".to_owned()),
        ("QTASK_QUEUE_TYPE", "stream".to_owned()),
        ("QTASK_SWEEP_INTERVAL", "1h".to_owned()),
    ];
    let serve = [
        ("PORT", "http".to_owned()),
        ("HOST", "localhost:80".to_owned()),
        (
            "CORS_ORIGINS",
            "https://good.example, not an origin".to_owned(),
        ),
        ("QTASK_BACKENDS", "simulator,no spaces".to_owned()),
        ("QTASK_HTTP_THREADS", "-1".to_owned()),
        ("QTASK_MAX_CIRCUIT_MIB", "65".to_owned()),
    ];
    let work = [
        ("QTASK_WORKER_BACKENDS", "qpu9000".to_owned()),
        ("QTASK_WORKER_NAME", "no spaces".to_owned()),
        ("QTASK_CONCURRENCY", "0".to_owned()),
        ("QTASK_SHUTDOWN_GRACE", "forever".to_owned()),
        ("QTASK_HEARTBEAT_INTERVAL", "10s".to_owned()),
        ("QTASK_HEALTH_PORT", "99999".to_owned()),
        ("QTASK_SIMULATOR_MEMORY_MIB", "0".to_owned()),
        ("QTASK_SIMULATOR_THREADS", "257".to_owned()),
        ("QTASK_RETRY_DELAY", "0s".to_owned()),
        ("QTASK_MOCK_DELAY", "never".to_owned()),
    ];
    let migrate = [
        ("QTASK_MIGRATE_WAIT", "2h".to_owned()),
        ("QTASK_MIGRATE_LOCK_WAIT", "25h".to_owned()),
    ];
    let cases: [(&str, &[&Settings]); 3] = [
        ("serve", &[&common, &both, &serve]),
        ("work", &[&common, &both, &work]),
        ("migrate", &[&common, &migrate]),
    ];
    for (subcommand, settings) in cases {
        let settings: Vec<(&str, &str)> = settings
            .iter()
            .flat_map(|part| part.iter())
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let output = run(&[subcommand], &settings).await;
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert_no_password(&output);
        assert_eq!(stdout(&output), "");
        assert_eq!(message.matches("error:").count(), 1, "{message}");
        let heading = format!("error: {} settings cannot be used:", settings.len());
        assert!(message.starts_with(&heading), "{message}");
        for (name, _) in settings {
            // The one setting that everybody writes as a flag.
            let name = if name == "QTASK_WORKER_BACKENDS" {
                "--backend"
            } else {
                name
            };
            assert!(
                message.contains(&format!("\n  {name}: ")),
                "{name}: {message}"
            );
        }
    }
}

#[tokio::test]
async fn a_missing_database_is_named_with_the_form_of_its_url() {
    for subcommand in ["serve", "work", "migrate"] {
        let output = run(&[subcommand], &[]).await;
        assert_eq!(output.status.code(), Some(2));
        let message = stderr(&output);
        assert!(
            message.contains("DATABASE_URL: is missing: postgresql://user:password@host:5432/name"),
            "{message}"
        );
    }
}

#[tokio::test]
async fn what_is_not_a_command_or_flag_is_refused_with_exit_code_2() {
    let cases: [(&[&str], &str); 5] = [
        (&["serv"], "serve"),
        (&["serve", "--prot", "1"], "--port"),
        (&["migrate", "down", "--steps", "many"], "--steps"),
        (&["health", "--port", "99999"], "--port"),
        (&["health", "--port", "1", "--url", "http://x"], "--url"),
    ];
    for (arguments, hint) in cases {
        let output = run(arguments, &[]).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(hint), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn a_port_that_is_taken_ends_serve_with_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let database = refused("postgresql", "qtask");
    let environment = [
        ("DATABASE_URL", database.as_str()),
        ("HOST", "127.0.0.1"),
        ("PORT", port.as_str()),
        ("LOG_LEVEL", "error"),
    ];
    let output = run(&["serve"], &environment).await;
    assert_eq!(output.status.code(), Some(1));
    let message = stderr(&output);
    assert!(
        message.starts_with(&format!("error: cannot listen on 127.0.0.1:{port}: ")),
        "{message}"
    );
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
}

#[tokio::test]
async fn passwords_are_in_no_log_whether_the_services_refuse_or_answer() {
    let database = TestDatabase::create().await;
    let cases = [
        (refused("postgresql", "qtask"), refused("amqp", "")),
        (
            with_password(&database.url()),
            with_password(&services::rabbitmq_url()),
        ),
    ];
    for (database_url, broker_url) in cases {
        let environment: Vec<(String, String)> = [
            ("DATABASE_URL", database_url.as_str()),
            ("RABBITMQ_URL", broker_url.as_str()),
            ("QTASK_SWEEP_INTERVAL", "100ms"),
            ("LOG_LEVEL", "trace"),
            ("DATABASE_POOL_SIZE", "2"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut serve = Process::spawn(
            "serve",
            &["serve", "--host", "127.0.0.1", "--port", "0"],
            &environment,
        );
        let mut work = Process::spawn("work", &["work", "--backend", "mock"], &environment);
        for process in [&mut serve, &mut work] {
            // The broker knows no such user or nobody listens: either way it was tried and told.
            process
                .wait_after(0, "a broker that cannot be used", |event| {
                    event.id().starts_with("amqp.") && event.line["level"] == "WARN"
                })
                .await;
            assert!(process.terminate().await.success());
            let leaks = process
                .events()
                .all(|event| event.line.to_string().contains(PASSWORD));
            assert!(leaks.is_empty(), "{leaks:?}");
        }
    }
}

#[tokio::test]
async fn migrate_waits_for_a_database_that_comes_late() {
    let database = TestDatabase::create_empty().await;
    let proxy = Proxy::start(database.url().port().unwrap_or(5432)).await;
    proxy.cut();
    let environment = [
        (
            "DATABASE_URL".to_owned(),
            database.url_through(proxy.port()).into(),
        ),
        ("QTASK_MIGRATE_WAIT".to_owned(), "60s".to_owned()),
    ];
    let mut migrate = Process::spawn("migrate", &["migrate"], &environment);
    migrate.wait_for("migrate.waiting").await;
    proxy.resume();
    let status = migrate.wait_exit(DEADLINE).await;
    assert!(status.success(), "{status}");
    assert_eq!(database.count("SELECT count(*) FROM tasks", &[]).await, 0);
}

#[tokio::test]
async fn migrate_gives_up_at_its_limit_with_a_reason_and_no_password() {
    let url = refused("postgresql", "qtask");
    let environment = [("DATABASE_URL", url.as_str()), ("LOG_LEVEL", "error")];
    let began = Instant::now();
    let output = run(&["migrate", "--wait", "1s"], &environment).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(began.elapsed() >= Duration::from_secs(1));
    let message = stderr(&output);
    assert!(
        message.starts_with("error: the database cannot be reached: "),
        "{message}"
    );
    assert!(message.contains("Connection refused"), "{message}");
    assert!(message.contains("(waited "), "{message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    assert_no_password(&output);
}

/// Runs `qtask health` and returns its exit code and its only line.
async fn health(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(&[&["health"], arguments].concat(), &[]).await;
    let line = stdout(&output);
    assert_eq!(line.lines().count(), 1, "{line:?}");
    assert_eq!(stderr(&output), "");
    (output.status.code(), line.trim_end().to_owned())
}

#[tokio::test]
async fn health_tells_a_ready_service_from_one_without_its_database() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(database.url().port().unwrap_or(5432)).await;
    let through = database.url_through(proxy.port());
    let worker = Worker::new("w", "mock").args(&["--health-port", "0"]);
    let app = App::builder(QueueKind::Postgres)
        .database(database)
        .database_url(&through)
        .worker(worker)
        .start()
        .await;
    let api = Url::parse(&app.url(0, "/"))
        .expect("a URL")
        .port()
        .expect("a port")
        .to_string();
    let listening = app.workers[0].wait_for("worker.health_listening").await;
    let address = listening.field("address").expect("its address");
    let worker = address.rsplit(':').next().expect("a port").to_owned();

    for port in [&api, &worker] {
        let expected = (Some(0), format!("http://127.0.0.1:{port}/readyz: ready"));
        assert_eq!(health(&["--port", port]).await, expected);
    }
    let (code, line) = health(&["--url", &app.url(0, "/health")]).await;
    assert_eq!(code, Some(0));
    assert!(line.contains("\"status\":\"healthy\""), "{line}");

    proxy.cut();
    let (code, line) = health(&["--port", &api]).await;
    assert_eq!(code, Some(1), "{line}");
    assert!(line.contains("503 Service Unavailable"), "{line}");
    assert!(line.contains("database_unavailable"), "{line}");
    eventually(DEADLINE, "the worker not to be ready", || async {
        let (code, line) = health(&["--port", &worker]).await;
        (code == Some(1) && line.contains("503 Service Unavailable: not ready: ")).then_some(())
    })
    .await;

    proxy.resume();
    for port in [&api, &worker] {
        eventually(DEADLINE, "readiness again", || async {
            (health(&["--port", port]).await.0 == Some(0)).then_some(())
        })
        .await;
    }
    app.finish().await;
}

#[tokio::test]
async fn health_fails_in_one_line_where_nothing_answers() {
    let port = free_port().to_string();
    let (code, line) = health(&["--port", &port]).await;
    assert_eq!(code, Some(1));
    assert!(
        line.starts_with(&format!("http://127.0.0.1:{port}/readyz: ")),
        "{line}"
    );

    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = silent.local_addr().expect("its address").port().to_string();
    let began = Instant::now();
    let (code, _) = health(&["--port", &port, "--timeout", "1"]).await;
    assert_eq!(code, Some(1));
    assert!(began.elapsed() < Duration::from_secs(10));

    let url = format!("http://user:{PASSWORD}@127.0.0.1:{port}/readyz");
    let (code, line) = health(&["--url", &url, "--timeout", "1"]).await;
    assert_eq!(code, Some(1));
    assert!(!line.contains(PASSWORD), "{line}");
}
