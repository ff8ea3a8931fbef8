//! The pull protocol: workers that speak HTTP get each task once, in order, and lose none.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::http_worker::{HttpWorker, id_of, keep_alive, problem};
use crate::support::mocks::{
    claimed, completed, created, mock_with, moved, wait_all_completed_at_once,
};
use crate::support::sweeps::{THREE_HOURS, forty_minutes_pass, runs_on_through_sweeps};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

/// Holds every claim, once it has begun, until the lock is given up.
const HOLD_CLAIMS: &str = "
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_lock(77);
    PERFORM pg_advisory_unlock(77);
    RETURN NEW;
END $$;
CREATE TRIGGER hold BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN (OLD.session_id IS NULL AND NEW.session_id IS NOT NULL) EXECUTE FUNCTION hold();
SELECT pg_advisory_lock(77)";

/// A lease that nothing in a test outlasts.
const LONG: (&str, &str) = ("QTASK_LEASE_DURATION", "1h");

async fn somebody_is_held(client: &Client) {
    are_held(client, 1).await;
}

async fn are_held(client: &Client, claims: i64) {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
                   WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()";
    let held = || async {
        let row = client.query_one(waiting, &[]).await.expect("the locks");
        (row.get::<_, i64>(0) >= claims).then_some(())
    };
    eventually(DEADLINE, "claims are held", held).await;
}

/// Waits until the claim of this worker has found nothing and waits for more, from this line of the log on.
async fn claim_waits(app: &App, mark: usize, name: &str) {
    let name = name.to_owned();
    let waits = app.apis[0].wait_after(mark, "a claim that waits", |event| {
        event.is("worker.claim_waiting") && event.field("worker_id").as_ref() == Some(&name)
    });
    waits.await;
}

/// Takes tasks and completes them until it gets no more.
async fn work(app: &App, puller: &HttpWorker) -> usize {
    let mut done = 0;
    loop {
        let tasks = puller.claim(app, &json!({"wait": 4})).await;
        if tasks.is_empty() {
            return done;
        }
        for task in &tasks {
            let answer = puller.complete(app, task).await.expect(200);
            assert_eq!(answer["status"], "completed");
            done += 1;
        }
    }
}

/// Waits until the task has waited for so long, by the database's clock.
async fn has_waited(app: &App, task_id: Uuid, seconds: f64) {
    let old = "SELECT count(*) FROM tasks WHERE task_id = $1
               AND submitted_at < clock_timestamp() - $2 * interval '1 second'";
    let waited =
        || async { (app.database.count(old, &[&task_id, &seconds]).await > 0).then_some(()) };
    eventually(DEADLINE, "the task has waited", waited).await;
}

/// Waits until the attempt has run for so long, by the database's clock and the time that was set.
async fn runs_for(app: &App, task_id: Uuid, seconds: f64) {
    let old = "SELECT count(*) FROM tasks WHERE task_id = $1
               AND started_at < clock_timestamp() - $2 * interval '1 second'";
    let ran = || async { (app.database.count(old, &[&task_id, &seconds]).await > 0).then_some(()) };
    eventually(DEADLINE, "the attempt has run for long", ran).await;
}

on_both_queues!(
    a_waiting_claim_is_answered_within_a_moment_of_a_submission,
    ten_workers_complete_a_hundred_problems_each_once_and_all_of_them_have_a_share,
    tasks_are_handed_out_by_priority_and_then_by_age_unless_one_has_waited_for_long,
    a_low_task_that_has_waited_for_long_goes_ahead_of_newer_high_ones_at_a_native_worker,
    high_priorities_are_run_first_by_a_native_worker,
);

async fn a_waiting_claim_is_answered_within_a_moment_of_a_submission(kind: QueueKind) {
    let (name, lease) = LONG;
    let app = App::builder(kind).env(name, lease).start().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let mut fastest = Duration::MAX;
    for _ in 0..3 {
        let mark = app.apis[0].events().len();
        let submitting = async {
            claim_waits(&app, mark, "w").await;
            let task_id = app.submit(&problem("b", &json!({}))).await;
            (task_id, Instant::now())
        };
        let claiming = async { (w.claim_one(&app).await, Instant::now()) };
        let ((task_id, submitted), (task, claimed)) = tokio::join!(submitting, claiming);
        assert_eq!(id_of(&task), task_id);
        fastest = fastest.min(claimed.saturating_duration_since(submitted));
    }
    // The poll behind it comes a second after the empty claim.
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
    app.abandon_work();
}

