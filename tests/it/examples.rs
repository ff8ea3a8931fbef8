//! The programs of `examples/`: their own tests, written in Python.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::process::Command;

use crate::support::app::Worker;
use crate::support::wait::{DEADLINE, TempDir, eventually};
use crate::support::{App, QueueKind};

/// Each of those tests has a limit of its own below this. There are dozens, each of which starts Python.
const LIMIT: Duration = Duration::from_mins(5);

fn examples() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

#[tokio::test]
async fn the_examples_pass_their_own_tests() {
    let run = Command::new("python3")
        .args(["-m", "unittest", "discover", "-v", "-s", "tests"])
        .current_dir(examples())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let done = tokio::time::timeout(LIMIT, run)
        .await
        .unwrap_or_else(|_| panic!("the tests of examples/ still run after {LIMIT:?}"));
    let output = done.unwrap_or_else(|error| {
        panic!("python3 does not start: {error}; install it (Debian: apt-get install python3)")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}

#[tokio::test]
async fn a_worker_runs_circuits_and_problems_with_the_smallest_example() {
    let echo = examples().join("echo.sh");
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::command(
            "w",
            &format!("aiopslab={}", echo.display()),
        ))
        .start()
        .await;
    let circuit = json!({"circuit": "OPENQASM 3;", "backend": "aiopslab", "shots": 7});
    let problem = json!({"problem_id": "p-1", "agent_config": {"model": "m"}, "max_steps": 3});
    for (task, field, value) in [
        (circuit, "shots", json!(7)),
        (problem, "max_steps", json!(3)),
    ] {
        let task_id = app.submit(&task).await;
        let done = app.wait_status(task_id, "completed").await;
        assert_eq!(done["result"]["task"][field], value, "{done}");
        let path = format!("/tasks/{task_id}?include_logs=true");
        let logs = app.get(&path).await.expect(200)["logs"].clone();
        assert!(logs[0]["message"].is_string(), "{logs}");
    }
    app.finish().await;
}

/// A worker that solves problems with the example for AIOpsLab and what stands in for its package. What is done to the
/// environment is noted in the journal.
async fn app_with_aiopslab(dir: &TempDir) -> App {
    let (kubeconfig, journal) = (dir.path().join("w.kubeconfig"), dir.path().join("journal"));
    std::fs::write(&kubeconfig, "clusters: []").expect("a kubeconfig");
    std::fs::write(&journal, "").expect("a journal");
    let (program, root) = (
        examples().join("aiopslab.py"),
        examples().join("tests/standin"),
    );
    let command = format!(
        "aiopslab=python3 {} --root {} --kubeconfig {} --lock {}",
        program.display(),
        root.display(),
        kubeconfig.display(),
        dir.path().join("lock").display()
    );
    let worker = Worker::command("w", &command).args(&["--command-env", "STANDIN_JOURNAL"]);
    App::builder(QueueKind::Postgres)
        .env("STANDIN_JOURNAL", &journal.display().to_string())
        .worker(worker)
        .start()
        .await
}

fn events(dir: &TempDir) -> Vec<String> {
    let journal = std::fs::read_to_string(dir.path().join("journal")).expect("a journal");
    journal.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_problem_is_solved_step_by_step_and_each_step_is_a_line_of_its_log() {
    let dir = TempDir::new("aiopslab");
    let app = app_with_aiopslab(&dir).await;
    let problem = json!({"problem_id": "normal-detection-1", "agent_config": {"agent": "gpt"}, "max_steps": 5});
    let task_id = app.submit(&problem).await;
    let done = app.wait_status(task_id, "completed").await;
    assert_eq!(done["result"]["metrics"]["success"], true, "{done}");
    let path = format!("/tasks/{task_id}/logs");
    let lines = app.get(&path).await.expect(200)["logs"].clone();
    let lines = lines.as_array().expect("logs").iter();
    let steps: Vec<_> = lines
        .filter_map(|line| line["context"]["step"].as_i64())
        .collect();
    assert_eq!(steps, [1, 2, 3]);
    assert!(
        events(&dir).contains(&"recover".to_owned()),
        "{:?}",
        events(&dir)
    );
    app.finish().await;
}

#[tokio::test]
async fn a_cancelled_problem_has_its_fault_taken_back_and_keeps_its_steps() {
    let dir = TempDir::new("aiopslab");
    let app = app_with_aiopslab(&dir).await;
    let problem =
        json!({"problem_id": "slow_action-detection-1", "agent_config": {"agent": "gpt"}});
    let task_id = app.submit(&problem).await;
    let acting = || async { events(&dir).contains(&"acting".to_owned()).then_some(()) };
    eventually(DEADLINE, "an action under way", acting).await;
    app.cancel(task_id).await.expect(200);
    let task = app.wait_status(task_id, "cancelled").await;
    assert!(
        events(&dir).contains(&"recover".to_owned()),
        "{:?}",
        events(&dir)
    );
    let output = &task["attempt_outputs"][0]["output"];
    assert_eq!(output["steps"], 1, "{task}");
    let action = output["trajectory"][0]["action"].as_str();
    assert!(
        action.is_some_and(|action| action.contains("exec_shell")),
        "{task}"
    );
    app.finish().await;
}
