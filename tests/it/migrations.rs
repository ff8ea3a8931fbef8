//! `qtask migrate`: up, down, the state of a database, and other transactions meanwhile.

use std::io::Write;
use std::process::{Output, Stdio};

use nix::pty::openpty;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::app::Worker;
use crate::support::events::Event;
use crate::support::process::{qtask, run};
use crate::support::wait::DEADLINE;
use crate::support::{App, Process, QueueKind, TestDatabase};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output in UTF-8")
}

async fn migrate(database: &TestDatabase, arguments: &[&str]) -> Output {
    let arguments = [&["migrate"], arguments].concat();
    run(&arguments, &[("DATABASE_URL", database.url().as_str())]).await
}

fn spawn_migrate(database: &TestDatabase) -> Process {
    let environment = [("DATABASE_URL".to_owned(), database.url().into())];
    Process::spawn("migrate", &["migrate", "up"], &environment)
}

#[tokio::test]
async fn migrations_go_up_and_down_and_up_again_and_say_where_they_stand() {
    let database = TestDatabase::create_empty().await;
    let url = database.url();
    let migrate = |arguments: &'static [&'static str]| {
        let url = url.clone();
        async move {
            let arguments = [&["migrate"], arguments].concat();
            let output = run(&arguments, &[("DATABASE_URL", url.as_str())]).await;
            assert!(output.status.success(), "{output:?}");
            text(&output.stdout)
        }
    };
    let versions: Vec<String> = migrate(&["status"])
        .await
        .lines()
        .map(|line| {
            line.strip_prefix("missing ")
                .expect("nothing applied yet")
                .to_owned()
        })
        .collect();
    assert!(!versions.is_empty());
    let all_of = |word: &str| -> String {
        versions
            .iter()
            .map(|name| format!("{word} {name}\n"))
            .collect::<Vec<_>>()
            .concat()
    };

    let applied = migrate(&[]).await;
    assert_eq!(applied, all_of("applied") + "the schema is up to date\n");
    let schema = columns(&database).await;
    assert!(
        schema
            .iter()
            .any(|column| column.starts_with("tasks.task_id"))
    );
    assert_eq!(migrate(&["up"]).await, "the schema is up to date\n");
    assert_eq!(migrate(&["status"]).await, all_of("applied"));

    let count = versions.len();
    let newest_first: Vec<String> = versions
        .iter()
        .rev()
        .map(|name| format!("reverted {name}\n"))
        .collect();
    let newest_first = newest_first.concat();
    // More steps than there are versions: all of them, and no error.
    let reverted = migrate(&["down", "--steps", "1000", "--yes"]).await;
    assert_eq!(
        reverted,
        format!("{newest_first}{count} of 1000 versions reverted\n")
    );
    assert_eq!(columns(&database).await, Vec::<String>::new());
    let types = "SELECT count(*) FROM pg_type WHERE typname = 'task_status'";
    assert_eq!(database.count(types, &[]).await, 0);
    assert_eq!(migrate(&["down"]).await, "0 of 1 versions reverted\n");

    migrate(&["up"]).await;
    assert_eq!(columns(&database).await, schema);
}

/// Every column of qtask's tables, with its type.
async fn columns(database: &TestDatabase) -> Vec<String> {
    let query = "SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_diesel%' ORDER BY 1";
    let rows = database.connect().await.query(query, &[]).await;
    rows.expect("the columns")
        .iter()
        .map(|row| row.get(0))
        .collect()
}

#[tokio::test]
async fn of_four_migrations_at_once_one_applies_and_the_others_wait_for_it() {
    let database = TestDatabase::create_empty().await;
    let url = database.url();
    let environment = [("DATABASE_URL", url.as_str())];
    let migrate = || run(&["migrate", "up"], &environment);
    let (a, b, c, d) = tokio::join!(migrate(), migrate(), migrate(), migrate());
    let mut applied = 0;
    for output in [a, b, c, d] {
        assert!(output.status.success(), "{output:?}");
        let said = text(&output.stdout);
        assert!(said.ends_with("the schema is up to date\n"), "{said}");
        applied += usize::from(said.contains("applied "));
    }
    assert_eq!(applied, 1);
}

