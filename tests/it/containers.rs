//! A worker in a container: with a memory limit it refuses what does not fit, and is not killed; a CPU quota
//! counts as cores; a read-only root is named at start.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use crate::support::app::Worker;
use crate::support::cpu_group::CpuGroup;
use crate::support::memory_group::MemoryGroup;
use crate::support::process::{current, run};
use crate::support::skipped::report_skipped;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind};

const LIMIT: u64 = 512 << 20;

fn group(test: &str) -> Option<MemoryGroup> {
    let group = MemoryGroup::with_limit(LIMIT);
    if group.is_none() {
        report_skipped(test, "no cgroup with a memory limit can be created here");
    }
    group
}

fn circuit(qubits: u32) -> serde_json::Value {
    let source = format!("OPENQASM 3; qubit[{qubits}] q; h q; t q; h q; measure q;");
    json!({"circuit": source, "shots": 10})
}

#[tokio::test]
async fn a_circuit_that_exceeds_the_containers_memory_fails_and_the_worker_goes_on() {
    let Some(group) = group("containers::a_circuit_that_exceeds") else {
        return;
    };
    let mut app = App::builder(QueueKind::Postgres).start().await;
    let worker = Worker::new("w", "simulator").args(&["--concurrency", "2"]);
    app.spawn_limited_worker(&worker, &group);
    app.workers[0].wait_for("worker.ready").await;

    // 1 GiB: the API, in another container, accepts it.
    let large = app.submit(&circuit(26)).await;
    let failed = app.wait_terminal(large, DEADLINE).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["error_code"], "resource_limit", "{failed}");
    assert_eq!(failed["attempt"], 1, "{failed}");

    // Two of 128 MiB at a time fit.
    let mut small = Vec::new();
    for _ in 0..4 {
        small.push(app.submit(&circuit(23)).await);
    }
    for task in small {
        let ended = app.wait_terminal(task, Duration::from_mins(2)).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    app.finish().await;
}

#[tokio::test]
async fn long_texts_and_large_states_at_the_same_time_do_not_exceed_the_containers_memory() {
    let Some(group) = group("containers::long_texts") else {
        return;
    };
    let mut app = App::builder(QueueKind::Postgres).start().await;
    let worker = Worker::new("w", "simulator").args(&["--concurrency", "3"]);
    app.spawn_limited_worker(&worker, &group);
    app.workers[0].wait_for("worker.ready").await;
    let pair = "rz(0.1234567) q[0]; cx q[0], q[1];\nrz(-0.1234567) q[0]; cx q[0], q[1];\n";
    let gates = pair.repeat((8 << 20) / pair.len() - 2);
    let long = json!({"circuit": format!("OPENQASM 3; qubit[2] q; {gates}measure q;"), "shots": 1});
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(app.submit(&long).await);
        // 256 MiB.
        tasks.push(app.submit(&circuit(24)).await);
    }
    for task in tasks {
        let ended = app.wait_terminal(task, Duration::from_mins(3)).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_eq!(ended["attempt"], 1, "{ended}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_budget_that_does_not_fit_the_container_is_refused_at_start() {
    let Some(group) = group("containers::a_budget_that_does_not_fit") else {
        return;
    };
    let mut app = App::builder(QueueKind::Postgres)
        .env("QTASK_SIMULATOR_MEMORY_MIB", "1024")
        .start()
        .await;
    app.spawn_limited_worker(&Worker::new("w", "simulator"), &group);
    let ended = app.workers[0].wait_exit(DEADLINE).await;
    assert_eq!(ended.code(), Some(2));
    // Its last lines may be read after its end.
    let events = app.workers[0].events();
    let is_said = || async { events.tail(10).contains("use 384 at most").then_some(()) };
    eventually(DEADLINE, "the largest budget", is_said).await;
    app.workers.clear();
    app.finish().await;
}

#[tokio::test]
async fn a_worker_runs_as_many_tasks_at_once_as_its_cpu_quota_has_cores() {
    let Some(group) = CpuGroup::with_percent(150) else {
        report_skipped(
            "containers::a_worker_runs_as_many_tasks",
            "no cgroup with a CPU quota can be created here",
        );
        return;
    };
    let app = App::builder(QueueKind::Postgres).start().await;
    let arguments = ["work", "--name", "quota", "--backend", "mock"];
    let mut worker = group
        .enter(current(), &arguments)
        .env("DATABASE_URL", app.database.url().as_str())
        .stderr(Stdio::null())
        .spawn()
        .expect("a worker");
    let registered = || async {
        let reply = app.get("/workers/quota").await;
        (reply.status == 200).then_some(reply.body)
    };
    let shown = eventually(DEADLINE, "the worker", registered).await;
    assert_eq!(shown["capabilities"]["max_parallel_tasks"], 1, "{shown}");
    worker.kill().await.expect("the end of the worker");
    app.finish().await;
}

#[tokio::test]
async fn a_worker_without_a_writable_temporary_directory_says_so_at_start() {
    let environment = [
        ("DATABASE_URL", "postgresql://u@127.0.0.1:1/none"),
        ("TMPDIR", "/no/such/directory"),
    ];
    let ended = run(&["work", "--command", "tool=sh"], &environment).await;
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("in `/no/such/directory`"), "{said}");
}
