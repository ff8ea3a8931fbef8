//! A dump of the database, taken while tasks run, and a service that is started on its copy.

use std::path::Path;

use reqwest::Url;
use serde_json::json;
use tokio::process::Command;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::mocks::{mock, reorder};
use crate::support::skipped::report_skipped;
use crate::support::wait::{DEADLINE, TempDir};
use crate::support::{App, QueueKind, TestDatabase, on_both_queues};

on_both_queues!(a_restored_dump_ends_every_task_once);

fn has_programs() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_found =
        |program: &str| std::env::split_paths(&path).any(|it| it.join(program).is_file());
    is_found("pg_dump") && is_found("pg_restore")
}

async fn run(command: &mut Command) {
    let output = command
        .output()
        .await
        .expect("PostgreSQL's programs on the PATH");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
}

async fn dump(database: &Url, file: &Path) {
    let mut command = Command::new("pg_dump");
    command
        .arg("--format=custom")
        .arg("--file")
        .arg(file)
        .arg(database.as_str());
    run(&mut command).await;
}

/// The commands of docs/backup.md, but for the creation of the database.
async fn restore(file: &Path, database: &Url) {
    let mut command = Command::new("pg_restore");
    command
        .args(["--no-owner", "--exit-on-error", "--dbname"])
        .arg(database.as_str())
        .arg(file);
    run(&mut command).await;
}

/// The statuses of a task's history.
async fn statuses(app: &App, task_id: Uuid) -> Vec<String> {
    let history = app.database.history(task_id).await;
    history.into_iter().map(|it| it.status).collect()
}

async fn a_restored_dump_ends_every_task_once(kind: QueueKind) {
    if !has_programs() {
        report_skipped(
            "backup::a_restored_dump",
            "there is no pg_dump or pg_restore",
        );
        return;
    }
    let mut old = App::builder(kind)
        .worker(Worker::new("native", "mock"))
        .start()
        .await;
    let ended = old.submit(&mock("")).await;
    old.wait_status(ended, "completed").await;
    let running = old.submit(&mock("sleep 60s")).await;
    old.wait_status(running, "processing").await;
    // The worker has one slot: these wait.
    let waiting = [old.submit(&mock("")).await, old.submit(&mock("")).await];
    let puller = HttpWorker::register(&old, "puller", "lab").await;
    old.submit(&problem("lab", &json!({}))).await;
    let claimed = puller.claim_one(&old).await;

    let folder = TempDir::new("backup");
    let file = folder.path().join("qtask.dump");
    dump(&old.database.url(), &file).await;

    // After the dump: one task ends, and one is submitted.
    puller.complete(&old, &claimed).await.expect(200);
    let missing = old.submit(&mock("")).await;
    for process in old.workers.iter_mut().chain(&mut old.apis) {
        process.kill9().await;
    }

    let copy = TestDatabase::create_empty().await;
    restore(&file, &copy.url()).await;
    reorder(&copy, running, "").await;
    let mut new = App::builder(kind).database(copy).start().await;
    new.get(&format!("/tasks/{missing}")).await.expect(404);
    // Released at the end of the lease: its owner ran in the old database.
    new.wait_status(running, "retrying").await;
    new.wait_status(id_of(&claimed), "retrying").await;
    let late = puller.complete(&new, &claimed).await;
    assert_eq!(late.expect_problem(409), "lease_lost");

    new.start_worker(&Worker::new("native", "mock")).await;
    let heir = HttpWorker::register(&new, "heir", "lab").await;
    let again = heir.claim_one(&new).await;
    assert_eq!(
        (id_of(&again), &again["attempt"]),
        (id_of(&claimed), &json!(2))
    );
    let late = puller.complete(&new, &claimed).await;
    assert_eq!(late.expect_problem(409), "lease_lost");
    heir.complete(&new, &again).await.expect(200);

    let twice = [
        "pending",
        "processing",
        "retrying",
        "processing",
        "completed",
    ];
    let once = ["pending", "processing", "completed"];
    for task_id in waiting.into_iter().chain([running, ended]) {
        new.wait_terminal(task_id, DEADLINE).await;
    }
    assert_eq!(statuses(&new, running).await, twice);
    assert_eq!(statuses(&new, id_of(&claimed)).await, twice);
    for task_id in waiting.into_iter().chain([ended]) {
        assert_eq!(statuses(&new, task_id).await, once);
    }
    old.abandon_work();
    new.finish().await;
}