async fn ten_workers_complete_a_hundred_problems_each_once_and_all_of_them_have_a_share(
    kind: QueueKind,
) {
    let (name, lease) = LONG;
    let app = App::builder(kind).env(name, lease).start().await;
    let mut pullers = Vec::new();
    for n in 0..10 {
        pullers.push(HttpWorker::register(&app, &format!("w{n}"), "b").await);
    }
    let waiting = pullers.iter().map(|puller| work(&app, puller));
    let submitting = async {
        for _ in 0..100 {
            app.submit(&problem("b", &json!({}))).await;
        }
    };
    let (done, ()) = tokio::join!(join_all(waiting), submitting);
    assert_eq!(done.iter().sum::<usize>(), 100, "{done:?}");
    wait_all_completed_at_once(&app.database, 100).await;
    assert!(done.iter().all(|share| *share > 0), "{done:?}");
    for (puller, share) in pullers.iter().zip(done) {
        assert_eq!(puller.view(&app).await["tasks_completed"], share);
    }
    app.finish().await;
}

async fn tasks_are_handed_out_by_priority_and_then_by_age_unless_one_has_waited_for_long(
    kind: QueueKind,
) {
    let app = App::builder(kind)
        .env("QTASK_PRIORITY_AGING_INTERVAL", "500ms")
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let submit = async |priority: i64| {
        app.submit(&problem("b", &json!({"priority": priority})))
            .await
    };
    let low = submit(4).await;
    let (high, higher, high_again) = (submit(8).await, submit(10).await, submit(8).await);
    let tasks = w.claim(&app, &json!({"max_tasks": 4})).await;
    let order: Vec<Uuid> = tasks.iter().map(id_of).collect();
    assert_eq!(order, [higher, high, high_again, low]);

    let patient = submit(4).await;
    has_waited(&app, patient, 1.0).await;
    let (newer, much_higher) = (submit(5).await, submit(10).await);
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(id_of(&w.claim_one(&app).await));
    }
    assert_eq!(order, [much_higher, patient, newer]);
    app.abandon_work();
}

async fn a_low_task_that_has_waited_for_long_goes_ahead_of_newer_high_ones_at_a_native_worker(
    kind: QueueKind,
) {
    let mut app = App::builder(kind)
        .env("QTASK_PRIORITY_AGING_INTERVAL", "500ms")
        .start()
        .await;
    let with = |priority: i64| mock_with("", &json!({"priority": priority}));
    let low = app.submit(&with(0)).await;
    // A message carries its task's priority: where there are messages, the sweep has to send a better one.
    let aged = "SELECT count(*) FROM tasks WHERE task_id = $1
                    AND (dispatched_at >= submitted_at + interval '3 seconds' OR $2)
                    AND submitted_at < clock_timestamp() - interval '3 seconds'";
    let by_age = kind == QueueKind::Postgres;
    let waited = || async { (app.database.count(aged, &[&low, &by_age]).await > 0).then_some(()) };
    eventually(DEADLINE, "the low task has waited for six steps", waited).await;
    let mut newer = Vec::new();
    for _ in 0..5 {
        newer.push(app.submit(&with(3)).await);
    }
    app.start_worker(&Worker::new("w", "mock")).await;
    wait_all_completed_at_once(&app.database, 6).await;
    let query = "SELECT task_id FROM tasks ORDER BY started_at";
    let rows = app
        .database
        .connect()
        .await
        .query(query, &[])
        .await
        .expect("tasks");
    let order: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!((order[0], &order[1..]), (low, &newer[..]));
    app.finish().await;
}

async fn high_priorities_are_run_first_by_a_native_worker(kind: QueueKind) {
    let mut app = App::builder(kind).start().await;
    let mut submitted = BTreeMap::new();
    for priority in [0, 10, 5, 7] {
        let task = mock_with("", &json!({"priority": priority}));
        submitted.insert(-priority, app.submit(&task).await);
    }
    app.start_worker(&Worker::new("w", "mock")).await;
    wait_all_completed_at_once(&app.database, 4).await;
    let query = "SELECT task_id FROM tasks ORDER BY started_at";
    let rows = app
        .database
        .connect()
        .await
        .query(query, &[])
        .await
        .expect("tasks");
    let order: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(order, submitted.into_values().collect::<Vec<_>>());
    app.finish().await;
}

