//! Commands: programs of the operator's that run tasks, well-behaved and not.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::app_builder::AppBuilder;
use crate::support::process::run;
use crate::support::wait::{DEADLINE, TempDir, eventually};
use crate::support::{App, Proxy, QueueKind, TestDatabase, on_both_queues};

const LIMIT: Duration = Duration::from_mins(1);

/// A shell script in a directory of the test's own.
struct Script {
    directory: TempDir,
}

impl Script {
    /// The script finds the task's text in `$task`, and its own directory in `$here`.
    fn new(text: &str) -> Self {
        let directory = TempDir::new("command");
        let path = directory.path().join("run");
        let here = directory.path().display();
        let script = format!("#!/bin/sh\nhere='{here}'\ntask=$(cat)\n{text}\n");
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its permissions");
        Self { directory }
    }

    fn worker(&self, name: &str) -> Worker {
        Worker::command(name, &format!("tool={}", self.path("run")))
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn exists(&self, name: &str) -> bool {
        self.directory.path().join(name).exists()
    }

    /// Lets a script go on that waits for this.
    fn open(&self, gate: &str) {
        fs::write(self.path(gate), "").expect("a gate");
    }
}

/// An API that knows the backend before its worker has come.
fn builder(kind: QueueKind) -> AppBuilder {
    App::builder(kind).env("QTASK_BACKENDS", "tool")
}

fn task(order: &str) -> Value {
    json!({"backend": "tool", "circuit": format!("OPENQASM 3; // {order}"), "shots": 1})
}

fn task_with(order: &str, name: &str, value: impl Into<Value>) -> Value {
    let mut task = task(order);
    task[name] = value.into();
    task
}

/// The log of a task: attempt, level, message, context.
async fn logs(app: &App, task_id: Uuid) -> Vec<(i32, String, String, Option<Value>)> {
    let query =
        "SELECT attempt, level, message, context FROM task_logs WHERE task_id = $1 ORDER BY id";
    let client = app.database.connect().await;
    let rows = client.query(query, &[&task_id]).await.expect("task_logs");
    rows.iter()
        .map(|row| (row.get(0), row.get(1), row.get(2), row.get(3)))
        .collect()
}

/// The log of a task, as soon as it has a line.
async fn first_logs(app: &App, task_id: Uuid) -> Vec<(i32, String, String, Option<Value>)> {
    let look = || async {
        let lines = logs(app, task_id).await;
        (!lines.is_empty()).then_some(lines)
    };
    eventually(DEADLINE, "a log line", look).await
}

/// The processes that a task names in its first log line.
async fn processes(app: &App, task_id: Uuid) -> Vec<Pid> {
    let line = first_logs(app, task_id).await.remove(0).2;
    let pids = line.split_ascii_whitespace();
    pids.map(|pid| Pid::from_raw(pid.parse().expect("a pid")))
        .collect()
}

fn lives(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.contains(") Z ") && kill(pid, None).is_ok()
}

async fn wait_gone(pids: &[Pid]) {
    let gone = || async { (!pids.iter().any(|pid| lives(*pid))).then_some(()) };
    eventually(DEADLINE, &format!("{pids:?} to be gone"), gone).await;
}

on_both_queues!(
    logs_and_progress_arrive_while_a_command_runs_and_its_result_afterwards,
    a_command_that_is_deaf_to_its_timeout_is_killed_with_all_its_children,
    a_command_whose_task_is_cancelled_is_killed_with_all_its_children,
    a_worker_told_to_stop_tells_its_command_and_hands_the_task_back,
);

async fn logs_and_progress_arrive_while_a_command_runs_and_its_result_afterwards(kind: QueueKind) {
    let script = Script::new(
        r#"echo '{"log": {"level": "warning", "message": "began", "context": {"step": 1}}}'
               echo '{"progress": {"step": 1, "of": 2}}'; echo 'careful' >&2
               until [ -e "$here/gate" ]; do sleep 0.02; done
               echo '{"log": "went on"}'
               echo "{\"result\": $task, \"execution\": {\"method\": \"sh\"}}""#,
    );
    let app = builder(kind).worker(script.worker("w1")).start().await;
    let mut submitted = task("x");
    submitted["metadata"] = json!({"mine": true});
    let task_id = app.submit(&submitted).await;
    let there = || async {
        let row = app.database.task(task_id).await;
        (row["progress"] == json!({"step": 1, "of": 2}) && logs(&app, task_id).await.len() == 2)
            .then_some(row)
    };
    let row = eventually(DEADLINE, "its first lines and its progress", there).await;
    assert_eq!(row["current_status"], "processing");
    script.open("gate");

    let ended = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    let read = &ended["result"];
    assert_eq!(
        (&read["kind"], &read["shots"], &read["attempt"]),
        (&json!("circuit"), &json!(1), &json!(1))
    );
    assert_eq!(read["circuit"], submitted["circuit"]);
    assert_eq!(read["metadata"], json!({"mine": true}));
    assert_eq!(read["task_id"], json!(task_id));
    assert_eq!(ended["execution"]["method"], "sh");
    let mut lines = logs(&app, task_id).await;
    lines[..2].sort_by_key(|line| line.2.clone());
    let line =
        |level: &str, message: &str, context| (1, level.to_owned(), message.to_owned(), context);
    let expected = [
        line("warning", "began", Some(json!({"step": 1}))),
        line("info", "careful", Some(json!({"stream": "stderr"}))),
        line("info", "went on", None),
    ];
    assert_eq!(lines, expected);
    app.finish().await;
}

async fn a_command_that_is_deaf_to_its_timeout_is_killed_with_all_its_children(kind: QueueKind) {
    let script = Script::new(DEAF);
    let worker = script.worker("w1").args(&["--command-grace", "300ms"]);
    let app = builder(kind).worker(worker).start().await;
    let task_id = app.submit(&task_with("hang", "timeout_seconds", 2)).await;
    let pids = processes(&app, task_id).await;
    assert_eq!(pids.len(), 3);
    assert!(pids.iter().all(|pid| lives(*pid)));
    let ended = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(
        (&ended["status"], &ended["error_code"]),
        (&json!("failed"), &json!("timeout"))
    );
    wait_gone(&pids).await;
    let next = app.submit(&task("")).await;
    assert_eq!(app.wait_terminal(next, LIMIT).await["status"], "completed");
    app.finish().await;
}

async fn a_command_whose_task_is_cancelled_is_killed_with_all_its_children(kind: QueueKind) {
    let script = Script::new(DEAF);
    let worker = script.worker("w1").args(&["--command-grace", "300ms"]);
    let app = builder(kind).worker(worker).start().await;
    let task_id = app.submit(&task("hang")).await;
    let pids = processes(&app, task_id).await;
    // The worker hears of it at its next heartbeat.
    let cancel = "UPDATE tasks SET cancel_requested_at = clock_timestamp() WHERE task_id = $1";
    assert_eq!(app.database.execute(cancel, &[&task_id]).await, 1);
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "cancelled"
    );
    wait_gone(&pids).await;
    app.finish().await;
}