#[tokio::test]
async fn a_migration_that_waits_for_another_one_can_be_stopped() {
    let database = TestDatabase::create_empty().await;
    let holder = database.connect().await;
    holder
        .batch_execute("SELECT pg_advisory_lock(16180339)")
        .await
        .expect("the lock of migrations");
    let mut migrate = spawn_migrate(&database);
    migrate.wait_for("migrate.other_running").await;
    migrate.signal(Signal::SIGTERM);
    migrate.wait_exit(DEADLINE).await;
    let tables = columns(&database).await;
    assert_eq!(tables, Vec::<String>::new());
}

#[tokio::test]
async fn status_shows_what_is_missing_and_what_is_unknown_while_another_migration_runs() {
    let database = TestDatabase::create().await;
    let holder = database.connect().await;
    holder
        .batch_execute("SELECT pg_advisory_lock(16180339)")
        .await
        .expect("the lock of migrations");
    let check = async || {
        let output = migrate(&database, &["status", "--check"]).await;
        let last = text(&output.stdout).lines().last().unwrap().to_owned();
        (output.status.code(), last, text(&output.stderr))
    };
    let (code, newest, errors) = check().await;
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(newest.starts_with("applied "), "{newest}");

    let unknown = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    database.execute(unknown, &[]).await;
    let (code, newest, errors) = check().await;
    assert_eq!((code, newest.as_str()), (Some(1), "unknown 99990101000000"));
    assert!(errors.contains("newer than this qtask"), "{errors}");
    let served = "INSERT INTO schema_compatibility VALUES ('99990101000000', '20261130100000')";
    database.execute(served, &[]).await;
    let (code, newest, errors) = check().await;
    assert_eq!((code, newest.as_str()), (Some(0), "unknown 99990101000000"));
    assert_eq!(errors, "");

    // This version is an index alone: the service works without it, and there is still something to do.
    let missing = "DELETE FROM __diesel_schema_migrations WHERE version = '20260204000000'";
    database.execute(missing, &[]).await;
    let (code, _, errors) = check().await;
    assert_eq!(code, Some(1));
    assert!(errors.contains("run `qtask migrate`"), "{errors}");
    let documents = migrate(&database, &["status", "--json"]).await;
    let documents: Vec<Value> = text(&documents.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON document"))
        .collect();
    assert_eq!(
        documents[4],
        json!({
            "version": "20260204000000",
            "name": "2026-02-04-000000_index_run_times",
            "state": "missing",
            "may_serve": true,
        })
    );
    assert_eq!(
        *documents.last().unwrap(),
        json!({"version": "99990101000000", "name": null, "state": "unknown", "may_serve": true})
    );
}

#[tokio::test]
async fn down_names_the_losses_and_reverts_nothing_without_yes() {
    let database = TestDatabase::create().await;
    let before = columns(&database).await;
    let refused = migrate(&database, &["down", "--steps", "1000"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(text(&refused.stdout), "");
    let errors = text(&refused.stderr);
    let losses = errors.lines().filter(|line| line.starts_with("reverting "));
    let versions = text(&migrate(&database, &["status"]).await.stdout);
    assert_eq!(losses.count(), versions.lines().count(), "{errors}");
    let example = "reverting 2026-03-04-000100_attempt_outputs loses: the outputs of attempts\n";
    assert!(errors.contains(example), "{errors}");
    assert!(errors.ends_with("--yes\n"), "{errors}");
    assert_eq!(columns(&database).await, before);
}

#[tokio::test]
async fn down_asks_on_a_terminal() {
    let database = TestDatabase::create().await;
    let answers = [("n", Some(1), 0), ("", Some(1), 0), ("y", Some(0), 2)];
    for (answer, code, reverted) in answers {
        let arguments = ["migrate", "down", "--steps", "2"];
        let output = answer_on_terminal(&database, &arguments, answer).await;
        assert_eq!(output.status.code(), code, "{answer:?}: {output:?}");
        let status = text(&migrate(&database, &["status"]).await.stdout);
        assert_eq!(status.matches("missing ").count(), reverted, "{answer:?}");
    }
}

/// Runs `qtask` with a terminal as its standard input and error, and types one line.
async fn answer_on_terminal(database: &TestDatabase, arguments: &[&str], answer: &str) -> Output {
    let terminal = openpty(None, None).expect("a terminal");
    let mut master = std::fs::File::from(terminal.master);
    writeln!(master, "{answer}").expect("a typed line");
    let errors = terminal.slave.try_clone().expect("the terminal");
    let child = qtask(arguments)
        .env("DATABASE_URL", database.url().as_str())
        .stdin(terminal.slave)
        .stderr(errors)
        .stdout(Stdio::piped())
        .spawn()
        .expect("qtask starts");
    let output = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    drop(master);
    output.expect("an end in time").expect("its exit status")
}

#[tokio::test]
async fn two_reversions_at_once_revert_only_what_each_has_named() {
    let database = TestDatabase::create().await;
    let holder = database.connect().await;
    holder
        .batch_execute("SELECT pg_advisory_lock(16180339)")
        .await
        .expect("the lock of migrations");
    let environment = [("DATABASE_URL".to_owned(), database.url().into())];
    let down = ["migrate", "down", "--yes"];
    let mut first = Process::spawn("first", &down, &environment);
    let mut second = Process::spawn("second", &down, &environment);
    first.wait_for("migrate.other_running").await;
    second.wait_for("migrate.other_running").await;
    drop(holder);
    let ended = [
        first.wait_exit(DEADLINE).await,
        second.wait_exit(DEADLINE).await,
    ];
    let succeeded = ended.iter().filter(|status| status.success()).count();
    assert_eq!(succeeded, 1, "{ended:?}");
    let status = text(&migrate(&database, &["status"]).await.stdout);
    assert_eq!(status.matches("missing ").count(), 1, "{status}");
}

/// Opens a transaction that has written to `tasks`, and reverts a version that an executable works without.
async fn hold_tasks(database: &TestDatabase) -> tokio_postgres::Client {
    let missing = "DELETE FROM __diesel_schema_migrations WHERE version = '20260204000000'";
    database.execute(missing, &[]).await;
    let holder = database.connect().await;
    holder
        .batch_execute("BEGIN; LOCK TABLE tasks IN ROW EXCLUSIVE MODE")
        .await
        .expect("an open transaction");
    holder
}

#[tokio::test]
async fn the_service_works_while_a_migration_waits_for_a_table_that_a_transaction_holds() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let holder = hold_tasks(&app.database).await;
    let mut migrate = spawn_migrate(&app.database);
    for round in 0..3 {
        let mark = migrate.events().len();
        let contended = |event: &Event| event.is("migrate.lock_contended");
        migrate.wait_after(mark, "another attempt", contended).await;
        for number in 0..5 {
            let task = json!({"circuit": format!("{round} {number}"), "backend": "mock"});
            let id = app.submit(&task).await;
            let task = app.wait_terminal(id, DEADLINE).await;
            assert_eq!(
                (&task["status"], &task["attempt"]),
                (&json!("completed"), &json!(1))
            );
        }
    }
    holder.batch_execute("COMMIT").await.expect("its end");
    assert!(migrate.wait_exit(DEADLINE).await.success());
    app.finish().await;
}

#[tokio::test]
async fn a_migration_gives_up_on_a_table_that_stays_locked_and_changes_nothing() {
    let database = TestDatabase::create().await;
    let holder = hold_tasks(&database).await;
    let output = migrate(&database, &["up", "--lock-wait", "0s"]).await;
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    let named = "2026-02-04-000000_index_run_times cannot be applied: other transactions have locked its tables";
    assert!(errors.contains(named), "{errors}");
    holder.batch_execute("COMMIT").await.expect("its end");
    let status = text(&migrate(&database, &["status"]).await.stdout);
    assert!(status.contains("missing 2026-02-04-000000_index_run_times"));
    assert!(migrate(&database, &["up"]).await.status.success());
}
