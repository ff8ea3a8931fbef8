//! The registry of workers over HTTP: every call, and every answer that it can give.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::client::{Reply, send};
use crate::support::contract::Contract;
use crate::support::http_worker::{HttpWorker, id_of, problem};
use crate::support::mocks::{claimed, created, lost, moved};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues};

async fn start() -> App {
    App::builder(QueueKind::Postgres).start().await
}

fn named(errors: &Value) -> Vec<&str> {
    let errors = errors["errors"].as_object().expect("errors");
    errors.keys().map(String::as_str).collect()
}

async fn raw(app: &App, path: &str, kind: &str, body: String) -> Reply {
    let request = app.request(Method::POST, path).header("content-type", kind);
    send(request.body(body)).await.expect("an answer")
}

fn names(answer: &Value, list: &str, field: &str) -> Vec<String> {
    let all = answer[list].as_array().expect("a list").iter();
    all.map(|one| one[field].as_str().expect("a name").to_owned())
        .collect()
}

on_both_queues!(
    a_registered_worker_is_told_its_times_and_shown_in_the_registry,
    a_worker_registered_again_under_its_name_releases_its_old_tasks_at_once,
    a_worker_that_falls_silent_is_offline_and_its_task_goes_to_another,
    a_native_worker_told_to_drain_finishes_its_task_and_takes_no_more_until_let,
);

async fn a_registered_worker_is_told_its_times_and_shown_in_the_registry(kind: QueueKind) {
    let app = App::builder(kind).start().await;
    let body = json!({"worker_id": "lab-1", "backends": ["aiopslab", "other"], "metadata": {"host": "h"},
                      "capabilities": {"max_parallel_tasks": 2, "gpu": true}});
    let reply = Contract::of(&app)
        .await
        .post("/workers/register", &body)
        .await;
    assert_eq!(reply.headers["location"], "/workers/lab-1");
    let registered = reply.expect(201);
    let times = (
        &registered["heartbeat_seconds"],
        &registered["lease_seconds"],
    );
    assert_eq!(times, (&json!(0.5), &json!(2.0)));
    assert_eq!(
        (&registered["worker_id"], &registered["status"]),
        (&json!("lab-1"), &json!("idle"))
    );

    let worker = Contract::of(&app)
        .await
        .get("/workers/lab-1")
        .await
        .expect(200);
    let shown = json!({"worker_id": "lab-1", "session_id": registered["session_id"], "draining": false,
                       "backends": ["aiopslab", "other"], "capabilities": body["capabilities"],
                       "metadata": {"host": "h"}, "current_tasks": [], "tasks_completed": 0, "tasks_failed": 0});
    for (field, value) in shown.as_object().expect("fields") {
        assert_eq!(&worker[field], value, "{field}");
    }
    let list = Contract::of(&app).await.get("/workers").await.expect(200);
    assert_eq!(names(&list, "workers", "worker_id"), ["lab-1"]);
}

async fn a_worker_registered_again_under_its_name_releases_its_old_tasks_at_once(kind: QueueKind) {
    let app = App::builder(kind)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let first = HttpWorker::register(&app, "w", "b").await;
    app.submit(&problem("b", &json!({}))).await;
    let task = first.claim_one(&app).await;

    let again = json!({"worker_id": "w", "backends": ["b"]});
    assert_eq!(
        app.post("/workers/register", &again)
            .await
            .expect_problem(409),
        "worker_name_in_use"
    );
    let second = HttpWorker::register_with(&app, "w", "b", &json!({"replace": true})).await;
    // Nothing but the name can have released it: the lease lasts for an hour.
    assert_eq!(second.claim_one(&app).await["attempt"], 2);
    let history = [
        created(),
        claimed(1, "w"),
        lost("retrying", 1, "w"),
        claimed(2, "w"),
    ];
    assert_eq!(app.database.history(id_of(&task)).await, history);

    assert_eq!(
        first.beat(&app, &[]).await.expect_problem(409),
        "session_replaced"
    );
    assert_eq!(
        first.ask(&app, &json!({})).await.expect_problem(409),
        "session_replaced"
    );
    assert_eq!(
        first.complete(&app, &task).await.expect_problem(409),
        "lease_lost"
    );
    app.abandon_work();
}

