//! Commands as real processes.

pub mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;
use serde_json::{Value, json};
use support::{assignment, control, next_line, shell};

use super::{Command, stragglers};
use crate::domain::settlement::{ErrorCode, Failure, Outcome};
use crate::executor::{Control, Executor};

async fn run(command: &Command, control: &Control) -> Result<Outcome, Failure> {
    let assignment = assignment("sh");
    let running = command.execute(&assignment, control.clone());
    let limited = tokio::time::timeout(Duration::from_secs(30), running).await;
    limited.expect("an end within 30 s")
}

async fn failure(script: &str) -> Failure {
    run(&shell(script), &control()).await.unwrap_err()
}

/// Starts the script, whose first log line lists process ids, and returns them with its end.
async fn start(
    script: &str,
    grace: Duration,
) -> (
    Control,
    Vec<Pid>,
    tokio::task::JoinHandle<Result<Outcome, Failure>>,
) {
    let control = control();
    let command = Command {
        grace,
        ..shell(script)
    };
    let running = tokio::spawn({
        let control = control.clone();
        async move { run(&command, &control).await }
    });
    let line = next_line(&control.log_buffer).await.message;
    let pids = line
        .split_ascii_whitespace()
        .map(|pid| Pid::from_raw(pid.parse().unwrap()));
    (control, pids.collect(), running)
}

fn assert_gone(pids: &[Pid]) {
    for pid in pids {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let zombie = state.contains(") Z ");
        assert!(zombie || kill(*pid, None).is_err(), "{pid} lives: {state}");
    }
}

