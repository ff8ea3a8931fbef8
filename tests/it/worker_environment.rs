//! Set-up and teardown: what a worker runs before its first task and after its last.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::support::app::Worker;
use crate::support::mocks::{claimed, completed, created, mock};
use crate::support::wait::{DEADLINE, TempDir, eventually};
use crate::support::{App, QueueKind, on_both_queues};

fn worker(hooks: &[&str]) -> Worker {
    Worker::new("w1", "mock").args(hooks)
}

/// A command that notes that it has begun, waits until the test lets it go on, and notes its end.
fn held(dir: &Path, name: &str) -> String {
    let dir = dir.display();
    format!(
        "echo $QTASK_WORKER $QTASK_BACKENDS > {dir}/{name}.begun; \
         until [ -e {dir}/{name}.go ]; do sleep 0.05; done; touch {dir}/{name}.done"
    )
}

async fn wait_for_file(dir: &Path, name: &str) -> String {
    let path = dir.join(name);
    eventually(DEADLINE, name, || async {
        std::fs::read_to_string(&path)
            .ok()
            .filter(|_| path.exists())
    })
    .await
}

fn touch(dir: &Path, name: &str) {
    std::fs::write(dir.join(name), "").expect("a file");
}

/// What the registry says of the worker: why it is not ready, whether its session has ended, its heartbeats.
async fn registry(app: &App) -> (Option<String>, bool, String) {
    let query = "SELECT not_ready_reason, ended_at IS NOT NULL, last_heartbeat_at::text FROM workers WHERE worker_id = 'w1'";
    let row = app
        .database
        .connect()
        .await
        .query_one(query, &[])
        .await
        .expect("a worker");
    (row.get(0), row.get(1), row.get(2))
}

async fn wait_heartbeat(app: &App) {
    let (_, _, before) = registry(app).await;
    eventually(DEADLINE, "another heartbeat", || async {
        (registry(app).await.2 != before).then_some(())
    })
    .await;
}

on_both_queues!(no_task_is_taken_before_the_set_up_and_after_the_teardown,);

async fn no_task_is_taken_before_the_set_up_and_after_the_teardown(kind: QueueKind) {
    let dir = TempDir::new("hooks");
    let (setup, teardown) = (held(dir.path(), "setup"), held(dir.path(), "teardown"));
    let mut app = App::builder(kind).start().await;
    let task_id = app.submit(&mock("")).await;
    app.spawn_worker(&worker(&["--setup", &setup, "--teardown", &teardown]));
    let begun = eventually(DEADLINE, "setup.begun", || async {
        std::fs::read_to_string(dir.path().join("setup.begun"))
            .ok()
            .filter(|text| text.ends_with('\n'))
    });
    assert_eq!(begun.await, "w1 mock\n");
    eventually(DEADLINE, "the registry knows", || async {
        (registry(&app).await.0.as_deref() == Some("setting up")).then_some(())
    })
    .await;
    wait_heartbeat(&app).await;
    wait_heartbeat(&app).await;
    assert_eq!(app.database.statuses(task_id).await, ["pending"]);

    touch(dir.path(), "setup.go");
    app.wait_terminal(task_id, DEADLINE).await;
    assert_eq!(
        app.database.history(task_id).await,
        [created(), claimed(1, "w1"), completed(1, "w1")]
    );
    assert!(dir.path().join("setup.done").exists());
    eventually(DEADLINE, "no not_ready_reason", || async {
        registry(&app).await.0.is_none().then_some(())
    })
    .await;
    assert!(!dir.path().join("teardown.begun").exists());

    // Its last task ends in the grace time; only then comes the teardown, and the lease is kept.
    let last = app.submit(&mock("sleep 1s")).await;
    app.wait_status(last, "processing").await;
    app.workers[0].signal(Signal::SIGTERM);
    wait_for_file(dir.path(), "teardown.begun").await;
    assert_eq!(app.task(last).await["status"], "completed");
    wait_heartbeat(&app).await;
    assert!(!registry(&app).await.1);
    touch(dir.path(), "teardown.go");
    assert!(app.workers[0].wait_exit(DEADLINE).await.success());
    assert!(dir.path().join("teardown.done").exists());
    assert!(registry(&app).await.1);
    app.workers.clear();
    app.finish().await;
}