#[tokio::test]
async fn a_claim_says_all_that_is_needed_to_run_the_task() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let config = json!({"agent": "react", "model": "m"});
    let fields = json!({"agent_config": config, "max_steps": 7, "timeout_minutes": 2, "metadata": {"mine": 1}});
    let task_id = app.submit(&problem("b", &fields)).await;
    let task = w.claim_one(&app).await;
    let expected = json!({"task_id": task_id, "attempt": 1, "backend": "b", "kind": "problem", "timeout_seconds": 120,
                          "max_attempts": 3, "priority": 5, "problem_id": "astronomy_shop_failure-1",
                          "agent_config": config, "max_steps": 7, "parameters": {}, "metadata": {"mine": 1}});
    for (field, value) in expected.as_object().expect("fields") {
        assert_eq!(&task[field], value, "{field}");
    }
    let circuit = json!({"backend": "b", "circuit": "OPENQASM 3;", "shots": 9, "seed": 4});
    app.submit(&circuit).await;
    let task = w.claim_one(&app).await;
    assert_eq!(
        (&task["kind"], &task["circuit"], &task["shots"]),
        (&json!("circuit"), &json!("OPENQASM 3;"), &json!(9))
    );
    assert_eq!(
        (&task["parameters"], task.get("problem_id")),
        (&json!({"seed": 4}), None)
    );
    app.abandon_work();
}

#[tokio::test]
async fn a_claim_gets_only_what_its_session_serves_and_nothing_after_its_wait() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    HttpWorker::register(&app, "other", "c").await;
    app.submit(&problem("c", &json!({}))).await;
    let began = Instant::now();
    assert_eq!(w.claim(&app, &json!({})).await, Vec::<Value>::new());
    assert_eq!(
        w.claim(&app, &json!({"wait": 1.2, "max_tasks": 100})).await,
        Vec::<Value>::new()
    );
    assert!(began.elapsed() >= Duration::from_millis(1_200));
}

#[tokio::test]
async fn a_claim_that_waits_is_let_go_when_its_session_ends_or_the_service_stops() {
    let mut app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let mark = app.apis[0].events().len();
    let long = json!({"wait": 60});
    let waiting = w.ask(&app, &long);
    let replacing = async {
        claim_waits(&app, mark, "w").await;
        HttpWorker::register_with(&app, "w", "b", &json!({"replace": true})).await
    };
    let (told, w) = tokio::join!(waiting, replacing);
    assert_eq!(told.expect_problem(409), "session_replaced");

    let mark = app.apis[0].events().len();
    let url = app.url(0, "/workers/w/claim");
    let body = json!({"session_id": w.session, "wait": 60});
    let waiting = tokio::spawn(
        crate::support::client::http_client()
            .post(url)
            .json(&body)
            .send(),
    );
    claim_waits(&app, mark, "w").await;
    let began = Instant::now();
    assert!(app.apis[0].terminate().await.success());
    let answer = waiting.await.expect("no panic").expect("an answer");
    assert_eq!(
        answer.json::<Value>().await.expect("JSON"),
        json!({"tasks": []})
    );
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_claimer_that_hangs_up_while_it_waits_gets_nothing_and_others_do() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let gone = HttpWorker::register(&app, "gone", "b").await;
    let there = HttpWorker::register(&app, "there", "b").await;
    let mark = app.apis[0].events().len();
    gone.claim_and_hang_up(&app, 60.0, claim_waits(&app, mark, "gone"))
        .await;
    let mark = app.apis[0].events().len();
    let claiming = there.claim_one(&app);
    let submitting = async {
        claim_waits(&app, mark, "there").await;
        app.submit(&problem("b", &json!({}))).await
    };
    let (task, task_id) = tokio::join!(claiming, submitting);
    assert_eq!(task["task_id"], json!(task_id));
    assert_eq!(gone.view(&app).await["status"], "idle");
    app.abandon_work();
}