#[tokio::test]
async fn a_program_reads_its_task_and_writes_its_result() {
    let script = r#"
        read -r task; echo '{"log": "began"}'; echo '{"progress": 0.5}'; echo 'to the log' >&2
        echo "{\"result\": $task, \"execution\": {\"seed\": 1}}""#;
    let control = control();
    let outcome = run(&shell(script), &control).await.unwrap();
    assert_eq!(outcome.result["circuit"], "OPENQASM 3;");
    assert_eq!(outcome.execution, json!({"seed": 1}));
    let batch = control.log_buffer.take();
    assert_eq!(batch.progress, Some(json!({"fraction": 0.5})));
    let mut lines: Vec<_> = batch
        .lines
        .into_iter()
        .map(|line| (line.message, line.context))
        .collect();
    lines.sort_by_key(|(message, _)| message.clone());
    let expected = [
        ("began".to_owned(), None),
        ("to the log".to_owned(), Some(json!({"stream": "stderr"}))),
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_program_sees_a_clean_environment_and_its_own_directory() {
    let script = r#"
        touch here; touch "$TMPDIR/there"
        printf '{"result": {"home": "%s", "cwd": "%s", "names": "%s"}}' "$HOME" "$PWD" "$(env | cut -d= -f1 | sort | tr '\n' ' ')""#;
    let mut command = shell(script);
    command.environment = vec![("SECRET".into(), "x".into())];
    let result = run(&command, &control()).await.unwrap().result;
    assert_eq!(result["home"], result["cwd"]);
    assert!(!Path::new(result["cwd"].as_str().unwrap()).exists());
    let names = result["names"]
        .as_str()
        .unwrap()
        .replace("LANG ", "")
        .replace("LC_ALL ", "");
    let expected = "HOME PATH PWD QTASK_ATTEMPT QTASK_BACKEND QTASK_TASK_ID QTASK_TIMEOUT_SECONDS \
                    QTASK_WORKER QTASK_WORKER_MARK SECRET TMPDIR ";
    assert_eq!(
        names
            .replace("TZ ", "")
            .replace("_ ", "")
            .replace("OLDPWD ", ""),
        expected
    );
}

#[tokio::test]
async fn a_program_that_reads_nothing_gets_a_large_task_all_the_same() {
    let mut assignment = assignment("sh");
    assignment.metadata = Value::String("x".repeat(1 << 20));
    let command = shell(r#"echo '{"result": 1}'"#);
    let outcome = command.execute(&assignment, control()).await.unwrap();
    assert_eq!(outcome.result, json!(1));
}

#[tokio::test]
async fn a_program_that_fails_says_why_with_the_end_of_its_errors() {
    let failed = failure("echo one >&2; echo two >&2; exit 3").await;
    let message = "the program exited with code 3; the end of its standard error:\none\ntwo";
    let expected = Failure::permanent(ErrorCode::ExecutionError, message);
    assert_eq!(failed, expected);
    let killed = failure("kill -9 $$").await;
    assert_eq!((killed.code, killed.transient), (ErrorCode::Killed, true));
    let empty = failure("true").await;
    assert_eq!(empty.message, "the program ended without a result");
}

#[tokio::test]
async fn a_program_that_is_not_there_any_more_is_a_passing_failure() {
    let mut command = shell("true");
    command.program.path = "/nowhere/x".into();
    let failed = run(&command, &control()).await.unwrap_err();
    assert!(
        failed.transient && failed.message.contains("/nowhere/x: No such file"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn what_a_program_leaves_running_is_killed_and_holds_nobody_up() {
    let script = r#"
        sleep 300 & a=$!
        setsid sleep 300 & b=$!
        echo "{\"log\": \"$a $b\"}"; echo '{"result": 1}'"#;
    let began = Instant::now();
    let (_control, pids, running) = start(script, Duration::ZERO).await;
    assert_eq!(running.await.unwrap().unwrap().result, json!(1));
    assert_gone(&pids);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_program_that_is_told_to_stop_may_end_in_order() {
    let script = r#"
        exec 2> /dev/null
        trap 'echo "{\"log\": \"cleaning up\"}"; exit 0' TERM
        echo "{\"log\": \"$$\"}"; while :; do sleep 0.02; done"#;
    let (control, pids, running) = start(script, Duration::from_mins(1)).await;
    control.stop.cancel();
    running.await.unwrap().unwrap_err();
    assert_eq!(next_line(&control.log_buffer).await.message, "cleaning up");
    assert_gone(&pids);
}

#[tokio::test]
async fn a_program_deaf_to_being_stopped_is_killed_with_all_that_it_started() {
    let script = r#"
        trap '' TERM
        sh -c 'while :; do sleep 1; done' & a=$!
        setsid sh -c 'while :; do sleep 1; done' & b=$!
        setsid env -i sleep 300 & c=$!
        echo "{\"log\": \"$$ $a $b $c\"}"; while :; do sleep 1; done"#;
    let (control, pids, running) = start(script, Duration::from_mins(1)).await;
    control.stop.cancel();
    control.kill.cancel();
    running.await.unwrap().unwrap_err();
    assert_eq!(pids.len(), 4);
    assert_gone(&pids);
}

#[tokio::test]
async fn a_program_is_killed_after_its_grace_even_if_nobody_says_so() {
    let script = r#"trap '' TERM; echo "{\"log\": \"$$\"}"; while :; do sleep 0.05; done"#;
    let (control, pids, running) = start(script, Duration::from_millis(50)).await;
    control.stop.cancel();
    running.await.unwrap().unwrap_err();
    assert_gone(&pids);
}

#[tokio::test]
async fn nothing_is_left_of_a_program_whose_attempt_is_dropped() {
    let script = r#"
        setsid sleep 300 & b=$!
        echo "{\"log\": \"$$ $b\"}"; wait"#;
    let (_control, pids, running) = start(script, Duration::from_mins(1)).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    let gone = async {
        let lives = |pid: &Pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        while pids.iter().any(lives) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .expect("no process is left");
}

#[tokio::test]
async fn a_program_that_breaks_the_protocol_is_stopped_at_once() {
    let invalid = failure("echo hello; exec sleep 300").await;
    assert_eq!(invalid.code, ErrorCode::InvalidOutput);
    let endless = failure("exec cat /dev/zero").await;
    assert_eq!(endless.code, ErrorCode::OutputLimit);
}

#[tokio::test]
async fn the_processes_of_other_attempts_are_left_alone() {
    let script = r#"echo "{\"log\": \"$$\"}"; exec sleep 300"#;
    let (first, pids, running) = start(script, Duration::ZERO).await;
    let (second, others, other) = start(script, Duration::ZERO).await;
    first.stop.cancel();
    running.await.unwrap().unwrap_err();
    assert_gone(&pids);
    assert!(kill(others[0], None).is_ok());
    second.stop.cancel();
    other.await.unwrap().unwrap_err();
}

#[test]
fn marks_without_anything_find_nobody() {
    let marks = stragglers::Marks {
        group: None,
        environment: Vec::new(),
    };
    assert_eq!(marks.find(), []);
}