async fn a_worker_told_to_stop_tells_its_command_and_hands_the_task_back(kind: QueueKind) {
    let script = Script::new(
        r#"exec 2> /dev/null
               trap 'echo "{\"log\": \"cleaning up\"}"; exit 0' TERM
               echo '{"log": "began"}'; while :; do sleep 0.02; done"#,
    );
    let worker = script.worker("w1").args(&["--shutdown-grace", "100ms"]);
    let mut app = builder(kind).worker(worker).start().await;
    let task_id = app.submit(&task("")).await;
    first_logs(&app, task_id).await;
    assert!(app.workers[0].terminate().await.success());
    let row = app.database.task(task_id).await;
    assert_eq!(
        (&row["current_status"], &row["uncounted_attempts"]),
        (&json!("retrying"), &json!(1))
    );
    let messages: Vec<String> = logs(&app, task_id)
        .await
        .into_iter()
        .map(|line| line.2)
        .collect();
    assert_eq!(messages, ["began", "cleaning up"]);
}

/// Hangs where the task says so, with children in and out of its group, and names all of them.
const DEAF: &str = r#"
case "$task" in *hang*) ;; *) echo '{"result": 1}'; exit 0 ;; esac
trap '' TERM
sh -c 'while :; do sleep 1; done' & a=$!
setsid sh -c 'while :; do sleep 1; done' & b=$!
echo "{\"log\": \"$$ $a $b\"}"
while :; do sleep 1; done"#;

