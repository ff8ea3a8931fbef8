//! What a worker says that it can is what it gets: problems, tasks at once, and the length of its lease.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::app::Worker;
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

/// A lease that nothing in a test outlasts.
const LONG: (&str, &str) = ("QTASK_LEASE_DURATION", "1h");

/// A problem with this name.
fn named(name: &str) -> Value {
    problem("lab", &json!({"problem_id": name}))
}

fn supporting(problems: &[&str]) -> Value {
    json!({"capabilities": {"supported_problems": problems}})
}

async fn complete_all(app: &App, puller: &HttpWorker, tasks: &[Value]) {
    for task in tasks {
        puller.complete(app, task).await.expect(200);
    }
}

on_both_queues!(
    a_pull_worker_gets_only_the_problems_that_it_supports,
    a_worker_of_qtask_work_takes_only_the_problems_that_it_names,
    a_pull_worker_never_has_more_tasks_than_it_runs_at_once,
);

async fn a_pull_worker_gets_only_the_problems_that_it_supports(kind: QueueKind) {
    let app = App::builder(kind)
        .env("QTASK_BACKENDS", "lab")
        .env(LONG.0, LONG.1)
        .start()
        .await;
    let picky =
        HttpWorker::register_with(&app, "picky", "lab", &supporting(&["pod_kill-*", "100%"])).await;
    let mut task_ids = Vec::new();
    for name in ["podXkill-1", "100", "pod_kill-1", "100%", "pod_kill"] {
        task_ids.push(app.submit(&named(name)).await);
    }
    let circuit = json!({"backend": "lab", "circuit": "OPENQASM 3; qubit q;"});
    let circuit = app.submit(&circuit).await;
    let claimed = picky.claim(&app, &json!({"max_tasks": 10})).await;
    let got: Vec<_> = claimed.iter().map(id_of).collect();
    assert_eq!(got, [task_ids[2], task_ids[3], circuit]);
    complete_all(&app, &picky, &claimed).await;

    // That it finds nothing says nothing to the others.
    let any = HttpWorker::register(&app, "any", "lab").await;
    let waiting = json!({"max_tasks": 10, "wait": 2});
    let (none, rest) = tokio::join!(picky.claim(&app, &waiting), any.claim(&app, &waiting),);
    assert!(none.is_empty(), "{none:?}");
    assert_eq!(rest.len(), 3);
    complete_all(&app, &any, &rest).await;
    app.finish().await;
}

async fn a_worker_of_qtask_work_takes_only_the_problems_that_it_names(kind: QueueKind) {
    let mut app = App::builder(kind)
        .env("QTASK_BACKENDS", "lab")
        .env(LONG.0, LONG.1)
        .start()
        .await;
    let answer = "lab=sh -c 'cat > /dev/null; echo {\\\"result\\\": 1}'";
    app.start_worker(&Worker::command("picky", answer).args(&["--problem", "a-*,b"]))
        .await;
    let other = app.submit(&named("other")).await;
    for name in ["a-1", "b", "a-2"] {
        let task_id = app.submit(&named(name)).await;
        app.wait_status(task_id, "completed").await;
    }
    assert_eq!(app.database.statuses(other).await, ["pending"]);
    let capabilities = app.get("/workers/picky").await.expect(200)["capabilities"].clone();
    assert_eq!(capabilities["supported_problems"], json!(["a-*", "b"]));
    app.start_worker(&Worker::command("any", answer)).await;
    app.wait_status(other, "completed").await;
    app.finish().await;
}

async fn a_pull_worker_never_has_more_tasks_than_it_runs_at_once(kind: QueueKind) {
    let app = App::builder(kind)
        .env("QTASK_BACKENDS", "lab")
        .env(LONG.0, LONG.1)
        .apis(2)
        .start()
        .await;
    let slots = json!({"capabilities": {"max_parallel_tasks": 3}});
    let puller = HttpWorker::register_with(&app, "p", "lab", &slots).await;
    for _ in 0..12 {
        app.submit(&named("x")).await;
    }
    // All at once, over both APIs.
    let claims = (0..8).map(|n| {
        let (app, puller) = (&app, &puller);
        async move {
            let request = crate::support::client::http_client()
                .post(app.url(n % 2, "/workers/p/claim"))
                .json(&json!({"session_id": puller.session, "max_tasks": 2}));
            let answer: Value = request
                .send()
                .await
                .expect("an answer")
                .json()
                .await
                .expect("JSON");
            answer["tasks"].as_array().expect("tasks").clone()
        }
    });
    let claimed: Vec<Value> = futures_util::future::join_all(claims).await.concat();
    assert!((1..=3).contains(&claimed.len()), "{claimed:?}");
    let more = puller.claim(&app, &json!({"max_tasks": 10})).await;
    assert_eq!(claimed.len() + more.len(), 3);
    assert!(
        puller
            .claim(&app, &json!({"max_tasks": 10}))
            .await
            .is_empty()
    );
    // A free slot is filled again, also for a claim that waits.
    let waiting = json!({"max_tasks": 10, "wait": 20});
    let (next, _) = tokio::join!(
        puller.claim(&app, &waiting),
        puller.complete(&app, claimed.first().expect("one")),
    );
    assert_eq!(next.len(), 1);
    complete_all(&app, &puller, &claimed[1..]).await;
    complete_all(&app, &puller, &more).await;
    complete_all(&app, &puller, &next).await;
}

