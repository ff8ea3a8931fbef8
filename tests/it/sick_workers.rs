//! Workers whose environment fails attempts: another worker gets the next attempt, and the sick worker is quarantined.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::app_builder::AppBuilder;
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::mocks::mock;
use crate::support::process::run;
use crate::support::wait::{DEADLINE, TempDir, eventually};
use crate::support::{App, QueueKind, on_both_queues};

/// A backend whose workers fail for their environment until it is mended, worker by worker.
struct Lab(TempDir);

impl Lab {
    fn new() -> Self {
        let directory = TempDir::new("lab");
        let here = directory.path().display();
        let script = format!(
            r#"#!/bin/sh
case "$(cat)" in
  *"// wait"*) touch {here}/begun; until [ -e {here}/gate ]; do sleep 0.05; done ;;
  *"// anywhere"*) ;;
  *) if [ -e {here}/sick-$QTASK_WORKER ]; then
       echo '{{"error": {{"code": "environment_error", "message": "the cluster is gone", "retry": true}}}}'; exit 1
     fi ;;
esac
echo '{{"result": "done"}}'
"#
        );
        let path = directory.path().join("run");
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its permissions");
        Self(directory)
    }

    fn worker(&self, name: &str) -> Worker {
        Worker::command(name, &format!("tool={}", self.path("run")))
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn touch(&self, name: &str) {
        fs::write(self.path(name), "").expect("a file");
    }

    fn mend(&self, worker: &str) {
        fs::remove_file(self.path(&format!("sick-{worker}"))).expect("a sick worker");
    }
}

fn builder(kind: QueueKind) -> AppBuilder {
    App::builder(kind)
        .env("QTASK_BACKENDS", "tool")
        .env("QTASK_RETRY_DELAY", "100ms")
        .env("QTASK_RETRY_DELAY_MAX", "100ms")
}

fn task(order: &str) -> Value {
    json!({"backend": "tool", "circuit": format!("OPENQASM 3; // {order}"), "shots": 1, "max_attempts": 20})
}

/// Which worker began each attempt.
async fn attempts(app: &App, task_id: Uuid) -> Vec<String> {
    let history = app.database.history(task_id).await;
    let claims = history.into_iter().filter(|row| row.status == "processing");
    claims.filter_map(|row| row.worker_id).collect()
}

async fn wait_for_attempts(app: &App, task_id: Uuid, count: usize) {
    eventually(DEADLINE, "attempts", || async {
        (attempts(app, task_id).await.len() >= count).then_some(())
    })
    .await;
}

async fn wait_until_due(app: &App, task_id: Uuid) {
    let due = "SELECT count(*) FROM tasks WHERE task_id = $1 AND current_status = 'retrying' AND available_at < now()";
    eventually(DEADLINE, "the next attempt is due", || async {
        (app.database.count(due, &[&task_id]).await == 1).then_some(())
    })
    .await;
}

async fn wait_for_file(lab: &Lab, name: &str) {
    eventually(DEADLINE, name, || async {
        fs::exists(lab.path(name)).unwrap_or_default().then_some(())
    })
    .await;
}

async fn view(app: &App, worker: &str) -> Value {
    app.get(&format!("/workers/{worker}")).await.expect(200)
}

/// Waits until the registry says that the worker is in quarantine, and returns what it says.
async fn quarantined(app: &App, worker: &str) -> Value {
    eventually(DEADLINE, "the quarantine", || async {
        let view = view(app, worker).await;
        view["quarantine"].is_object().then_some(view)
    })
    .await
}

async fn wait_fit(app: &App, worker: &str) {
    eventually(DEADLINE, "the end of the quarantine", || async {
        let view = view(app, worker).await;
        (view["quarantine"].is_null() && view["not_ready_reason"].is_null()).then_some(())
    })
    .await;
}

