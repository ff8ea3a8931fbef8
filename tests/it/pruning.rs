//! `qtask prune` and `POST /tasks/prune`: old ended tasks are deleted with all that belongs to them, and nothing else is.

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{on_terminal, run};
use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, problem};
use crate::support::mocks::mock;
use crate::support::process::qtask;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestDatabase, on_both_queues};

async fn start(kind: QueueKind) -> App {
    let app = App::builder(kind).start().await;
    app.database.clock_was_steady().await;
    app
}

/// Runs the command and returns the number that it writes.
async fn prune(app: &App, arguments: &[&str]) -> i64 {
    let all = [&["prune", "--older-than", "90d"], arguments].concat();
    let ended = run(&app.url(0, ""), &all).await.expect(0);
    ended.stdout.trim().parse().expect("a number")
}

fn older_than(days: u64) -> Value {
    json!({"older_than_seconds": days * 86_400})
}

#[tokio::test]
async fn old_ended_tasks_are_deleted_with_all_that_belongs_to_them_and_no_others() {
    let app = start(QueueKind::Postgres).await;
    let w = HttpWorker::register(&app, "w", "b").await;
    app.submit(&problem("b", &json!({}))).await;
    w.claim_one(&app).await;
    app.submit(&problem("b", &json!({}))).await;
    app.database.age_tasks(200).await;
    app.database.insert_old_tasks(66, 91.0, "simulator").await;
    app.database.insert_old_tasks(33, 89.9, "simulator").await;
    // Submitted long ago, and ended yesterday.
    app.database.insert_old_tasks(3, 120.0, "late").await;
    let late = "SET session_replication_role = replica;
                UPDATE tasks SET completed_at = clock_timestamp() - interval '1 day' WHERE backend = 'late'";
    let client = app.database.connect().await;
    client.batch_execute(late).await.expect("late ends");

    assert_eq!(prune(&app, &["--dry-run"]).await, 66);
    assert_eq!(app.database.tasks_and_stray_rows().await, (104, 0));
    assert_eq!(prune(&app, &[]).await, 66);
    assert_eq!(app.database.tasks_and_stray_rows().await, (38, 0));
    assert_eq!(prune(&app, &[]).await, 0);
    for (status, count) in [("pending", 1), ("processing", 1)] {
        assert_eq!(app.database.tasks_in(status).await, count, "{status}");
    }
    app.abandon_work();
}

#[tokio::test]
async fn a_prune_can_be_limited_to_statuses_and_a_backend() {
    let app = start(QueueKind::Postgres).await;
    app.database.insert_old_tasks(30, 100.0, "one").await;
    app.database.insert_old_tasks(30, 100.0, "two").await;
    let failed = ["--status", "failed,cancelled", "--backend", "one"];
    assert_eq!(prune(&app, &failed).await, 20);
    assert_eq!(prune(&app, &["--backend", "one"]).await, 10);
    assert_eq!(prune(&app, &["--status", "completed"]).await, 10);
    assert_eq!(app.database.tasks_and_stray_rows().await, (20, 0));
    let url = app.url(0, "");
    for arguments in [
        &["prune"][..],
        &["prune", "--older-than", "90"],
        &["prune", "--older-than", "90d", "--status", "pending"],
    ] {
        run(&url, arguments).await.expect(2);
    }
}