#[tokio::test]
async fn a_claimer_that_hangs_up_while_its_claim_is_under_way_owns_nothing() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let gone = HttpWorker::register(&app, "gone", "b").await;
    let (client, lock) = (app.database.connect().await, app.database.connect().await);
    lock.batch_execute(HOLD_CLAIMS)
        .await
        .expect("claims that can be held");
    let task_id = app.submit(&problem("b", &json!({}))).await;
    gone.claim_and_hang_up(&app, 60.0, somebody_is_held(&client))
        .await;
    lock.batch_execute("SELECT pg_advisory_unlock(77)")
        .await
        .expect("the lock is given up");

    app.wait_status(task_id, "retrying").await;
    let note = "Handed back: the claimer hung up";
    let history = [
        created(),
        claimed(1, "gone"),
        moved("retrying", 1, "gone", note),
    ];
    assert_eq!(app.database.history(task_id).await, history);
    let row = app.database.task(task_id).await;
    assert_eq!(
        (&row["uncounted_attempts"], &row["session_id"]),
        (&json!(1), &Value::Null)
    );
    assert_eq!(gone.claim_one(&app).await["attempt"], 2);
    app.abandon_work();
}

#[tokio::test]
async fn a_claim_that_does_not_get_its_turn_is_answered_after_its_wait() {
    let (name, lease) = LONG;
    let app = App::builder(QueueKind::Postgres)
        .env(name, lease)
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    for _ in 0..3 {
        app.submit(&problem("b", &json!({}))).await;
    }
    let (client, lock) = (app.database.connect().await, app.database.connect().await);
    lock.batch_execute(HOLD_CLAIMS)
        .await
        .expect("claims that can be held");
    let held = async { w.claim_one(&app).await };
    let also_held = async { w.claim_one(&app).await };
    let late = async {
        // As many as may be under way at once: nobody else gets his turn before they are through.
        are_held(&client, 2).await;
        let tasks = w.claim(&app, &json!({"wait": 0.5})).await;
        are_held(&client, 2).await;
        lock.batch_execute("SELECT pg_advisory_unlock(77)")
            .await
            .expect("the lock is given up");
        tasks
    };
    let (one, other, none) = tokio::join!(held, also_held, late);
    assert_ne!(id_of(&one), id_of(&other));
    assert!(none.is_empty(), "{none:?}");
    app.abandon_work();
}

#[tokio::test]
async fn the_answer_to_a_claim_that_was_lost_is_given_again_to_whoever_names_what_it_has() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    for _ in 0..4 {
        app.submit(&problem("b", &json!({}))).await;
    }
    let known = w.claim_one(&app).await;
    let lost = w.claim_one(&app).await;
    // Young as they are, their claims may still be under way: there are none but new ones.
    let new = w.claim(&app, &json!({"tasks": []})).await;
    assert_eq!(new.len(), 1);
    assert!(new[0]["task_id"] != known["task_id"] && new[0]["task_id"] != lost["task_id"]);
    // As long ago as no claim takes.
    let earlier =
        "UPDATE tasks SET started_at = started_at - interval '1 minute' WHERE session_id = $1";
    assert_eq!(app.database.execute(earlier, &[&w.session]).await, 3);
    let again = w
        .claim(
            &app,
            &json!({"max_tasks": 5, "tasks": [known["task_id"], new[0]["task_id"]]}),
        )
        .await;
    assert_eq!(again.len(), 1, "{again:?}");
    for field in ["task_id", "attempt", "problem_id", "backend"] {
        assert_eq!(again[0][field], lost[field]);
    }
    // With everything named, there are new ones.
    let named = json!([known["task_id"], lost["task_id"], new[0]["task_id"]]);
    let third = w.claim(&app, &json!({"tasks": named})).await;
    assert_eq!((third.len(), &third[0]["attempt"]), (1, &json!(1)));
    assert_ne!(third[0]["task_id"], lost["task_id"]);
    let history = [created(), claimed(1, "w")];
    assert_eq!(app.database.history(id_of(&lost)).await, history);
    app.abandon_work();
}