#[tokio::test]
async fn whatever_a_command_does_its_task_ends_with_a_reason_and_the_worker_goes_on() {
    let script = Script::new(
        r#"case "$task" in
        *'no output'*) ;;
        *'not json'*) echo '{"log": "fine"}'; echo 'Traceback'; exec sleep 300 ;;
        *'code 137'*) exit 137 ;;
        *'code 3'*) echo 'no such device' >&2; exit 3 ;;
        *'own error'*) echo '{"error": {"code": "no_quota", "message": "come back tomorrow"}}'; exit 1 ;;
        *'holds the output'*) setsid sleep 300 & sleep 300 & echo '{"result": "left behind"}' ;;
        *) echo '{"result": "fine"}' ;;
        esac"#,
    );
    let app = builder(QueueKind::Postgres)
        .worker(script.worker("w1"))
        .start()
        .await;
    for (order, code, message) in [
        (
            "no output",
            "execution_error",
            "the program ended without a result",
        ),
        (
            "not json",
            "invalid_output",
            "line 2 is not a message of the protocol",
        ),
        (
            "code 137",
            "killed",
            "the program exited with code 137 (SIGKILL): out of memory?",
        ),
        (
            "code 3",
            "execution_error",
            "exited with code 3; the end of its standard error:\nno such device",
        ),
        ("own error", "no_quota", "come back tomorrow"),
    ] {
        let task_id = app.submit(&task_with(order, "max_attempts", 1)).await;
        let ended = app.wait_terminal(task_id, LIMIT).await;
        assert_eq!(
            (&ended["status"], &ended["error_code"]),
            (&json!("failed"), &json!(code)),
            "{ended}"
        );
        let said = ended["error_message"].as_str().expect("a message");
        assert!(said.contains(message), "{order}: {said}");
    }
    for (order, result) in [("holds the output", "left behind"), ("", "fine")] {
        let task_id = app.submit(&task(order)).await;
        let ended = app.wait_terminal(task_id, LIMIT).await;
        assert_eq!(ended["result"], json!(result), "{ended}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_command_that_writes_without_end_costs_its_task_and_no_memory() {
    let script = Script::new(
        r#"thousand=$(printf %01000d 0)
        case "$task" in
        *'zeros'*) head -c 1G /dev/zero ;;
        *'lines'*) yes | head -c 1G ;;
        *'object'*) printf '{"result": "'; head -c 1G /dev/zero | tr '\0' x ;;
        *'logs'*) yes "{\"log\": \"$thousand\"}" | head -c 1G ;;
        *'errors'*) yes "$thousand" | head -c 100M >&2 ; echo '{"result": "fine"}' ;;
        *) echo '{"result": "fine"}' ;;
        esac"#,
    );
    let app = builder(QueueKind::Postgres)
        .worker(script.worker("w1"))
        .start()
        .await;
    let first = app.submit(&task("")).await;
    app.wait_terminal(first, LIMIT).await;
    let before = app.workers[0].peak_memory_kib();
    for (order, code) in [
        ("zeros", "output_limit"),
        ("lines", "invalid_output"),
        ("object", "output_limit"),
        ("logs", "output_limit"),
    ] {
        let task_id = app.submit(&task(order)).await;
        let ended = app.wait_terminal(task_id, LIMIT).await;
        assert_eq!(ended["error_code"], json!(code), "{order}: {ended}");
    }
    let task_id = app.submit(&task("errors")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["result"],
        json!("fine")
    );
    let lines = logs(&app, task_id).await;
    let last = &lines.last().expect("a log").2;
    assert!(
        last.ends_with("more log lines were dropped: an attempt may have 10000 lines and 8 MiB"),
        "{last}"
    );
    let grown = app.workers[0].peak_memory_kib() - before;
    assert!(grown < 96 << 10, "grew by {grown} KiB");
    app.finish().await;
}

#[tokio::test]
async fn a_command_has_a_clean_environment_and_a_directory_that_goes_with_it() {
    let script = Script::new(
        r#"touch file "$TMPDIR/file"; mkdir locked; touch locked/file; chmod 500 locked
        printf '{"result": {"cwd": "%s", "names": "%s", "given": "%s"}}' "$PWD" "$(env | cut -d= -f1 | tr '\n' ' ')" "$GIVEN""#,
    );
    let worker = script.worker("w1").args(&["--command-env", "GIVEN"]);
    let app = builder(QueueKind::Postgres)
        .env("GIVEN", "a b")
        .worker(worker)
        .start()
        .await;
    let task_id = app.submit(&task("")).await;
    let result = app.wait_terminal(task_id, LIMIT).await["result"].clone();
    assert_eq!(result["given"], "a b");
    let names = result["names"].as_str().expect("names");
    for secret in ["DATABASE_URL", "RABBITMQ_URL", "QTASK_LEASE_DURATION"] {
        assert!(!names.contains(secret), "{names}");
    }
    let cwd = Path::new(result["cwd"].as_str().expect("a directory"));
    assert!(
        cwd.is_absolute() && !cwd.exists(),
        "{} is still there",
        cwd.display()
    );
    app.finish().await;
}