async fn a_worker_that_falls_silent_is_offline_and_its_task_goes_to_another(kind: QueueKind) {
    let app = App::builder(kind).start().await;
    let silent = HttpWorker::register(&app, "silent", "b").await;
    app.submit(&problem("b", &json!({}))).await;
    let task = silent.claim_one(&app).await;
    assert_eq!(silent.view(&app).await["status"], "busy");
    let offline = || async {
        let view = silent.view(&app).await;
        (view["status"] == "offline").then_some(())
    };
    eventually(DEADLINE, "the silent worker is offline", offline).await;
    let other = HttpWorker::register(&app, "other", "b").await;
    assert_eq!(other.claim_one(&app).await["task_id"], task["task_id"]);

    let line = json!({"logs": [{"message": "late"}]});
    assert_eq!(
        silent
            .write(&app, &task, "logs", &line)
            .await
            .expect_problem(409),
        "lease_lost"
    );
    assert_eq!(
        silent.complete(&app, &task).await.expect_problem(409),
        "lease_lost"
    );
    assert_eq!(
        silent.beat(&app, &[]).await.expect_problem(409),
        "session_ended"
    );
    assert_eq!(
        silent.ask(&app, &json!({})).await.expect_problem(409),
        "session_ended"
    );
    let history = app.database.history(id_of(&task)).await;
    assert_eq!(
        history[..3],
        [
            created(),
            claimed(1, "silent"),
            lost("retrying", 1, "silent")
        ]
    );
    let lines = app
        .database
        .count("SELECT count(*) FROM task_logs", &[])
        .await;
    assert_eq!(lines, 0);
    app.abandon_work();
}

