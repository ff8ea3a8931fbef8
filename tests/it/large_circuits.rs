//! Circuits of many megabytes: they run, longer ones are refused, and hostile ones end soon in bounded memory.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::app::Worker;
use crate::support::{App, QueueKind};

const MIB: usize = 1 << 20;
/// How long a circuit of many megabytes may take from its submission to its result. The machine may do other things.
const LIMIT: Duration = Duration::from_mins(3);
/// The memory of two checks of the longest texts, in KiB. One takes 420 MiB; what it freed is returned to the system within 10 s, and
/// the next one begins before. 400 to 600 MiB were measured.
const CHECKED_KIB: u64 = 900 << 10;
/// The memory of a worker that runs such texts one after the other, in KiB, for the same reason. 650 MiB were measured.
const RUN_KIB: u64 = 900 << 10;

/// A circuit of about so many bytes whose gates undo each other, so that both qubits are 1.
fn long_circuit(bytes: usize) -> String {
    let pair = "rz(0.1234567) q[0]; cx q[0], q[1];\nrz(-0.1234567) q[0]; cx q[0], q[1];\n";
    let gates = pair.repeat(bytes / pair.len());
    format!("OPENQASM 3; qubit[2] q; x q;\n{gates}bit[2] c = measure q;")
}

fn filled(head: &str, unit: &str, end: &str) -> String {
    let number = (8 * MIB - head.len() - end.len()) / unit.len();
    format!("{head}{}{end}", unit.repeat(number))
}

/// Texts of 8 MiB that take much for their length, and what a check says of them; nothing where they are right.
fn hostile() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("semicolons", filled("", ";", ""), ""),
        (
            "gates",
            filled("qubit q;", "x q;", ""),
            "more than 1250000 statements that are run",
        ),
        ("powers", filled("qubit q;", "pow(2)@x q;", ""), ""),
        (
            "values",
            filled("int a;", &format!("a={}a;", "a+".repeat(90)), ""),
            "more than 6000000 statements, operands",
        ),
        (
            "block",
            filled("qubit q;box{", "x q;", "}"),
            "more than 1048576 tokens",
        ),
        (
            "parentheses",
            filled("qubit q;rx(", "(", ""),
            "more than 1048576 tokens",
        ),
        (
            "open blocks",
            filled("", "{", ""),
            "blocks nest more than 48 deep",
        ),
        (
            "digits",
            filled("qubit q;rx(", "9", ") q;"),
            "not an integer",
        ),
        ("comment", filled("/*", "*", "*/"), ""),
        ("text", filled("include \"", "x", "\";"), "cannot include"),
    ]
}

#[tokio::test]
async fn a_circuit_of_six_mebibytes_runs_to_its_counts() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let circuit = long_circuit(6 * MIB);
    let submission = json!({"circuit": circuit, "shots": 20});
    let task_id = app.submit(&submission).await;
    let task = app.wait_terminal(task_id, LIMIT).await;
    assert_eq!(task["result"], json!({"11": 20}), "{task}");
    let read = app.get(&format!("/tasks/{task_id}?include=circuit")).await;
    assert_eq!(read.expect(200)["circuit"], circuit);
    let listed = app.get("/tasks").await.expect(200).to_string();
    assert!(listed.len() < 10_000, "a list carries no circuits");
    app.finish().await;
}

#[tokio::test]
async fn a_circuit_that_is_longer_than_the_setting_is_refused_with_both_numbers() {
    for (mib, bytes) in [("1", MIB), ("9", 9 * MIB)] {
        let app = App::builder(QueueKind::Postgres)
            .env("QTASK_MAX_CIRCUIT_MIB", mib)
            .start()
            .await;
        let padded = |bytes: usize| format!("qubit q;{}", " ".repeat(bytes - "qubit q;".len()));
        app.submit(&json!({"circuit": padded(bytes)})).await;
        let wanted = format!(
            "has {} bytes; at most {bytes} are allowed by QTASK_MAX_CIRCUIT_MIB={mib}",
            bytes + 1
        );
        for path in ["/tasks", "/circuits/check"] {
            let reply = app.post(path, &json!({"circuit": padded(bytes + 1)})).await;
            assert_eq!(reply.body["errors"]["circuit"], wanted, "{path}");
            assert_eq!(reply.expect_problem(422), "validation_failed");
        }
        let document = app.get("/openapi.json").await.expect(200);
        let schemas = &document["components"]["schemas"];
        let described = schemas["Submission"].to_string();
        assert!(
            described.contains(&format!("\"maxLength\":{bytes}")),
            "{described}"
        );
    }
}