#[tokio::test]
async fn an_error_that_may_pass_is_tried_again_with_a_log_of_its_own() {
    let script = Script::new(
        r#"echo "{\"log\": \"attempt $QTASK_ATTEMPT\"}"
        [ "$QTASK_ATTEMPT" = 1 ] || { echo '{"result": "fine"}'; exit; }
        echo '{"error": {"code": "busy", "message": "try again", "retry": true}}'"#,
    );
    let worker = script.worker("w1").args(&["--retry-delay", "50ms"]);
    let app = builder(QueueKind::Postgres).worker(worker).start().await;
    let task_id = app.submit(&task("")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["result"],
        json!("fine")
    );
    let lines: Vec<_> = logs(&app, task_id)
        .await
        .into_iter()
        .map(|line| (line.0, line.2))
        .collect();
    assert_eq!(
        lines,
        [(1, "attempt 1".to_owned()), (2, "attempt 2".to_owned())]
    );
    let history = app.database.history(task_id).await;
    let notes = history[2].notes.as_deref().unwrap_or_default();
    assert!(notes.starts_with("busy: try again"), "{notes}");
    app.finish().await;
}

#[tokio::test]
async fn what_a_command_says_while_the_database_is_away_is_kept_once_and_in_order() {
    let script = Script::new(
        r#"echo '{"log": "0"}'
        until [ -e "$here/cut" ]; do sleep 0.02; done
        n=1; while [ $n -le 3000 ]; do echo "{\"log\": \"$n\"}"; n=$((n + 1)); done; touch "$here/said"
        until [ -e "$here/end" ]; do sleep 0.02; done
        echo '{"result": "fine"}'"#,
    );
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(database.url().port().unwrap_or(5432)).await;
    let url = database.url_through(proxy.port());
    let app = builder(QueueKind::Postgres)
        .database(database)
        .database_url(&url);
    let app = app
        .env("QTASK_LEASE_DURATION", "60s")
        .worker(script.worker("w1"))
        .start()
        .await;
    let task_id = app.submit(&task("")).await;
    first_logs(&app, task_id).await;
    proxy.cut();
    script.open("cut");
    let said = || async { script.exists("said").then_some(()) };
    eventually(DEADLINE, "the command to have said all", said).await;
    assert!(
        logs(&app, task_id).await.len() < 3001,
        "the database was not away"
    );
    proxy.resume();
    let written = || async { (logs(&app, task_id).await.len() >= 3001).then_some(()) };
    eventually(DEADLINE, "all lines", written).await;
    script.open("end");
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["result"],
        json!("fine")
    );
    let messages: Vec<String> = logs(&app, task_id)
        .await
        .into_iter()
        .map(|line| line.2)
        .collect();
    let expected: Vec<String> = (0..=3000).map(|n: u32| n.to_string()).collect();
    assert_eq!(messages, expected);
    app.finish().await;
}

#[tokio::test]
async fn a_command_whose_lease_is_lost_is_not_left_its_whole_grace() {
    let script = Script::new(DEAF);
    let worker = script.worker("w1").args(&["--command-grace", "5m"]);
    let mut app = builder(QueueKind::Postgres).worker(worker).start().await;
    let task_id = app.submit(&task("hang")).await;
    let pids = processes(&app, task_id).await;
    let other = Worker::new("w1", "mock").args(&["--replace"]);
    app.start_worker(&other).await;
    wait_gone(&pids).await;
}

#[tokio::test]
async fn a_command_does_not_outlive_its_worker() {
    let script = Script::new(DEAF);
    let mut app = builder(QueueKind::Postgres)
        .worker(script.worker("w1"))
        .start()
        .await;
    let task_id = app.submit(&task("hang")).await;
    let pids = processes(&app, task_id).await;
    let directory = fs::read_link(format!("/proc/{}/cwd", pids[0])).expect("its directory");
    assert!(directory.exists());
    app.workers[0].kill9().await;
    wait_gone(&pids).await;
    let removed = || async { (!directory.exists()).then_some(()) };
    eventually(DEADLINE, "its directory to be removed", removed).await;
}

#[tokio::test]
async fn commands_that_cannot_be_run_are_refused_when_the_worker_starts() {
    let arguments = [
        "work",
        "--command",
        "tool=no-such-program --x",
        "--command",
        "mock=sh",
        "--backend",
        "device",
    ];
    let output = run(&arguments, &[("DATABASE_URL", "postgresql://localhost/x")]).await;
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    for problem in [
        "3 settings cannot be used",
        "--command: `tool`: `no-such-program` is not found on PATH",
        "--command: `mock` is a backend of qtask itself: take another name",
        "--backend: `device` has no executor",
    ] {
        assert!(said.contains(problem), "{said}");
    }
}