async fn a_native_worker_told_to_drain_finishes_its_task_and_takes_no_more_until_let(
    kind: QueueKind,
) {
    let worker = Worker::new("w", "mock");
    let app = App::builder(kind).worker(worker).start().await;
    let running = app.submit(&crate::support::mocks::mock("sleep 2s")).await;
    app.workers[0]
        .wait_for_field("task.claimed", "task_id", &running.to_string())
        .await;
    let drained = app.post("/workers/w/drain", &json!({})).await.expect(200);
    assert_eq!(
        (&drained["draining"], &drained["status"]),
        (&json!(true), &json!("busy"))
    );
    let told = || async {
        let view = app.get("/workers/w").await.body;
        view["not_ready_reason"]
            .as_str()
            .is_some_and(|text| text.starts_with("draining"))
            .then_some(())
    };
    eventually(DEADLINE, "the worker knows that it is to drain", told).await;
    let waiting = app.submit(&crate::support::mocks::mock("")).await;
    assert_eq!(
        app.wait_terminal(running, DEADLINE).await["status"],
        "completed"
    );
    let idle = || async { (app.get("/workers/w").await.body["status"] == "idle").then_some(()) };
    eventually(DEADLINE, "the worker has nothing in its hands", idle).await;
    assert_eq!(app.task(waiting).await["status"], "pending");

    let now = "SELECT extract(epoch FROM clock_timestamp())::double precision";
    let before: f64 = app
        .database
        .connect()
        .await
        .query_one(now, &[])
        .await
        .expect("the time")
        .get(0);
    let let_go = app
        .post("/workers/w/drain", &json!({"draining": false}))
        .await
        .expect(200);
    assert_eq!(let_go["draining"], false);
    assert_eq!(
        app.wait_terminal(waiting, DEADLINE).await["status"],
        "completed"
    );
    let after = "SELECT count(*) FROM tasks WHERE task_id = $1 AND attempt = 1 AND started_at > to_timestamp($2)";
    assert_eq!(app.database.count(after, &[&waiting, &before]).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn what_a_worker_sends_is_refused_with_everything_that_is_wrong() {
    let app = start().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let refused = [
        (
            "/workers/register",
            json!({}),
            vec!["backends", "worker_id"],
        ),
        (
            "/workers/register",
            json!({"worker_id": "a b", "backends": ["ok", "no/"], "capabilities": {"max_parallel_tasks": "x"},
                                     "metadata": {"big": "x".repeat(5 << 10)}}),
            vec![
                "backends[1]",
                "capabilities.max_parallel_tasks",
                "metadata",
                "worker_id",
            ],
        ),
        (
            "/workers/register",
            json!({"worker_id": "x", "backends": ["b"], "colour": 1}),
            vec!["colour"],
        ),
        (
            "/workers/register",
            json!({"worker_id": "x", "backends": vec!["b"; 33]}),
            vec!["backends"],
        ),
        (
            "/workers/heartbeat",
            json!({}),
            vec!["session_id", "worker_id"],
        ),
        (
            "/workers/heartbeat",
            json!({"worker_id": "w", "session_id": "no"}),
            vec!["session_id"],
        ),
        (
            "/workers/w/claim",
            json!({"max_tasks": 101, "wait": 61}),
            vec!["max_tasks", "session_id", "wait"],
        ),
        (
            "/workers/w/claim",
            json!({"session_id": w.session, "max_tasks": 0, "wait": -1}),
            vec!["max_tasks", "wait"],
        ),
        (
            "/workers/w/drain",
            json!({"draining": "yes"}),
            vec!["draining"],
        ),
        ("/workers/w/drain", json!({"drain": true}), vec!["drain"]),
    ];
    let api = Contract::of(&app).await;
    for (path, body, fields) in refused {
        let answer = api.post(path, &body).await.expect(422);
        assert_eq!(named(&answer), fields, "{path} {body}");
    }
    for path in [
        "/workers/register",
        "/workers/heartbeat",
        "/workers/w/claim",
        "/workers/w/drain",
    ] {
        let broken = raw(&app, path, "application/json", "{".to_owned()).await;
        assert_eq!(broken.expect_problem(400), "invalid_json", "{path}");
        let text = raw(&app, path, "text/plain", "{}".to_owned()).await;
        assert_eq!(text.expect_problem(415), "unsupported_media_type", "{path}");
        let huge = raw(&app, path, "application/json", "x".repeat(20 << 20)).await;
        assert_eq!(huge.expect_problem(413), "payload_too_large", "{path}");
        let got = send(app.request(Method::PUT, path))
            .await
            .expect("an answer");
        assert_eq!(got.expect_problem(405), "method_not_allowed", "{path}");
    }
    assert_eq!(app.get("/workers/w").await.expect(200)["draining"], false);
}

#[tokio::test]
async fn a_worker_that_is_not_there_is_not_found() {
    let app = start().await;
    let api = Contract::of(&app).await;
    let nobody = HttpWorker {
        name: "nobody".to_owned(),
        session: Uuid::now_v7(),
    };
    let replies = [
        nobody.beat(&app, &[]).await,
        nobody.ask(&app, &json!({})).await,
        api.post("/workers/nobody/drain", &json!({})).await,
        api.get("/workers/nobody").await,
        api.get("/workers/no%00body").await,
        app.get("/workers/%2e%2e%2f").await,
    ];
    for reply in replies {
        assert_eq!(reply.expect_problem(404), "worker_not_found");
    }
}

#[tokio::test]
async fn a_drain_may_come_without_a_body_and_an_http_worker_then_gets_nothing() {
    let app = start().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    let request = app.request(Method::POST, "/workers/w/drain");
    let drained = send(request).await.expect("an answer").expect(200);
    assert_eq!(
        (&drained["draining"], &drained["status"]),
        (&json!(true), &json!("idle"))
    );
    let api = Contract::of(&app).await;
    let again = api.post("/workers/w/drain", &Value::Null).await;
    assert_eq!(again.expect(200)["draining"], true);
    let nothing = api.post("/workers/w/drain", &json!([])).await;
    assert_eq!(nothing.expect_problem(400), "invalid_json");
    app.submit(&problem("b", &json!({}))).await;
    assert_eq!(w.beat(&app, &[]).await.expect(200)["draining"], true);
    assert!(w.claim(&app, &json!({"wait": 0.3})).await.is_empty());
    app.post("/workers/w/drain", &json!({"draining": false}))
        .await
        .expect(200);
    assert_eq!(w.beat(&app, &[]).await.expect(200)["draining"], false);
    w.claim_one(&app).await;
    // A new session takes tasks, whatever the old one was told.
    app.post("/workers/w/drain", &json!({})).await.expect(200);
    let again = HttpWorker::register_with(&app, "w", "b", &json!({"replace": true})).await;
    assert_eq!(again.view(&app).await["draining"], false);
}

#[tokio::test]
async fn workers_are_listed_by_name_as_asked_for() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    for (name, backend) in [("c", "x"), ("a", "x"), ("b", "y")] {
        HttpWorker::register(&app, name, backend).await;
    }
    let busy = HttpWorker::register(&app, "busy", "y").await;
    app.submit(&problem("y", &json!({}))).await;
    let task = busy.claim_one(&app).await;
    app.database
        .execute(
            "UPDATE workers SET ended_at = clock_timestamp() WHERE worker_id = 'c'",
            &[],
        )
        .await;
    let listed =
        async |query: &str| names(&app.get(query).await.expect(200), "workers", "worker_id");
    assert_eq!(listed("/workers").await, ["a", "b", "busy", "c"]);
    assert_eq!(listed("/workers?backend=y").await, ["b", "busy"]);
    assert_eq!(listed("/workers?status=busy").await, ["busy"]);
    assert_eq!(
        listed("/workers?status=offline&status=idle&backend=x").await,
        ["a", "c"]
    );
    assert_eq!(
        busy.view(&app).await["current_tasks"],
        json!([task["task_id"]])
    );
    let wrong = app
        .get("/workers?status=gone&backend=a%2Fb&colour=red&limit=1001&cursor=%20")
        .await
        .expect(422);
    let wrong = named(&wrong);
    assert_eq!(wrong, ["backend", "colour", "cursor", "limit", "status"]);
    app.abandon_work();
}

/// Names in the registry, as many as it may have but for `room`.
async fn fill_registry(app: &App, room: i32) {
    let names = "INSERT INTO workers (worker_id, session_id, backends, lease_ms)
                 SELECT 'w' || n, gen_random_uuid(), '{b}', 3600000 FROM generate_series(1, 10000 - $1::integer) AS n";
    app.database.execute(names, &[&room]).await;
}

#[tokio::test]
async fn workers_are_listed_page_by_page_and_each_once() {
    let app = start().await;
    fill_registry(&app, 0).await;
    let first = app.get("/workers").await.expect(200);
    assert_eq!(names(&first, "workers", "worker_id").len(), 100);
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/workers?limit=999&status=idle{cursor}");
        let page = app.get(&path).await.expect(200);
        all.extend(names(&page, "workers", "worker_id"));
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        assert_eq!(all.last().map(String::as_str), Some(next));
        cursor = format!("&cursor={next}");
    }
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 10_000);
    // A page that is just full is the last one if nothing comes after it.
    let last = app
        .get("/workers?limit=1000&backend=none")
        .await
        .expect(200);
    assert_eq!(last, json!({"workers": [], "next_cursor": null}));
}