#[tokio::test]
async fn a_cancel_reaches_the_worker_with_its_next_heartbeat() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let task_id = app.submit(&problem("b", &json!({}))).await;
    let task = w.claim_one(&app).await;
    let request = app.request(reqwest::Method::DELETE, &format!("/tasks/{task_id}"));
    crate::support::client::send(request)
        .await
        .expect("an answer")
        .expect(200);
    assert_eq!(
        w.beat(&app, &[task_id]).await.expect(200)["cancel"],
        json!([task_id])
    );
    let released = w
        .write(&app, &task, "release", &json!({}))
        .await
        .expect(200);
    assert_eq!(released["status"], "cancelled");
    assert_eq!(w.beat(&app, &[]).await.expect(200)["cancel"], json!([]));
}

#[tokio::test]
async fn the_example_in_python_completes_what_it_can_and_fails_what_it_cannot() {
    use std::process::Stdio;
    use tokio::process::Command;

    let app = App::builder(QueueKind::Postgres).start().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/pull_worker.py");
    let mut worker = Command::new("python3")
        .args([
            script,
            "--url",
            &app.url(0, ""),
            "--name",
            "snake",
            "--backend",
            "python",
        ])
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("python3, which this test needs");
    let there = || async { (app.get("/workers/snake").await.status == 200).then_some(()) };
    eventually(DEADLINE, "the worker is registered", there).await;
    let solved = app
        .submit(&problem(
            "python",
            &json!({"agent_config": {"agent": "none"}}),
        ))
        .await;
    let slow = app
        .submit(&problem(
            "python",
            &json!({"agent_config": {"seconds": 60}}),
        ))
        .await;
    let circuit = json!({"backend": "python", "circuit": "OPENQASM 3; qubit q;"});
    let refused = app.submit(&circuit).await;

    let task = app.wait_status(solved, "completed").await;
    assert_eq!(
        task["result"]["output"]["problem_id"],
        "astronomy_shop_failure-1"
    );
    let history = [created(), claimed(1, "snake"), completed(1, "snake")];
    assert_eq!(app.database.history(solved).await, history);
    let logs = app.get(&format!("/tasks/{solved}/logs")).await.expect(200);
    assert!(!logs["logs"].as_array().expect("logs").is_empty());

    // It is stopped in the middle of its work, and is there for the next.
    app.wait_status(slow, "processing").await;
    let request = app.request(reqwest::Method::DELETE, &format!("/tasks/{slow}"));
    crate::support::client::send(request)
        .await
        .expect("an answer")
        .expect(200);
    app.wait_status(slow, "cancelled").await;
    assert_eq!(
        app.wait_status(refused, "failed").await["error_code"],
        "unsupported_task"
    );

    // Told to stop, it gives back what it has.
    let given_back = app
        .submit(&problem(
            "python",
            &json!({"agent_config": {"seconds": 60}}),
        ))
        .await;
    app.wait_status(given_back, "processing").await;
    let pid = i32::try_from(worker.id().expect("a process")).expect("a pid");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGTERM,
    )
    .expect("a signal");
    app.wait_status(given_back, "retrying").await;
    let ended = tokio::time::timeout(DEADLINE, worker.wait()).await;
    assert!(ended.expect("it stops").expect("a status").success());
    assert_eq!(app.database.task(given_back).await["uncounted_attempts"], 1);
}

#[tokio::test]
async fn a_worker_that_keeps_its_heartbeat_keeps_its_task_for_many_leases() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let long = json!({"timeout_seconds": THREE_HOURS});
    let task_id = app.submit(&problem("b", &long)).await;
    let task = w.claim_one(&app).await;
    let many_leases = async {
        let began = forty_minutes_pass(&app.database, task_id).await;
        runs_on_through_sweeps(&app.database, task_id, 10).await;
        runs_for(&app, task_id, 2_407.0).await;
        began
    };
    let began = tokio::select! {
        () = keep_alive(&app, &w) => unreachable!("it goes on until it is dropped"),
        began = many_leases => began,
    };
    let row = app.database.task(task_id).await;
    let owner = (&row["session_id"], &row["attempt"], &row["started_at"]);
    assert_eq!(owner, (&json!(w.session), &json!(1), &began));
    assert_eq!(
        w.complete(&app, &task).await.expect(200)["status"],
        "completed"
    );
    let history = [created(), claimed(1, "w"), completed(1, "w")];
    assert_eq!(app.database.history(task_id).await, history);
}