#[tokio::test]
async fn limits_that_say_nothing_are_refused() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let refused = async |fields: Value| {
        let mut body = json!({"worker_id": "w", "backends": ["lab"]});
        for (field, value) in fields.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        let answer = app.post("/workers/register", &body).await.expect(422);
        let errors = answer["errors"].as_object().cloned().unwrap_or_default();
        errors
            .into_iter()
            .map(|(field, _)| field)
            .collect::<Vec<_>>()
    };
    let problems = "capabilities.supported_problems";
    assert_eq!(refused(supporting(&[])).await, [problems]);
    assert_eq!(
        refused(supporting(&["a", ""])).await,
        [format!("{problems}[1]")]
    );
    let text = json!({"capabilities": {"supported_problems": "all"}});
    assert_eq!(refused(text).await, [problems]);
    for seconds in [0.5, 600.5] {
        assert_eq!(
            refused(json!({"lease_seconds": seconds})).await,
            ["lease_seconds"]
        );
    }
    app.finish().await;
}

fn example(app: &App, arguments: &[&str]) -> Child {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/pull_worker.py");
    Command::new("python3")
        .args([
            script,
            "--url",
            &app.url(0, ""),
            "--name",
            "snake",
            "--backend",
            "lab",
        ])
        .args(arguments)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("python3, which this test needs")
}

#[tokio::test]
async fn a_long_lease_outlasts_an_api_that_is_away() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_BACKENDS", "lab")
        .apis(2)
        .start()
        .await;
    let _worker = example(&app, &["--lease", "120", "--stop-grace", "7"]);
    let shown = eventually(DEADLINE, "the worker is registered", || async {
        let answer = app.get("/workers/snake").await;
        (answer.status == 200).then_some(answer.body)
    })
    .await;
    assert_eq!(shown["lease_seconds"], 120.0);
    assert_eq!(shown["capabilities"]["stop_grace_seconds"], 7.0);
    let task_id = app
        .submit(&problem("lab", &json!({"agent_config": {"seconds": 12}})))
        .await;
    app.wait_status(task_id, "processing").await;
    // The API that the worker speaks to is away for several of the service's leases; the other one sweeps on.
    app.apis[0].pause().await;
    let silent =
        "SELECT count(*) FROM workers WHERE last_heartbeat_at < clock_timestamp() - interval '7 s'";
    eventually(DEADLINE, "silence", || async {
        (app.database.count(silent, &[]).await == 1).then_some(())
    })
    .await;
    app.apis[0].resume();
    let done = app.wait_status(task_id, "completed").await;
    assert_eq!(done["attempt"], 1);
}

#[tokio::test]
async fn the_example_of_a_pull_worker_says_a_code_and_that_it_is_final() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_BACKENDS", "lab")
        .env("QTASK_RETRY_DELAY", "100ms")
        .start()
        .await;
    let _worker = example(&app, &[]);
    let ended = async |fail: Value| {
        let config = json!({"agent_config": {"fail": fail}, "max_attempts": 2});
        let task_id = app.submit(&problem("lab", &config)).await;
        app.wait_status(task_id, "failed").await
    };
    let done = ended(json!({"code": "unknown_problem", "message": "no such problem"})).await;
    assert_eq!(
        (
            &done["error_code"],
            &done["error_message"],
            &done["attempt"]
        ),
        (
            &json!("unknown_problem"),
            &json!("no such problem"),
            &json!(1)
        )
    );
    let blamed = json!({"code": "no_cluster", "message": "m", "retry": true, "blame": "worker"});
    let done = ended(blamed).await;
    assert_eq!(
        (&done["error_code"], &done["attempt"]),
        (&json!("no_cluster"), &json!(2))
    );
    let row = app
        .database
        .task(serde_json::from_value(done["task_id"].clone()).expect("an id"))
        .await;
    assert_eq!(row["blamed_workers"], json!(["snake"]));
}