#[tokio::test]
async fn a_full_registry_takes_no_new_name_and_keeps_those_that_it_has() {
    let app = start().await;
    fill_registry(&app, 1).await;
    HttpWorker::register(&app, "last", "b").await;
    let one_more = json!({"worker_id": "new", "backends": ["b"]});
    let refused = app.post("/workers/register", &one_more).await;
    assert_eq!(refused.expect_problem(503), "too_many_workers");
    HttpWorker::register_with(&app, "last", "b", &json!({"replace": true})).await;
    let taken = json!({"worker_id": "w1", "backends": ["b"]});
    let refused = app.post("/workers/register", &taken).await;
    assert_eq!(refused.expect_problem(409), "worker_name_in_use");
    app.database
        .execute("DELETE FROM workers WHERE worker_id = 'w1'", &[])
        .await;
    HttpWorker::register(&app, "new", "b").await;
}

#[tokio::test]
async fn a_backend_is_known_at_once_in_every_process_when_its_worker_has_registered() {
    let app = App::builder(QueueKind::Postgres).apis(2).start().await;
    for round in 0..3 {
        let backend = format!("new-{round}");
        let task = problem(&backend, &json!({}));
        let elsewhere = crate::support::client::http_client()
            .post(app.url(1, "/tasks"))
            .json(&task);
        let before = send(elsewhere.try_clone().expect("a request"))
            .await
            .expect("an answer");
        assert_eq!(before.expect_problem(422), "validation_failed");
        HttpWorker::register(&app, &format!("w{round}"), &backend).await;
        app.submit(&task).await;
        send(elsewhere).await.expect("an answer").expect(201);
    }
}