#[tokio::test]
async fn hostile_texts_of_the_greatest_length_are_checked_and_run_in_bounded_memory() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator").args(&["--concurrency", "1"]))
        .start()
        .await;
    let before = app.apis[0].peak_memory_kib();
    for (name, circuit, mistake) in hostile() {
        let began = Instant::now();
        let checked = app
            .post("/circuits/check", &json!({"circuit": circuit}))
            .await;
        assert!(began.elapsed() < Duration::from_secs(30), "{name}");
        // A machine that does other things may need longer than a check may take.
        if checked.status.as_u16() == 503 {
            assert_eq!(checked.expect_problem(503), "overloaded", "{name}");
        } else {
            let verdict = checked.expect(200);
            let said = verdict["errors"][0]["message"].as_str().unwrap_or_default();
            assert!(said.contains(mistake), "{name}: {said}");
            assert_eq!(verdict["valid"], mistake.is_empty(), "{name}: {said}");
        }
        let task = json!({"circuit": circuit, "shots": 1, "timeout_seconds": 150});
        let task = app.wait_terminal(app.submit(&task).await, LIMIT).await;
        let said = task["error_message"].as_str().unwrap_or_default();
        assert!(said.contains(mistake), "{name}: {said}");
        assert_eq!(
            task["status"] == "completed",
            mistake.is_empty(),
            "{name}: {said}"
        );
    }
    let of_api = app.apis[0].peak_memory_kib() - before;
    let of_worker = app.workers[0].peak_memory_kib();
    println!("the API took {of_api} KiB, the worker {of_worker} KiB");
    assert!(of_api < CHECKED_KIB, "the API took {of_api} KiB");
    assert!(of_worker < RUN_KIB, "the worker took {of_worker} KiB");
    app.finish().await;
}

#[tokio::test]
async fn large_submissions_at_once_share_bounded_memory_and_are_claimed_in_bounded_groups() {
    let app = App::builder(QueueKind::Postgres).start().await;
    app.submit(&json!({"circuit": "qubit q;", "backend": "mock"}))
        .await;
    let before = app.apis[0].peak_memory_kib();
    let submission = json!({"circuit": format!("qubit q;{}", " ".repeat(7 * MIB))});
    let replies = join_all((0..40).map(|_| app.post("/tasks", &submission))).await;
    let accepted = replies
        .iter()
        .filter(|reply| reply.status.as_u16() == 201)
        .count();
    for reply in replies {
        if reply.status.as_u16() != 201 {
            let code = reply.expect_problem(503);
            assert!(
                ["overloaded", "database_unavailable"].contains(&code.as_str()),
                "{code}"
            );
        }
    }
    let grown = app.apis[0].peak_memory_kib() - before;
    assert!(grown < 900 << 10, "grew by {grown} KiB");
    assert!(accepted >= 3, "{accepted} accepted");

    let registered = json!({"worker_id": "w", "backends": ["simulator"]});
    let session = app.post("/workers/register", &registered).await.expect(201);
    let claim = json!({"session_id": session["session_id"], "max_tasks": 100});
    let claimed = app.post("/workers/w/claim", &claim).await.expect(200);
    let tasks = claimed["tasks"].as_array().map_or(0, Vec::len);
    assert_eq!(tasks, 3, "the third begins below 16 MiB");
    let rest: Value = app.post("/workers/w/claim", &claim).await.expect(200);
    let rest = rest["tasks"].as_array().map_or(0, Vec::len);
    assert_eq!(rest, (accepted - 3).min(3));
    app.abandon_work();
}