on_both_queues!(
    an_attempt_that_failed_for_the_environment_goes_to_another_worker_first,
    a_task_that_no_other_worker_takes_in_time_comes_back_to_the_one_that_failed_it,
    the_only_worker_gets_its_failed_attempt_again,
    failures_in_a_row_stop_a_worker_from_claiming_until_it_is_resumed,
    a_command_that_heals_the_environment_ends_the_quarantine,
    after_the_backoff_one_task_at_a_time_is_a_probe,
    a_command_before_each_task_and_one_after_it_write_to_its_log,
    a_pull_worker_says_that_its_environment_is_to_blame,
    the_service_puts_a_sick_pull_worker_aside,
);

async fn an_attempt_that_failed_for_the_environment_goes_to_another_worker_first(kind: QueueKind) {
    let lab = Lab::new();
    lab.touch("sick-w1");
    let mut app = builder(kind).start().await;
    // The healthy worker is busy, so that only the sick one is free.
    app.start_worker(&lab.worker("w2")).await;
    let busy = app.submit(&task("wait")).await;
    wait_for_file(&lab, "begun").await;
    app.start_worker(&lab.worker("w1")).await;

    let task_id = app.submit(&task("")).await;
    wait_until_due(&app, task_id).await;
    let note = app
        .database
        .history(task_id)
        .await
        .pop()
        .and_then(|row| row.notes);
    let note = note.unwrap_or_default();
    assert!(
        note.starts_with("environment_error: the cluster is gone"),
        "{note}"
    );
    assert!(note.ends_with("at another worker first"), "{note}");
    // The sick one is free and passes it by: it takes what came later.
    for _ in 0..3 {
        let later = app.submit(&task("anywhere")).await;
        app.wait_status(later, "completed").await;
        assert_eq!(attempts(&app, later).await, ["w1"]);
    }
    assert_eq!(attempts(&app, task_id).await, ["w1"]);

    lab.touch("gate");
    app.wait_status(task_id, "completed").await;
    assert_eq!(attempts(&app, task_id).await, ["w1", "w2"]);
    app.wait_status(busy, "completed").await;
    app.finish().await;
}

async fn a_task_that_no_other_worker_takes_in_time_comes_back_to_the_one_that_failed_it(
    kind: QueueKind,
) {
    let lab = Lab::new();
    lab.touch("sick-w1");
    let mut app = builder(kind).env("QTASK_BLAME_WINDOW", "2s").start().await;
    app.start_worker(&lab.worker("w2")).await;
    let busy = app.submit(&task("wait")).await;
    wait_for_file(&lab, "begun").await;
    app.start_worker(&lab.worker("w1")).await;

    let task_id = app.submit(&task("")).await;
    wait_until_due(&app, task_id).await;
    lab.mend("w1");
    app.wait_status(task_id, "completed").await;
    assert_eq!(attempts(&app, task_id).await, ["w1", "w1"]);
    let waited = "SELECT count(*) FROM status_history a JOIN status_history b USING (task_id)
                      WHERE task_id = $1 AND a.status = 'retrying' AND b.status = 'processing' AND b.attempt = 2
                        AND b.transitioned_at - a.transitioned_at >= interval '2 s'";
    assert_eq!(app.database.count(waited, &[&task_id]).await, 1);
    lab.touch("gate");
    app.wait_status(busy, "completed").await;
    app.finish().await;
}

async fn the_only_worker_gets_its_failed_attempt_again(kind: QueueKind) {
    let lab = Lab::new();
    lab.touch("sick-w1");
    let mut app = builder(kind).start().await;
    app.start_worker(&lab.worker("w1").args(&["--quarantine-after", "0"]))
        .await;
    let task_id = app.submit(&task("")).await;
    wait_for_attempts(&app, task_id, 5).await;
    lab.mend("w1");
    app.wait_status(task_id, "completed").await;
    app.finish().await;
}