#[tokio::test]
async fn a_worker_whose_set_up_fails_says_why_and_takes_nothing() {
    let dir = TempDir::new("hooks");
    let torn = format!("touch {}/torn", dir.path().display());
    let setup = "echo looking for the cluster; echo no cluster there >&2; exit 3";
    let mut app = App::builder(QueueKind::Postgres).start().await;
    let task_id = app.submit(&mock("")).await;
    app.spawn_worker(&worker(&["--setup", setup, "--teardown", &torn]));
    let [w1] = &mut app.workers[..] else {
        panic!("one worker")
    };
    let failed = w1.wait_for("worker.setup_failed").await;
    let output = failed.field("output").unwrap();
    assert!(
        output.contains("looking for the cluster") && output.contains("no cluster there"),
        "{output}"
    );
    assert_eq!(w1.wait_exit(DEADLINE).await.code(), Some(1));
    w1.assert_no_panic();
    for line in ["looking for the cluster", "no cluster there"] {
        assert_eq!(
            w1.events()
                .all(|event| {
                    event.is("hook.output") && event.field("line").as_deref() == Some(line)
                })
                .len(),
            1
        );
    }
    assert!(dir.path().join("torn").exists());
    let (not_ready_reason, ended, _) = registry(&app).await;
    let not_ready_reason = not_ready_reason.unwrap();
    assert!(
        ended && not_ready_reason.contains("set-up failed: exit status: 3"),
        "{not_ready_reason}"
    );
    assert_eq!(app.database.statuses(task_id).await, ["pending"]);
    app.workers.clear();
    app.finish().await;
}

#[tokio::test]
async fn a_set_up_that_takes_too_long_is_killed_with_its_children() {
    let dir = TempDir::new("hooks");
    let pids = dir.path().join("pids");
    // Deaf to being asked, and so is its child.
    let setup = format!(
        "trap '' TERM; sleep 1000 & echo $$ $! > {}; wait; wait",
        pids.display()
    );
    let mut app = App::builder(QueueKind::Postgres).start().await;
    app.spawn_worker(&worker(&["--setup", &setup, "--setup-timeout", "1s"]));
    let [w1] = &mut app.workers[..] else {
        panic!("one worker")
    };
    assert_eq!(w1.wait_exit(DEADLINE).await.code(), Some(1));
    assert!(
        registry(&app)
            .await
            .0
            .unwrap()
            .contains("took longer than 1s")
    );
    assert_gone(&pids).await;
    app.workers.clear();
    app.finish().await;
}

#[tokio::test]
async fn a_stop_during_the_set_up_ends_it_and_tears_down() {
    let dir = TempDir::new("hooks");
    let pids = dir.path().join("pids");
    let setup = format!("sleep 1000 & echo $$ $! > {}; wait", pids.display());
    let torn = format!("touch {}/torn", dir.path().display());
    let mut app = App::builder(QueueKind::Postgres).start().await;
    app.spawn_worker(&worker(&["--setup", &setup, "--teardown", &torn]));
    eventually(DEADLINE, "the set-up", || async {
        pids.exists().then_some(())
    })
    .await;
    assert!(app.workers[0].terminate().await.success());
    assert!(dir.path().join("torn").exists());
    let (not_ready_reason, ended, _) = registry(&app).await;
    assert_eq!((not_ready_reason, ended), (None, true));
    assert_gone(&pids).await;
    app.workers.clear();
    app.finish().await;
}

#[tokio::test]
async fn what_the_set_up_leaves_running_goes_on_beside_the_worker() {
    let dir = TempDir::new("hooks");
    let pid = dir.path().join("pid");
    // It keeps the set-up's output open: nobody waits for its end.
    let setup = format!("sleep 1000 & echo $! > {}", pid.display());
    let teardown = format!("kill $(cat {})", pid.display());
    let worker = worker(&["--setup", &setup, "--teardown", &teardown]);
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let task_id = app.submit(&mock("")).await;
    app.wait_terminal(task_id, DEADLINE).await;
    assert!(is_running(&std::fs::read_to_string(&pid).unwrap()));
    app.finish().await;
    assert_gone(&pid).await;
}

fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

async fn assert_gone(pids: &Path) {
    let text = std::fs::read_to_string(pids).expect("pids");
    eventually(DEADLINE, "no process is left", || async {
        (!text.split_whitespace().any(is_running)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_worker_that_was_replaced_leaves_the_surroundings_to_its_successor() {
    let dir = TempDir::new("replaced");
    let teardown = format!("touch {}/torn-down", dir.path().display());
    let mut app = App::builder(QueueKind::Postgres)
        .worker(worker(&["--teardown", &teardown]))
        .start()
        .await;
    app.start_worker(&worker(&["--replace"])).await;
    let mut replaced = app.workers.remove(0);
    let status = replaced.wait_exit(DEADLINE).await;
    assert!(!status.success(), "{status}");
    replaced.wait_for("worker.teardown_skipped").await;
    assert!(!dir.path().join("torn-down").exists());
    let task_id = app.submit(&mock("")).await;
    app.wait_status(task_id, "completed").await;
    app.finish().await;
}