#[tokio::test]
async fn each_backend_says_what_waits_what_runs_and_how_long_it_takes() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let slots = json!({"capabilities": {"max_parallel_tasks": 2}});
    let w = HttpWorker::register_with(&app, "w", "b", &slots).await;
    let of = async |name: &str| {
        let answer = Contract::of(&app).await.get("/backends").await.expect(200);
        let all = answer["backends"].as_array().expect("backends").clone();
        all.into_iter()
            .find(|backend| backend["backend"] == name)
            .expect("the backend")
    };
    let unknown = json!({"backend": "b", "workers_online": 1, "waiting": 0, "waiting_exact": true, "running": 0,
                         "oldest_wait_seconds": null, "median_run_seconds": null, "estimated_wait_seconds": null});
    assert_eq!(of("b").await, unknown);
    // Configured, and served by nobody.
    assert_eq!(of("simulator").await["workers_online"], 0);

    // Three results, of 1, 3 and 5 seconds.
    let done = "INSERT INTO tasks (task_id, backend, problem_id, timeout_seconds, max_attempts, attempt, current_status,
                                   started_at, completed_at, result, correlation_id)
                SELECT gen_random_uuid(), 'b', 'p', 60, 1, 1, 'completed', now() - s * interval '1 second', now(), '{}', 'c'
                FROM unnest(ARRAY[1, 5, 3]) AS s";
    app.database.execute(done, &[]).await;
    for _ in 0..5 {
        app.submit(&problem("b", &json!({}))).await;
    }
    w.claim_one(&app).await;
    let busy = of("b").await;
    assert_eq!((&busy["waiting"], &busy["running"]), (&json!(4), &json!(1)));
    assert_eq!(busy["median_run_seconds"], 3.0);
    assert_eq!(busy["estimated_wait_seconds"], 6.0);
    assert!(
        busy["oldest_wait_seconds"]
            .as_f64()
            .is_some_and(|wait| (0.0..60.0).contains(&wait))
    );

    app.post("/workers/w/drain", &json!({})).await.expect(200);
    let drained = of("b").await;
    assert_eq!(
        (
            &drained["workers_online"],
            &drained["estimated_wait_seconds"]
        ),
        (&json!(1), &Value::Null)
    );
    app.database
        .execute("UPDATE workers SET ended_at = clock_timestamp()", &[])
        .await;
    assert_eq!(of("b").await["workers_online"], 0);
    app.abandon_work();
}