async fn failures_in_a_row_stop_a_worker_from_claiming_until_it_is_resumed(kind: QueueKind) {
    let lab = Lab::new();
    lab.touch("sick-w1");
    let mut app = builder(kind).start().await;
    let worker = lab
        .worker("w1")
        .args(&["--quarantine-after", "2", "--quarantine-backoff", "1h"]);
    app.start_worker(&worker).await;
    let task_id = app.submit(&task("")).await;
    let shown = quarantined(&app, "w1").await;
    let reason = "2 attempts in a row failed for its environment; the last: environment_error: the cluster is gone";
    assert_eq!(shown["quarantine"]["reason"], reason);
    assert_eq!(shown["not_ready_reason"], format!("quarantined: {reason}"));
    wait_until_due(&app, task_id).await;
    let later = app.submit(&task("anywhere")).await;
    let url = app.url(0, "");
    let listed = run(&["workers", "--url", &url, "--json"], &[]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("a worker");
    assert_eq!(listed["quarantine"]["reason"], reason);
    // The next heartbeat knows of it, too, and the worker still takes nothing.
    app.workers[0].wait_for("worker.quarantined").await;
    assert_eq!(attempts(&app, task_id).await.len(), 2);
    assert_eq!(app.database.statuses(later).await, ["pending"]);
    let waits = app.task(later).await;
    assert_eq!(waits["waiting_reason"], "workers_not_ready", "{waits}");
    assert!(
        waits["waiting_message"]
            .as_str()
            .is_some_and(|text| text.contains("quarantined: 2 attempts")),
        "{waits}"
    );

    lab.mend("w1");
    let resumed = run(&["workers", "resume", "w1", "--url", &url], &[]).await;
    assert!(
        resumed.status.success(),
        "{}",
        String::from_utf8_lossy(&resumed.stderr)
    );
    app.wait_status(task_id, "completed").await;
    app.wait_status(later, "completed").await;
    wait_fit(&app, "w1").await;
    app.finish().await;
}

async fn a_command_that_heals_the_environment_ends_the_quarantine(kind: QueueKind) {
    let lab = Lab::new();
    lab.touch("sick-w1");
    let mut app = builder(kind).start().await;
    // The first time it fails; the second time it mends what is broken.
    let heal = format!(
        "echo $QTASK_WORKER >> {}; test -e {} && rm {}",
        lab.path("healed"),
        lab.path("tools"),
        lab.path("sick-w1")
    );
    let worker = lab.worker("w1").args(&[
        "--quarantine-after",
        "2",
        "--quarantine-backoff",
        "500ms",
        "--heal",
        &heal,
    ]);
    app.start_worker(&worker).await;
    let task_id = app.submit(&task("")).await;
    app.workers[0].wait_for("worker.heal_failed").await;
    assert_eq!(attempts(&app, task_id).await.len(), 2);
    lab.touch("tools");
    app.wait_status(task_id, "completed").await;
    assert_eq!(
        attempts(&app, task_id).await.len(),
        3,
        "no attempt was a probe"
    );
    let healed = fs::read_to_string(lab.path("healed")).expect("heals");
    assert!(
        healed.lines().count() >= 2 && healed.lines().all(|line| line == "w1"),
        "{healed}"
    );
    wait_fit(&app, "w1").await;
    app.finish().await;
}

async fn after_the_backoff_one_task_at_a_time_is_a_probe(kind: QueueKind) {
    let lab = Lab::new();
    lab.touch("sick-w1");
    let mut app = builder(kind).start().await;
    let worker = lab.worker("w1").args(&[
        "--quarantine-after",
        "2",
        "--quarantine-backoff",
        "500ms",
        "--concurrency",
        "4",
    ]);
    app.spawn_worker(&worker);
    app.wait_ready().await;
    let mut task_ids = Vec::new();
    for _ in 0..6 {
        task_ids.push(app.submit(&task("")).await);
    }
    quarantined(&app, "w1").await;
    // Two failed probes: the backoff has doubled twice.
    let rounds = "SELECT count(*) FROM workers WHERE quarantine_round >= 3
                      AND quarantine_ends_at - quarantined_at >= interval '2 s'";
    eventually(DEADLINE, "two failed probes", || async {
        (app.database.count(rounds, &[]).await == 1).then_some(())
    })
    .await;
    let probes = app.workers[0]
        .events()
        .all(|event| event.is("worker.probe_started"));
    let failed = "SELECT count(*) FROM status_history WHERE status = 'retrying'";
    let failed = app.database.count(failed, &[]).await;
    assert!(
        failed <= 2 + 3 + i64::try_from(probes.len()).expect("few"),
        "{failed} after {probes:?}"
    );
    lab.mend("w1");
    for task_id in task_ids {
        app.wait_status(task_id, "completed").await;
    }
    wait_fit(&app, "w1").await;
    app.finish().await;
}

async fn a_command_before_each_task_and_one_after_it_write_to_its_log(kind: QueueKind) {
    let lab = Lab::new();
    let before = format!(
        "test ! -e {} || {{ echo no cluster >&2; exit 7; }}; \
                          echo before $QTASK_TASK_ID $QTASK_ATTEMPT $QTASK_BACKEND $QTASK_WORKER",
        lab.path("broken")
    );
    let after = "echo after $QTASK_TASK_ID $QTASK_OUTCOME $QTASK_ERROR_CODE; exit 5";
    let mut app = builder(kind).start().await;
    let worker = lab
        .worker("w1")
        .args(&["--before-task", &before, "--after-task", after]);
    app.start_worker(&worker).await;
    lab.touch("broken");
    let task_id = app.submit(&task("")).await;
    wait_for_attempts(&app, task_id, 2).await;
    let _ = fs::remove_file(lab.path("broken"));
    app.wait_status(task_id, "completed").await;
    let history = app.database.history(task_id).await;
    let note = history
        .iter()
        .find(|row| row.status == "retrying")
        .and_then(|row| row.notes.clone());
    let says = "environment_error: the before-task command failed: exit status: 7: no cluster; next attempt in";
    assert!(
        note.as_deref().is_some_and(|note| note.starts_with(says)),
        "{note:?}"
    );

    let logs = app
        .get(&format!("/tasks/{task_id}/logs?limit=1000"))
        .await
        .expect(200);
    let lines: Vec<(i64, &str)> = logs["logs"]
        .as_array()
        .expect("logs")
        .iter()
        .map(|line| {
            (
                line["attempt"].as_i64().unwrap_or_default(),
                line["message"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    let last = i64::try_from(attempts(&app, task_id).await.len()).expect("few");
    assert!(lines.contains(&(1, "no cluster")), "{lines:?}");
    assert!(
        lines.contains(&(1, &format!("after {task_id} failed environment_error"))),
        "{lines:?}"
    );
    assert!(
        lines.contains(&(last, &format!("before {task_id} {last} tool w1"))),
        "{lines:?}"
    );
    assert!(
        lines.contains(&(last, &format!("after {task_id} completed"))),
        "{lines:?}"
    );
    assert!(
        lines.contains(&(
            last,
            "the after-task command failed: exit status: 5: after {task_id} completed"
        )) || lines.iter().any(|(at, line)| *at == last
            && line.starts_with("the after-task command failed: exit status: 5")),
        "{lines:?}"
    );
    app.finish().await;
}

async fn a_pull_worker_says_that_its_environment_is_to_blame(kind: QueueKind) {
    let app = builder(kind)
        .env("QTASK_BACKENDS", "lab")
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let sick = HttpWorker::register(&app, "sick", "lab").await;
    let healthy = HttpWorker::register(&app, "healthy", "lab").await;
    let task_id = app.submit(&problem("lab", &json!({}))).await;
    let claimed = sick.claim_one(&app).await;
    let failure = json!({"message": "no cluster", "blame": "worker"});
    let answer = sick
        .write(&app, &claimed, "fail", &failure)
        .await
        .expect(200);
    assert_eq!(answer["status"], "retrying");
    wait_until_due(&app, task_id).await;
    // That the sick one finds nothing says nothing to the healthy one.
    assert_eq!(
        sick.claim(&app, &json!({"wait": 0})).await,
        [] as [Value; 0]
    );
    let waiting = json!({"wait": 2});
    let (none, one) = tokio::join!(sick.claim(&app, &waiting), async {
        let claimed = healthy.claim_one(&app).await;
        healthy.complete(&app, &claimed).await.expect(200);
        claimed
    },);
    assert!(none.is_empty(), "{none:?}");
    assert_eq!(id_of(&one), task_id);
    assert_eq!(attempts(&app, task_id).await, ["sick", "healthy"]);
    app.finish().await;
}

async fn the_service_puts_a_sick_pull_worker_aside(kind: QueueKind) {
    let app = builder(kind)
        .env("QTASK_BACKENDS", "lab")
        .env("QTASK_LEASE_DURATION", "1h")
        .env("QTASK_WORKER_QUARANTINE_AFTER", "2")
        .env("QTASK_WORKER_QUARANTINE_BACKOFF", "3s")
        .start()
        .await;
    let puller = HttpWorker::register(&app, "p1", "lab").await;
    let mut task_ids = Vec::new();
    for _ in 0..3 {
        task_ids.push(app.submit(&problem("lab", &json!({}))).await);
    }
    for _ in 0..2 {
        let claimed = puller.claim_one(&app).await;
        let failure = json!({"message": "no cluster", "code": "environment_error", "retry": true});
        puller
            .write(&app, &claimed, "fail", &failure)
            .await
            .expect(200);
    }
    let shown = puller.view(&app).await;
    let reason = shown["quarantine"]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(reason.starts_with("2 attempts in a row failed"), "{shown}");
    assert_eq!(
        puller.beat(&app, &[]).await.expect(200)["quarantined"],
        true
    );
    assert!(
        puller
            .claim(&app, &json!({"max_tasks": 5, "wait": 0}))
            .await
            .is_empty()
    );
    // A claim that waits gets the probe, and one task alone.
    let probe = puller
        .claim(&app, &json!({"max_tasks": 5, "wait": 30}))
        .await;
    assert_eq!(probe.len(), 1);
    assert!(
        puller
            .claim(&app, &json!({"max_tasks": 5, "wait": 0}))
            .await
            .is_empty()
    );
    puller.complete(&app, &probe[0]).await.expect(200);
    assert!(puller.view(&app).await["quarantine"].is_null());
    assert_eq!(
        puller.beat(&app, &[]).await.expect(200)["quarantined"],
        false
    );
    let rest = puller
        .claim(&app, &json!({"max_tasks": 5, "wait": 20}))
        .await;
    assert_eq!(rest.len(), 2);
    for claimed in &rest {
        puller.complete(&app, claimed).await.expect(200);
    }
    app.finish().await;
}

#[tokio::test]
async fn resuming_a_worker_ends_its_drain_and_an_unknown_one_is_not_found() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    app.post("/workers/w1/drain", &json!({})).await.expect(200);
    let resumed = app.post("/workers/w1/resume", &Value::Null).await;
    assert_eq!(resumed.expect(200)["draining"], false);
    let code = app.post("/workers/w9/resume", &Value::Null).await;
    assert_eq!(code.expect_problem(404), "worker_not_found");
    let task_id = app.submit(&mock("")).await;
    app.wait_status(task_id, "completed").await;
    app.finish().await;
}

#[tokio::test]
async fn a_stop_during_a_quarantine_ends_the_worker_at_once() {
    let lab = Lab::new();
    lab.touch("sick-w1");
    let heal = format!("touch {}; sleep 1000", lab.path("heals"));
    let mut app = builder(QueueKind::Postgres).start().await;
    app.start_worker(
        &lab.worker("w1")
            .args(&["--quarantine-after", "1", "--heal", &heal]),
    )
    .await;
    let task_id = app.submit(&task("")).await;
    wait_for_file(&lab, "heals").await;
    assert!(app.workers[0].terminate().await.success());
    assert_eq!(attempts(&app, task_id).await, ["w1"]);
    app.workers.clear();
    app.finish().await;
}