#[tokio::test]
async fn a_step_reads_as_many_tasks_as_asked_for_and_its_cursor_continues() {
    let app = start(QueueKind::Postgres).await;
    let api = Contract::of(&app).await;
    app.database.insert_old_tasks(66, 100.0, "b").await;
    let (mut tasks, mut steps, mut cursor) = (0, 0, Value::Null);
    loop {
        let mut body = older_than(90);
        body["limit"] = json!(1);
        body["cursor"] = cursor;
        let step = api.post("/tasks/prune", &body).await.expect(200);
        let deleted = step["tasks"].as_u64().expect("a number");
        assert!(deleted <= 1, "{step}");
        (tasks, steps) = (tasks + deleted, steps + 1);
        cursor = step["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(tasks, 66);
    // One for each task, and the end of each status and priority without one.
    assert!(steps <= 66 + 33, "{steps}");
    let mut body = older_than(90);
    body["cursor"] = json!("n05");
    let refused = api.post("/tasks/prune", &body).await.expect(422);
    assert!(refused["errors"]["cursor"].is_string(), "{refused}");
}

#[tokio::test]
async fn a_task_is_kept_while_its_webhook_is_due_and_while_a_key_names_it() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_ALLOWED_HOSTS", "127.0.0.0/8")
        .env("QTASK_WEBHOOK_RETRY_DELAY", "1h")
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let api = Contract::of(&app).await;
    // Nothing listens there.
    let mut called = mock("");
    called["callback_url"] = json!("http://127.0.0.1:1/");
    let called = app.submit(&called).await;
    let keyed = api.post_keyed("/tasks", "k", &mock("")).await.expect(201);
    let keyed: Uuid = serde_json::from_value(keyed["task_id"].clone()).expect("an id");
    let plain = app.submit(&mock("")).await;
    for task_id in [called, keyed, plain] {
        app.wait_status(task_id, "completed").await;
    }
    app.database.age_tasks(100).await;
    app.database.clock_was_steady().await;
    assert_eq!(prune(&app, &[]).await, 1);
    assert_eq!(app.database.tasks_and_stray_rows().await, (2, 0));
    // The repetition finds its task.
    let again = api.post_keyed("/tasks", "k", &mock("")).await.expect(201);
    assert_eq!(again["status"], "completed");

    let over =
        "WITH given_up AS (UPDATE webhooks SET due_at = NULL, given_up_at = clock_timestamp())
                DELETE FROM idempotency_keys";
    app.database.execute(over, &[]).await;
    assert_eq!(prune(&app, &[]).await, 2);
    assert_eq!(app.database.tasks_and_stray_rows().await, (0, 0));
}

#[tokio::test]
async fn two_prunes_at_once_delete_each_task_once() {
    let app = start(QueueKind::Postgres).await;
    app.database.insert_old_tasks(5_000, 100.0, "b").await;
    let deleted = join_all([prune(&app, &[]), prune(&app, &[])]).await;
    assert_eq!(deleted.iter().sum::<i64>(), 5_000, "{deleted:?}");
    assert_eq!(app.database.tasks_and_stray_rows().await, (0, 0));
}

#[tokio::test]
async fn a_prune_whose_processes_were_killed_is_completed_by_the_next() {
    let mut app = App::builder(QueueKind::Postgres).apis(2).start().await;
    app.database.clock_was_steady().await;
    app.database.insert_old_tasks(8_000, 100.0, "b").await;
    let mut command = qtask(&["prune", "--older-than", "90d"])
        .env("QTASK_URL", app.url(1, ""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("qtask starts");
    let begun = async || (app.database.tasks_and_stray_rows().await.0 < 8_000).then_some(());
    eventually(DEADLINE, "a first commit", begun).await;
    app.apis[1].kill9().await;
    command.kill().await.expect("a killed command");
    let (left, stray) = app.database.tasks_and_stray_rows().await;
    assert!(left > 0, "killed too late");
    assert_eq!(stray, 0);
    prune(&app, &[]).await;
    assert_eq!(app.database.tasks_and_stray_rows().await, (0, 0));
}

on_both_queues!(tasks_flow_while_old_ones_are_deleted,);

async fn tasks_flow_while_old_ones_are_deleted(kind: QueueKind) {
    const FLOWING: usize = 200;
    let worker = Worker::new("w", "mock").args(&["--concurrency", "4"]);
    let app = App::builder(kind).worker(worker).start().await;
    app.database.clock_was_steady().await;
    app.database.insert_old_tasks(5_000, 100.0, "mock").await;
    let flow = async {
        let mut ids = Vec::new();
        for _ in 0..FLOWING {
            ids.push(app.submit(&mock("")).await);
        }
        for task_id in &ids {
            app.wait_terminal(*task_id, DEADLINE).await;
        }
    };
    let (deleted, ()) = tokio::join!(prune(&app, &[]), flow);
    assert_eq!(deleted, 5_000);
    let kept = i64::try_from(FLOWING).expect("a count");
    assert_eq!(app.database.tasks_and_stray_rows().await, (kept, 0));
    assert_eq!(app.database.tasks_in("completed").await, kept);
    app.finish().await;
}

#[tokio::test]
async fn no_task_is_deleted_within_an_hour_after_a_step_of_the_clock() {
    let database = TestDatabase::create_with_clock().await;
    let app = App::builder(QueueKind::Postgres)
        .database(database)
        .start()
        .await;
    let api = Contract::of(&app).await;
    app.database.insert_old_tasks(10, 80.0, "b").await;
    let refused = async || api.post("/tasks/prune", &older_than(90)).await;
    // The service has just started.
    assert_eq!(refused().await.expect_problem(409), "clock_unsteady");
    app.database.clock_was_steady().await;
    let nothing = refused().await.expect(200);
    assert_eq!(nothing["tasks"], 0);
    // 20 days forward, before and after a sweep has noticed.
    app.database.set_clock(20 * 24).await;
    assert_eq!(refused().await.expect_problem(409), "clock_unsteady");
    crate::support::sweeps::sweeps(&app.database, 3).await;
    assert_eq!(refused().await.expect_problem(409), "clock_unsteady");
    let ended = run(&app.url(0, ""), &["prune", "--older-than", "90d"]).await;
    assert!(ended.expect(2).stderr.contains("clock"));
    assert_eq!(app.database.tasks_and_stray_rows().await, (10, 0));
}

#[tokio::test]
async fn a_step_that_is_too_slow_is_repeated_with_fewer_tasks() {
    let app = App::builder(QueueKind::Postgres)
        .env("DATABASE_TIMEOUT", "1s")
        .start()
        .await;
    app.database.clock_was_steady().await;
    app.database.insert_old_tasks(330, 100.0, "b").await;
    // Of one priority, so that a whole step can be read at once.
    let slow = "SET session_replication_role = replica;
                UPDATE tasks SET priority = 5;
                UPDATE task_tags SET priority = 5;
                SET session_replication_role = origin;
                CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    PERFORM pg_sleep(0.02);
                    RETURN OLD;
                END $$;
                CREATE TRIGGER slow BEFORE DELETE ON tasks FOR EACH ROW WHEN (OLD.current_status = 'completed')
                    EXECUTE FUNCTION slow()";
    let client = app.database.connect().await;
    client.batch_execute(slow).await.expect("slow deletions");
    assert_eq!(prune(&app, &[]).await, 330);
    assert_eq!(app.database.tasks_and_stray_rows().await, (0, 0));
}

#[tokio::test]
async fn progress_is_drawn_on_a_terminal_and_the_total_is_the_answer() {
    let app = start(QueueKind::Postgres).await;
    app.database.insert_old_tasks(400, 100.0, "b").await;
    let url = app.url(0, "");
    let arguments = ["prune", "--older-than", "90d"];
    let counted = run(&url, &[&arguments[..], &["--dry-run", "--json"]].concat()).await;
    let document = json!({"tasks": 400, "dry_run": true});
    assert_eq!(counted.expect(0).documents(), [document]);
    let shown = on_terminal(&url, &[], &arguments).await;
    assert!(shown.contains("of about 400 tasks deleted"), "{shown}");
    assert!(shown.contains("400 tasks deleted."), "{shown}");
}

#[tokio::test]
async fn an_interrupted_prune_says_how_many_tasks_it_has_deleted() {
    let app = start(QueueKind::Postgres).await;
    app.database.insert_old_tasks(8_000, 100.0, "b").await;
    let child = qtask(&["prune", "--older-than", "90d"])
        .env("QTASK_URL", app.url(0, ""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("qtask starts");
    let begun = async || (app.database.tasks_and_stray_rows().await.0 < 8_000).then_some(());
    eventually(DEADLINE, "a first commit", begun).await;
    let pid = nix::unistd::Pid::from_raw(child.id().expect("a running command").cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("a signal");
    let limit = Duration::from_secs(10);
    let ended = tokio::time::timeout(limit, child.wait_with_output()).await;
    let ended = ended.expect("an end in time").expect("its output");
    assert_eq!(ended.status.code(), Some(130));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("deleted before the end"), "{said}");
    let (left, stray) = app.database.tasks_and_stray_rows().await;
    assert!(left > 0 && stray == 0, "{left} {stray}");
}
