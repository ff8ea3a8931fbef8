//! The client commands over a real service, and over one that answers as it should not.

use std::process::{Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::app::Worker;
use crate::support::process::qtask;
use crate::support::stub::{Stub, json as answer};
use crate::support::wait::{DEADLINE, TempDir, eventually, free_port};
use crate::support::{App, QueueKind};

const BELL: &str = "OPENQASM 3; qubit[2] q; h q[0]; cnot q[0], q[1]; measure q;";
const BAD: &str = "OPENQASM 3;\nqubit q;\nfoo q;\n";
const ID: &str = "01a1f877-e10b-7243-ba50-5bf875c0c917";
const OTHER: &str = "01a1f877-e10c-7f3e-9d5b-0c3e8f4d2a11";
const TOKEN: &str = "sesame-1f0c";
/// What a program could be made to do to a terminal.
const NASTY: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m";

/// How a command ended, and what it wrote.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// The values of its lines.
    pub fn columns(&self) -> Vec<Vec<&str>> {
        self.stdout
            .lines()
            .map(|line| line.split('\t').collect())
            .collect()
    }

    /// The documents on its lines.
    pub fn documents(&self) -> Vec<Value> {
        let read = |line| serde_json::from_str(line).expect("a document on each line");
        self.stdout.lines().map(read).collect()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("output in UTF-8");
        Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// Runs a client command against this service, with this on its standard input.
pub async fn run_with(url: &str, arguments: &[&str], input: &str) -> Ended {
    let mut child = qtask(arguments)
        .env("QTASK_URL", url)
        .env("QTASK_TOKEN", TOKEN)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("qtask starts");
    let mut stdin = child.stdin.take().expect("its input");
    // A command that does not read it may have ended.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let ended = Ended::from(ended.expect("an end in time").expect("its output"));
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!all.contains(TOKEN), "{all}");
    ended
}

pub async fn run(url: &str, arguments: &[&str]) -> Ended {
    run_with(url, arguments, "").await
}

/// Runs a client command on a terminal of its own and returns all that was written there.
pub async fn on_terminal(url: &str, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let quoted: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let command = format!(
        "stty rows 40 cols 100; exec '{}' {}",
        env!("CARGO_BIN_EXE_qtask"),
        quoted.join(" ")
    );
    let mut script = tokio::process::Command::new("script");
    script
        .args(["--quiet", "--return", "--command", &command, "/dev/null"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TERM", "xterm-256color")
        .env("QTASK_URL", url)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(DEADLINE, script.output()).await;
    let output = ended
        .expect("an end in time")
        .expect("script (util-linux) is installed");
    String::from_utf8(output.stdout).expect("output in UTF-8")
}

/// Files with circuits.
pub struct Files(TempDir);

impl Files {
    pub fn new() -> Self {
        let files = Self(TempDir::new("client"));
        for (name, text) in [("bell.qasm", BELL), ("bad.qasm", BAD)] {
            std::fs::write(files.0.path().join(name), text).expect("a written file");
        }
        files
    }

    pub fn path(&self, name: &str) -> String {
        self.0
            .path()
            .join(name)
            .to_str()
            .expect("a path in UTF-8")
            .to_owned()
    }
}

pub async fn app() -> (App, String) {
    let worker = Worker::new("w1", "simulator").args(&["--backend", "mock"]);
    let app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let url = app.url(0, "");
    (app, url)
}

#[tokio::test]
async fn a_circuit_goes_from_a_file_or_standard_input_to_its_result() {
    let (app, url) = app().await;
    let files = Files::new();
    let bell = files.path("bell.qasm");

    let submitted = run(&url, &["submit", &bell]).await.expect(0);
    let columns = submitted.columns();
    assert_eq!(columns[0][1..], ["pending", bell.as_str()]);
    let id = columns[0][0];
    let got = run(&url, &["get", id, "--wait", "--json"]).await.expect(0);
    let task = &got.documents()[0];
    assert_eq!(
        (task["task_id"].as_str(), &task["status"]),
        (Some(id), &json!("completed"))
    );

    let waited = run_with(
        &url,
        &["submit", "-", "--wait", "--shots", "200", "--seed", "7"],
        BELL,
    )
    .await
    .expect(0);
    let columns = waited.columns();
    assert_eq!(columns[0][1..5], ["completed", "standard input", "", ""]);
    let counts: Value = serde_json::from_str(columns[0][5]).expect("counts");
    let sum: u64 = counts
        .as_object()
        .expect("counts")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(sum, 200);

    let again = run_with(
        &url,
        &[
            "submit", "-", "--wait", "--shots", "200", "--seed", "7", "--json",
        ],
        BELL,
    )
    .await
    .expect(0);
    assert_eq!(again.documents()[0]["result"], counts);

    let quiet = run(&url, &["submit", &bell, "--quiet"]).await.expect(0);
    assert_eq!(quiet.columns()[0].len(), 1);
    let id = quiet.columns()[0][0].to_owned();
    run(&url, &["watch", &id]).await.expect(0);
    app.finish().await;
}

#[tokio::test]
async fn a_task_that_fails_is_told_by_the_exit_code_1_and_its_reason() {
    let (app, url) = app().await;
    let files = Files::new();
    let bad = files.path("bad.qasm");
    let failed = run(&url, &["submit", &bad, "--wait"]).await.expect(1);
    let columns = failed.columns();
    assert_eq!(columns.len(), 1, "{}", failed.stdout);
    assert_eq!(
        columns[0][1..4],
        ["failed", bad.as_str(), "invalid_circuit"]
    );
    assert!(columns[0][4].starts_with("line 3"), "{}", failed.stdout);
    let id = columns[0][0];

    run(&url, &["get", id, "--wait"]).await.expect(1);
    // It was only asked for, and it is there.
    run(&url, &["get", id]).await.expect(0);
    let watched = run(&url, &["watch", id]).await.expect(1);
    let events: Vec<[&str; 2]> = watched
        .columns()
        .iter()
        .map(|line| [line[2], line[3]])
        .collect();
    assert_eq!(
        events,
        [
            ["status", "pending"],
            ["status", "processing"],
            ["status", "failed"],
            ["end", "failed"]
        ]
    );
    let documents = run(&url, &["watch", id, "--json"])
        .await
        .expect(1)
        .documents();
    assert_eq!(documents[0]["data"]["status"], "pending");
    assert_eq!(
        documents[3],
        json!({"task_id": id, "event": "end", "data": {"status": "failed"}})
    );
    app.finish().await;
}

#[tokio::test]
async fn lists_are_filtered_and_followed_to_their_end() {
    let (app, url) = app().await;
    let files = Files::new();
    let (bell, bad) = (files.path("bell.qasm"), files.path("bad.qasm"));
    let mut ids = Vec::new();
    for file in [&bell, &bad, &bell] {
        let submitted = run(&url, &["submit", file, "--wait", "--json"]).await;
        ids.push(
            submitted.documents()[0]["task_id"]
                .as_str()
                .expect("an id")
                .to_owned(),
        );
    }
    ids.reverse();

    let listed = run(&url, &["list", "--all"]).await.expect(0);
    let columns = listed.columns();
    assert_eq!(columns.iter().map(|line| line[0]).collect::<Vec<_>>(), ids);
    assert!(
        columns.iter().all(|line| line.len() == 18),
        "{}",
        listed.stdout
    );
    let first = run(&url, &["list", "--limit", "1", "--json"])
        .await
        .expect(0)
        .documents();
    assert_eq!(
        (first.len(), first[0]["task_id"].as_str()),
        (1, Some(ids[0].as_str()))
    );
    let failed = run(
        &url,
        &["list", "--status", "failed", "--backend", "simulator"],
    )
    .await
    .expect(0);
    assert_eq!(
        failed
            .columns()
            .iter()
            .map(|line| line[0])
            .collect::<Vec<_>>(),
        [&ids[1]]
    );
    let refused = run(&url, &["list", "--status", "done"]).await.expect(2);
    assert!(
        refused.stderr.contains(
            "[possible values: pending, processing, retrying, completed, failed, cancelled]"
        ),
        "{}",
        refused.stderr
    );
    app.finish().await;
}

#[tokio::test]
async fn what_was_typed_wrong_is_exit_code_2_and_submits_nothing() {
    let (app, url) = app().await;
    let files = Files::new();
    let bell = files.path("bell.qasm");
    let cases: [(&[&str], &str); 9] = [
        (&["submit"], "FILE"),
        (
            &["submit", &bell, "/no/such.qasm"],
            "/no/such.qasm: No such file",
        ),
        (
            &["submit", &bell, "--shots", "0"],
            "\n  shots: must be between 1",
        ),
        (&["submit", "--problem", "p", &bell], "cannot be used with"),
        (
            &[
                "submit",
                "--problem",
                "p",
                "--agent-config",
                "/no/such.json",
            ],
            "/no/such.json",
        ),
        (&["get", "01a1f87"], "at least 8 hexadecimal digits"),
        (
            &["get", "01a1f877"],
            "no task whose id begins with 01a1f877",
        ),
        (&["get", ID], "There is no task"),
        (&["watch", ID], "There is no task"),
    ];
    for (arguments, message) in cases {
        let refused = run(&url, arguments).await.expect(2);
        assert!(
            refused.stderr.contains(message),
            "{arguments:?}: {}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "");
    }
    assert_eq!(run(&url, &["list", "--all"]).await.expect(0).stdout, "");
    app.finish().await;
}

#[tokio::test]
async fn a_service_that_is_not_there_is_exit_code_3_after_a_few_tries() {
    let url = format!("http://127.0.0.1:{}", free_port());
    let ended = run_with(&url, &["submit", "-"], BELL).await.expect(3);
    assert_eq!(
        ended.stderr.matches("Trying again").count(),
        3,
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains(&format!(
            "error: {url} cannot be reached: Connection refused"
        )),
        "{}",
        ended.stderr
    );
    run("ftp://localhost", &["list"]).await.expect(2);
}

#[tokio::test]
async fn a_submission_is_repeated_under_its_key_and_with_its_token() {
    let stub = Stub::start(|before, _| match before {
        0 => answer(
            503,
            &json!({"code": "database_unavailable", "detail": "The database cannot be reached."}),
        ),
        _ => answer(201, &json!({"task_id": ID, "status": "pending"})),
    })
    .await;
    let ended = run_with(&stub.url, &["submit", "-"], BELL).await.expect(0);
    assert_eq!(ended.stdout, format!("{ID}\tpending\tstandard input\n"));
    assert!(
        ended
            .stderr
            .contains("The database cannot be reached.\nTrying again in"),
        "{}",
        ended.stderr
    );

    run_with(
        &stub.url,
        &["submit", "-", "--idempotency-key", "mine"],
        BELL,
    )
    .await
    .expect(0);
    let requests = stub.requests();
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.header("idempotency-key"))
        .collect();
    assert!(
        keys[0].is_some_and(|key| key.starts_with("qtask-")),
        "{keys:?}"
    );
    assert_eq!((keys[0], keys[2]), (keys[1], Some("mine")));
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(
        requests[0].header("authorization"),
        Some(format!("Bearer {TOKEN}").as_str())
    );
}

#[tokio::test]
async fn several_files_go_in_one_request_and_its_errors_name_them() {
    let stub = Stub::start(|before, _| match before {
        0 => answer(201, &json!({"tasks": [{"task_id": ID, "status": "pending"}, {"task_id": OTHER, "status": "pending"}], "count": 2})),
        1 => answer(422, &json!({"code": "validation_failed", "detail": "See errors.", "errors": {"tasks[1].circuit": "must not be empty"}})),
        _ => answer(201, &json!({"tasks": []})),
    })
    .await;
    let files = Files::new();
    let (bell, bad) = (files.path("bell.qasm"), files.path("bad.qasm"));
    let both = ["submit", &bell, &bad, "--tag", "night"];
    let ended = run(&stub.url, &both).await.expect(0);
    assert_eq!(
        ended.columns(),
        [[ID, "pending", &bell], [OTHER, "pending", &bad]]
    );
    let request = &stub.requests()[0];
    assert_eq!(request.line, "POST /tasks/batch");
    let body: Value = serde_json::from_str(&request.body).expect("JSON");
    assert_eq!(
        body,
        json!({"tasks": [{"circuit": BELL, "name": "bell.qasm", "tags": ["night"]},
                         {"circuit": BAD, "name": "bad.qasm", "tags": ["night"]}]})
    );

    let refused = run(&stub.url, &both).await.expect(2);
    assert_eq!(
        refused.stderr,
        format!("error: See errors.\n  {bad}: circuit: must not be empty\n")
    );
    // Too few answers are no success.
    run(&stub.url, &both).await.expect(3);
}

#[tokio::test]
async fn many_tasks_are_waited_for_and_shown_in_their_order() {
    let stub = Stub::start(|_, request| {
        if request.line.starts_with("POST") {
            let accepted = |id: &str| json!({"task_id": id, "status": "pending"});
            return answer(201, &json!({"tasks": [accepted(ID), accepted(OTHER)]}));
        }
        let first = request.line.contains(ID);
        let running = first && !request.line.contains("wait=");
        let status = match (first, running) {
            (true, true) => "processing",
            (true, false) => "cancelled",
            (false, _) => "completed",
        };
        let id = if first { ID } else { OTHER };
        answer(
            200,
            &json!({"task_id": id, "status": status, "result": {"0": 1}}),
        )
    })
    .await;
    let files = Files::new();
    let (bell, bad) = (files.path("bell.qasm"), files.path("bad.qasm"));
    let ended = run(&stub.url, &["submit", &bell, &bad, "--wait"])
        .await
        .expect(1);
    let columns = ended.columns();
    assert_eq!(columns[0][..3], [ID, "cancelled", &bell]);
    assert_eq!(columns[1][..3], [OTHER, "completed", &bad]);
}

#[tokio::test]
async fn a_stream_that_breaks_is_resumed_without_repetition() {
    let pending =
        r#"{"status": "pending", "transitioned_at": "2026-11-20T10:00:00Z", "attempt": 0}"#;
    let running =
        r#"{"status": "processing", "transitioned_at": "2026-11-20T10:00:01Z", "attempt": 1}"#;
    let begun = format!(
        ": hello\n\nid: 1\nevent: status\ndata: {pending}\n\nid: 2\nevent: log\ndata: {{\"id\": 5, \"level\": \"info\", \"message\": \"one\"}}\n\nid: 3\nevent: sta"
    );
    let resumed = format!(
        "id: 3\nevent: status\ndata: {running}\n\nid: 4\nevent: log\ndata: {{\"id\": 6, \"level\": \"error\", \"message\": \"two\"}}\n\nevent: end\ndata: {{\"status\": \"completed\"}}\n\n"
    );
    let history: Vec<Value> = [pending, running]
        .iter()
        .map(|entry| serde_json::from_str(entry).expect("JSON"))
        .collect();
    let stub = Stub::start(move |_, request| {
        let stream = |body: &str| (200, "text/event-stream", body.to_owned());
        if request.line.ends_with("/events") {
            return match request.header("last-event-id") {
                None => stream(&begun),
                Some(_) => stream(&resumed),
            };
        }
        if request.line.contains("/logs") {
            return answer(200, &json!({"logs": [], "next_after": null}));
        }
        answer(
            200,
            &json!({"task_id": ID, "status": "processing", "status_history": history}),
        )
    })
    .await;
    let watched = run(&stub.url, &["watch", ID]).await.expect(0);
    let told: Vec<[&str; 3]> = watched
        .columns()
        .iter()
        .map(|line| [line[2], line[3], line[4]])
        .collect();
    assert_eq!(
        told,
        [
            ["status", "pending", ""],
            ["log", "info", "one"],
            ["status", "processing", ""],
            ["log", "error", "two"],
            ["end", "completed", ""]
        ]
    );
    let again = stub
        .requests()
        .into_iter()
        .rfind(|request| request.line.ends_with("/events"));
    assert_eq!(
        again.expect("a second stream").header("last-event-id"),
        Some("2")
    );
}

/// A service with one of everything.
async fn small_service() -> Stub {
    Stub::start(|_, request| match request.line.split(['?', ' ']).nth(1) {
        Some("/workers") => answer(200, &json!({"workers": [
            {"worker_id": "w1", "status": "busy", "backends": ["mock", "aer"], "current_tasks": [ID], "tasks_completed": 1200, "tasks_failed": 3,
             "registered_at": "2026-11-20T10:00:00Z", "last_heartbeat_at": "2026-11-20T10:00:05Z", "not_ready_reason": NASTY}]})),
        Some("/backends") => answer(200, &json!({"backends": [
            {"backend": "aer", "workers_online": 1, "waiting": 12, "running": 2, "oldest_wait_seconds": 61.5, "median_run_seconds": null, "estimated_wait_seconds": 5}]})),
        Some(path) if path.ends_with("/logs") => answer(200, &json!({"logs": [
            {"id": 1, "attempt": 1, "logged_at": "2026-11-20T10:00:00.250Z", "level": "warning", "message": format!("first{NASTY}\nsecond\tx"), "context": {"pod": "a"}}], "next_after": null})),
        Some(path) if request.line.starts_with("DELETE") && path.contains(OTHER) =>
            answer(409, &json!({"code": "task_already_terminal", "detail": "The task has ended as completed."})),
        Some(_) if request.line.starts_with("DELETE") =>
            answer(200, &json!({"task_id": ID, "status": "processing", "cancel_requested_at": "2026-11-20T10:00:00.000Z", "message": "Its worker is being told."})),
        Some("/tasks") => answer(200, &json!({"tasks": [{"task_id": ID, "status": "completed", "name": NASTY}], "next_cursor": null})),
        _ => answer(200, &json!({"task_id": ID, "status": "completed", "name": NASTY, "result": {"00": 1, "11": 3}, "error_message": null,
            "status_history": [{"status": "completed", "transitioned_at": "2026-11-20T10:00:00Z", "notes": NASTY}]})),
    })
    .await
}

#[tokio::test]
async fn workers_are_shown_to_the_last_page() {
    let stub = Stub::start(|_, request| {
        let (name, next) = if request.line.contains("cursor=w1") {
            ("w2", Value::Null)
        } else {
            ("w1", json!("w1"))
        };
        let worker =
            json!({"worker_id": name, "status": "idle", "backends": ["b"], "current_tasks": []});
        answer(200, &json!({"workers": [worker], "next_cursor": next}))
    })
    .await;
    let workers = run(&stub.url, &["workers", "--backend", "b"])
        .await
        .expect(0);
    let names: Vec<&str> = workers.columns().iter().map(|line| line[0]).collect();
    assert_eq!(names, ["w1", "w2"]);
    let lines: Vec<String> = stub
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert_eq!(
        lines,
        ["GET /workers?backend=b", "GET /workers?backend=b&cursor=w1"]
    );
}

#[tokio::test]
async fn workers_backends_logs_and_cancels_are_columns_in_a_pipe() {
    let stub = small_service().await;
    let workers = run(&stub.url, &["workers", "--status", "busy"])
        .await
        .expect(0);
    assert_eq!(
        workers.columns()[0][..7],
        ["w1", "busy", "", "mock,aer", "1", "1200", "3"]
    );
    let backends = run(&stub.url, &["backends"]).await.expect(0);
    assert_eq!(backends.stdout, "aer\t1\t12\t2\t61.5\t\t5\t\t\n");
    let logs = run(
        &stub.url,
        &[
            "logs",
            ID,
            "--level",
            "info",
            "--since",
            "2026-11-20T09:00:00Z",
            "--follow",
        ],
    )
    .await
    .expect(0);
    assert_eq!(
        logs.columns()[0][..3],
        ["2026-11-20T10:00:00.250Z", "warning", "1"]
    );
    assert_eq!(logs.columns()[0][4], "{\"pod\":\"a\"}");
    // The one that cannot be cancelled keeps nobody from the other.
    let cancelled = run(&stub.url, &["cancel", OTHER, ID]).await.expect(2);
    assert_eq!(
        cancelled.stdout,
        format!("{ID}\tprocessing\t2026-11-20T10:00:00.000Z\tIts worker is being told.\n")
    );
    assert_eq!(
        cancelled.stderr,
        "error: The task has ended as completed.\n"
    );
    let lines: Vec<String> = stub
        .requests()
        .into_iter()
        .map(|request| request.line)
        .collect();
    assert_eq!(lines[0], "GET /workers?status=busy");
    assert_eq!(
        lines[2],
        format!("GET /tasks/{ID}/logs?limit=1000&level=info&since=2026-11-20T09%3A00%3A00Z")
    );
}

#[tokio::test]
async fn no_control_character_of_the_services_reaches_a_terminal_or_a_pipe() {
    let stub = small_service().await;
    let commands: [&[&str]; 6] = [
        &["get", ID],
        &["list"],
        &["workers"],
        &["logs", ID],
        &["watch", ID],
        &["get", ID, "--json"],
    ];
    for arguments in commands {
        let piped = run(&stub.url, arguments).await;
        let shown = on_terminal(&stub.url, &[("NO_COLOR", "1")], arguments).await;
        for text in [piped.stdout, piped.stderr, shown] {
            let raw = text
                .chars()
                .find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
            // What draws and wipes the line of progress is our own.
            assert!(raw.is_none(), "{arguments:?}: {text:?}");
        }
    }
}

#[tokio::test]
async fn a_terminal_gets_tables_and_colours_unless_it_declines_them() {
    let stub = small_service().await;
    let coloured = on_terminal(&stub.url, &[], &["get", ID]).await;
    assert!(
        coloured.contains("\u{1b}[32mcompleted\u{1b}[0m"),
        "{coloured:?}"
    );
    assert!(coloured.contains("  11  3   75.0 %  "), "{coloured:?}");
    let table = on_terminal(&stub.url, &[], &["workers"]).await;
    assert!(
        table.contains("WORKER") && table.contains("1,200"),
        "{table}"
    );
    for plain in [
        on_terminal(&stub.url, &[("NO_COLOR", "1")], &["get", ID]).await,
        on_terminal(&stub.url, &[], &["get", ID, "--color", "never"]).await,
    ] {
        assert!(
            plain.contains("completed") && !plain.contains('\u{1b}'),
            "{plain:?}"
        );
    }
    let piped = run(&stub.url, &["get", ID, "--color", "always"])
        .await
        .expect(0);
    assert!(
        piped.stdout.contains("\u{1b}[32mcompleted"),
        "{}",
        piped.stdout
    );
}

#[tokio::test]
async fn ctrl_c_while_waiting_tells_how_to_come_back() {
    let running = json!({"task_id": ID, "status": "processing"});
    let stub = Stub::start(move |_, request| {
        let posted = request.line.starts_with("POST");
        answer(if posted { 201 } else { 200 }, &running)
    })
    .await;
    let mut child = qtask(&["submit", "--problem", "p-1", "--wait"])
        .env("QTASK_URL", &stub.url)
        .stderr(Stdio::piped())
        .spawn()
        .expect("qtask starts");
    eventually(DEADLINE, "the client to wait", || async {
        let waits = |request: &crate::support::stub::Request| request.line.contains("wait=");
        stub.requests().iter().any(waits).then_some(())
    })
    .await;
    let pid = i32::try_from(child.id().expect("a running process")).expect("a pid");
    kill(Pid::from_raw(pid), Signal::SIGINT).expect("a running process");
    let mut stderr = child.stderr.take().expect("its errors");
    let mut said = String::new();
    stderr.read_to_string(&mut said).await.expect("text");
    let expected = format!("The task goes on without you. To come back:\n  qtask watch {ID}\n");
    assert_eq!(said, expected);
    let ended = tokio::time::timeout(DEADLINE, child.wait()).await;
    assert_eq!(
        ended.expect("an end in time").expect("its end").code(),
        Some(130)
    );
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_command_without_a_word() {
    let stub = small_service().await;
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = qtask(&["list"])
        .env("QTASK_URL", &stub.url)
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .expect("qtask starts");
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let ended = Ended::from(ended.expect("an end in time").expect("its output"));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(141), ""));
}