#[tokio::test]
async fn a_long_line_is_counted_no_further_than_it_is_of_use() {
    let app = start().await;
    let many = "INSERT INTO tasks (task_id, backend, problem_id, timeout_seconds, max_attempts, available_at, queue_rank, correlation_id)
                SELECT gen_random_uuid(), 'b', 'p', 60, 1, now(), now() + n * interval '1 second', 'c'
                FROM generate_series(1, $1::integer) AS n";
    app.database.execute(many, &[&10_000]).await;
    let counted = async || {
        let answer = Contract::of(&app).await.get("/backends").await.expect(200);
        let all = answer["backends"].as_array().expect("backends").clone();
        let found = all
            .into_iter()
            .find(|backend| backend["backend"] == "b")
            .expect("b");
        (found["waiting"].clone(), found["waiting_exact"].clone())
    };
    assert_eq!(counted().await, (json!(10_000), json!(true)));
    app.database.execute(many, &[&1]).await;
    assert_eq!(counted().await, (json!(10_000), json!(false)));

    let nth = "SELECT task_id FROM tasks ORDER BY queue_rank, task_id OFFSET $1 LIMIT 1";
    let client = app.database.connect().await;
    for (offset, position, exact) in [
        (0_i64, 1, true),
        (999, 1_000, true),
        (1_000, 1_001, false),
        (9_000, 1_001, false),
    ] {
        let task_id: Uuid = client
            .query_one(nth, &[&offset])
            .await
            .expect("a task")
            .get(0);
        let place = json!({"position": position, "exact": exact});
        assert_eq!(app.task(task_id).await["queue"], place, "{offset}");
    }
}

#[tokio::test]
async fn a_task_in_line_moves_up_and_has_no_place_once_it_runs() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    let w = HttpWorker::register(&app, "w", "b").await;
    HttpWorker::register(&app, "other", "c").await;
    app.submit(&problem("c", &json!({}))).await;
    let first = app.submit(&problem("b", &json!({}))).await;
    let second = app.submit(&problem("b", &json!({}))).await;
    let urgent = app.submit(&problem("b", &json!({"priority": 6}))).await;
    let place = async |task_id| app.task(task_id).await["queue"]["position"].clone();
    assert_eq!(
        (place(urgent).await, place(first).await, place(second).await),
        (json!(1), json!(2), json!(3))
    );
    assert_eq!(id_of(&w.claim_one(&app).await), urgent);
    assert_eq!(
        (place(urgent).await, place(first).await, place(second).await),
        (Value::Null, json!(1), json!(2))
    );
    app.abandon_work();
}

#[tokio::test]
async fn a_worker_that_ended_long_ago_is_forgotten_unless_it_owns_something() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_LEASE_DURATION", "1h")
        .start()
        .await;
    for name in ["long-ago", "lately", "alive"] {
        HttpWorker::register(&app, name, "b").await;
    }
    let end = "UPDATE workers SET ended_at = clock_timestamp() - $2 * interval '1 day' WHERE worker_id = $1";
    app.database.execute(end, &[&"lately", &6.0_f64]).await;
    app.database.execute(end, &[&"long-ago", &8.0_f64]).await;
    let forgotten = || async { (app.get("/workers/long-ago").await.status == 404).then_some(()) };
    eventually(DEADLINE, "the worker is forgotten", forgotten).await;
    let list = Contract::of(&app).await.get("/workers").await.expect(200);
    assert_eq!(names(&list, "workers", "worker_id"), ["alive", "lately"]);
}

#[tokio::test]
async fn a_heartbeat_says_what_is_lost_and_hands_back_what_is_never_named() {
    let app = start().await;
    let w = HttpWorker::register(&app, "w", "b").await;
    app.submit(&problem("b", &json!({}))).await;
    let task = id_of(&w.claim_one(&app).await);
    let stranger = Uuid::now_v7();
    let answer = w.beat(&app, &[task, stranger]).await.expect(200);
    let expected = json!({"acknowledged": true, "cancel": [], "lost": [stranger], "draining": false,
                          "quarantined": false});
    assert_eq!(answer, expected);

    // Its claim was answered, and it does not know of it: after a lease, the task is given back.
    let given_back = || async {
        let told = w.beat(&app, &[]).await.expect(200);
        assert_eq!(told["lost"], json!([]));
        (app.task(task).await["status"] == "retrying").then_some(())
    };
    eventually(
        DEADLINE,
        "the task that nobody names is given back",
        given_back,
    )
    .await;
    let note = "Handed back: the answer to the claim was lost";
    let history = [created(), claimed(1, "w"), moved("retrying", 1, "w", note)];
    assert_eq!(app.database.history(task).await, history);
    let counted = app.database.task(task).await;
    assert_eq!(counted["uncounted_attempts"], 1);
}
