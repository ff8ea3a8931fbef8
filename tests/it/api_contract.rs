//! The API as clients know it: shapes, headers, idempotency, pages, and the document that describes it all.

use std::collections::BTreeSet;

use amqprs::channel::BasicGetArguments;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::answers::{header, id_of, keys, text};
use crate::support::app::Worker;
use crate::support::client::{Reply, send};
use crate::support::contract::assert_described;
use crate::support::json_schema::{Schemas, assert_time};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, on_both_queues, queue};

const BELL: &str = "OPENQASM 3; qubit[2] q; h q[0]; cx q[0], q[1]; measure q;";

/// The fields of a task in a list before it was first claimed.
const WAITING: [&str; 15] = [
    "attempt",
    "available_at",
    "backend",
    "correlation_id",
    "kind",
    "max_attempts",
    "metadata",
    "priority",
    "project",
    "shots",
    "status",
    "submitted_at",
    "tags",
    "task_id",
    "timeout_seconds",
];

async fn post_with(app: &App, api: usize, headers: &[(&str, &str)], body: &Value) -> Reply {
    let client = crate::support::client::http_client();
    let mut request = client
        .post(app.url(api, "/tasks"))
        .json(body)
        .timeout(DEADLINE);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request).await.expect("an answer")
}

on_both_queues!(
    a_submission_is_answered_with_201_a_location_and_the_documented_fields,
    a_completed_circuit_reads_exactly_as_documented,
    a_correlation_id_goes_from_the_request_to_the_workers_log,
    the_same_key_and_body_give_the_same_task_and_another_body_409,
    the_same_key_from_many_clients_at_once_gives_one_task,
    of_different_bodies_under_one_key_at_once_one_wins_and_the_rest_get_409,
    the_health_of_a_whole_service_has_exactly_the_documented_fields,
);

async fn a_submission_is_answered_with_201_a_location_and_the_documented_fields(kind: QueueKind) {
    let app = App::builder(kind).start().await;
    let reply = app
        .post("/tasks", &json!({"circuit": BELL, "shots": 1024}))
        .await;
    assert_eq!(header(&reply.headers, "content-type"), "application/json");
    let location = header(&reply.headers, "location").to_owned();
    let correlation_id = header(&reply.headers, "x-correlation-id").to_owned();
    let body = reply.expect(201);
    let expected = [
        "correlation_id",
        "message",
        "status",
        "submitted_at",
        "task_id",
    ];
    assert_eq!(keys(&body), BTreeSet::from(expected));
    assert_eq!(body["status"], "pending");
    assert_eq!(body["message"], "Task submitted successfully.");
    assert_eq!(body["correlation_id"], correlation_id.as_str());
    assert_time(&body["submitted_at"]);
    let id = id_of(&body);
    assert_eq!(id.get_version_num(), 7);
    assert_eq!(location, format!("/tasks/{id}"));
    let task = app.get(&location).await.expect(200);
    assert_eq!(task["submitted_at"], body["submitted_at"]);
    let history = app.database.history(id).await;
    assert_eq!(history.len(), 1);
    let first = &history[0];
    assert_eq!((first.status.as_str(), first.attempt), ("pending", 0));
    assert_eq!(first.notes.as_deref(), Some("Task created"));
}

async fn a_completed_circuit_reads_exactly_as_documented(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let body = json!({"circuit": BELL, "shots": 1024, "seed": 7, "metadata": {"mine": [1, null]}});
    let id = app.submit(&body).await;
    let task = app.wait_status(id, "completed").await;
    let expected = [
        "attempt",
        "backend",
        "completed_at",
        "correlation_id",
        "execution",
        "kind",
        "max_attempts",
        "metadata",
        "priority",
        "project",
        "result",
        "seed",
        "shots",
        "started_at",
        "status",
        "status_history",
        "submitted_at",
        "tags",
        "task_id",
        "timeout_seconds",
        "worker_id",
    ];
    assert_eq!(keys(&task), BTreeSet::from(expected));
    for time in ["submitted_at", "started_at", "completed_at"] {
        assert_time(&task[time]);
    }
    let fixed = json!({"kind": "circuit", "tags": [], "worker_id": "w", "backend": "simulator", "shots": 1024, "priority": 5, "attempt": 1, "max_attempts": 3,
                       "timeout_seconds": 300, "metadata": {"mine": [1, null]}});
    for (field, value) in fixed.as_object().expect("fields") {
        assert_eq!(&task[field], value, "{field}");
    }
    assert_eq!(keys(&task["result"]), BTreeSet::from(["00", "11"]));
    let counts = [&task["result"]["00"], &task["result"]["11"]]
        .map(|count| count.as_i64().expect("a count"));
    assert_eq!(counts.iter().sum::<i64>(), 1024);
    let execution = &task["execution"];
    let known = [
        "bit_order",
        "executed_ms",
        "method",
        "qubits",
        "queued_ms",
        "registers",
        "seed",
    ];
    assert_eq!(keys(execution), BTreeSet::from(known));
    assert_eq!(
        (&execution["qubits"], &execution["seed"]),
        (&json!(2), &json!(7))
    );
    assert!(
        execution["queued_ms"].is_u64() && execution["executed_ms"].is_u64(),
        "{execution}"
    );

    let history = task["status_history"].as_array().expect("a history");
    let told: Vec<_> = history
        .iter()
        .map(|entry| {
            (
                text(entry, "status"),
                entry["attempt"].as_i64(),
                text(entry, "notes"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("pending", Some(0), "Task created"),
            ("processing", Some(1), "Worker started processing"),
            ("completed", Some(1), "Task completed successfully"),
        ]
    );
    for (at, entry) in history.iter().enumerate() {
        assert_time(&entry["transitioned_at"]);
        let worker = if at == 0 { Value::Null } else { json!("w") };
        assert_eq!(entry["worker_id"], worker);
    }
    let times: Vec<&str> = history
        .iter()
        .map(|entry| text(entry, "transitioned_at"))
        .collect();
    assert!(times.is_sorted(), "{times:?}");

    let again = app.submit(&body).await;
    assert_eq!(
        app.wait_status(again, "completed").await["result"],
        task["result"],
        "the same seed"
    );
    app.finish().await;
}

#[tokio::test]
async fn the_outcome_of_each_shot_is_kept_where_it_was_asked_for() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let id = app
        .submit(&json!({"circuit": BELL, "shots": 100, "memory": true}))
        .await;
    let task = app.wait_status(id, "completed").await;
    let memory = task["execution"]["memory"].as_object().expect("registers");
    let [(_, register)] = &memory.iter().collect::<Vec<_>>()[..] else {
        panic!("one register: {memory:?}");
    };
    assert_eq!(register["num_bits"], 2);
    let samples = register["samples"].as_array().expect("samples");
    assert_eq!(samples.len(), 100);
    for (sample, outcome) in [("0x0", "00"), ("0x3", "11")] {
        let seen = samples.iter().filter(|shot| *shot == sample).count();
        let counted = task["result"][outcome].as_u64().unwrap_or(0);
        assert_eq!(seen as u64, counted, "{outcome}");
    }
    app.finish().await;
}

#[tokio::test]
async fn exact_values_come_beside_the_counts_where_they_were_asked_for() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let exact = json!({"circuit": BELL, "shots": 1, "probabilities": true, "statevector": true});
    let wide = json!({"circuit": "OPENQASM 3; qubit[17] q; h q;", "shots": 1, "statevector": true});
    let (exact, wide) = (app.submit(&exact).await, app.submit(&wide).await);

    let execution = app.wait_status(exact, "completed").await["execution"].take();
    let near =
        |value: &Value, wanted: f64| (value.as_f64().expect("a number") - wanted).abs() < 1e-12;
    let probabilities = execution["probabilities"]
        .as_object()
        .expect("probabilities");
    assert_eq!(probabilities.len(), 2, "{execution}");
    assert!(near(&probabilities["00"], 0.5) && near(&probabilities["11"], 0.5));
    let amplitudes = execution["statevector"].as_array().expect("amplitudes");
    assert_eq!(amplitudes.len(), 4, "{execution}");
    assert!(near(&amplitudes[3][0], 0.5_f64.sqrt()) && near(&amplitudes[3][1], 0.0));
    assert!(execution.get("notes").is_none(), "{execution}");

    let execution = app.wait_status(wide, "completed").await["execution"].take();
    assert!(execution.get("statevector").is_none(), "{execution}");
    let note = execution["notes"][0].as_str().expect("a note");
    assert!(note.contains("declares 17 qubits"), "{note}");
    app.finish().await;
}

#[tokio::test]
async fn a_failed_circuit_says_why_and_where_and_has_no_result() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let id = app
        .submit(&json!({"circuit": "OPENQASM 3;\nqubit q;\nfoo q;"}))
        .await;
    let task = app.wait_status(id, "failed").await;
    let known = keys(&task);
    assert!(
        !known.contains("result") && !known.contains("execution"),
        "{task}"
    );
    assert_eq!(task["error_code"], "invalid_circuit");
    let message = text(&task, "error_message");
    assert!(message.starts_with("line 3, column 1: "), "{message}");
    assert!(message.contains("foo"), "{message}");
    assert_time(&task["completed_at"]);
    let last = task["status_history"]
        .as_array()
        .expect("a history")
        .last()
        .expect("an entry")
        .clone();
    assert_eq!(last["status"], "failed");
    assert!(
        text(&last, "notes").starts_with("invalid_circuit: line 3, column 1: "),
        "{last}"
    );
    app.finish().await;
}

#[tokio::test]
async fn a_running_task_names_its_worker() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let id = app
        .submit(&json!({"circuit": "// mock: hang", "backend": "mock"}))
        .await;
    let task = app.wait_status(id, "processing").await;
    assert_eq!(
        (&task["worker_id"], &task["attempt"]),
        (&json!("w"), &json!(1))
    );
    assert!(!keys(&task).contains("available_at"), "{task}");
    app.abandon_work();
}

#[tokio::test]
async fn lists_show_what_was_asked_for_newest_first() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let empty = app.get("/tasks").await.expect(200);
    assert_eq!(empty, json!({"tasks": [], "next_cursor": null}));
    let failing = json!({"circuit": "// mock: fail", "backend": "mock"});
    let failed = app.submit(&failing).await;
    app.wait_status(failed, "failed").await;
    let completed = app
        .submit(&json!({"circuit": "x", "backend": "mock"}))
        .await;
    app.wait_status(completed, "completed").await;
    let pending = app.submit(&json!({"circuit": "x", "shots": 3})).await;

    for (query, expected) in [
        ("", vec![pending, completed, failed]),
        ("?status=failed", vec![failed]),
        ("?status=failed&status=pending", vec![pending, failed]),
        (
            "?status=cancelled&status=retrying&status=processing",
            vec![],
        ),
        ("?backend=mock", vec![completed, failed]),
        ("?backend=mock&status=completed", vec![completed]),
        ("?backend=aer", vec![]),
        ("?limit=1", vec![pending]),
        ("?limit=3", vec![pending, completed, failed]),
    ] {
        let page = app.get(&format!("/tasks{query}")).await.expect(200);
        assert_eq!(keys(&page), BTreeSet::from(["next_cursor", "tasks"]));
        let ids: Vec<Uuid> = page["tasks"]
            .as_array()
            .expect("tasks")
            .iter()
            .map(id_of)
            .collect();
        assert_eq!(ids, expected, "{query}");
        // The last full page has no next one.
        let more = query == "?limit=1";
        assert_eq!(
            page["next_cursor"].is_string(),
            more,
            "{query}: {}",
            page["next_cursor"]
        );
    }
    let page = app.get("/tasks?status=pending").await.expect(200);
    assert_eq!(keys(&page["tasks"][0]), BTreeSet::from(WAITING));
    assert_eq!(page["tasks"][0]["shots"], 3);
}

#[tokio::test]
async fn pages_show_each_of_fifty_tasks_once_even_while_new_ones_arrive() {
    let app = App::builder(QueueKind::Postgres).apis(2).start().await;
    let body = json!({"circuit": BELL});
    let submissions = (0..50).map(|n| post_with(&app, n % 2, &[], &body));
    let known: BTreeSet<Uuid> = join_all(submissions)
        .await
        .into_iter()
        .map(|reply| id_of(&reply.expect(201)))
        .collect();
    assert_eq!(known.len(), 50);

    let mut seen = Vec::new();
    let mut path = "/tasks?limit=7".to_owned();
    let mut pages = 0;
    loop {
        let page = app.get(&path).await.expect(200);
        let tasks = page["tasks"].as_array().expect("tasks");
        seen.extend(tasks.iter().map(id_of));
        pages += 1;
        app.submit(&body).await;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        assert_eq!(tasks.len(), 7);
        path = format!("/tasks?limit=7&cursor={cursor}");
    }
    assert_eq!(pages, 8);
    assert_eq!(seen.len(), 50, "one of them twice, or a new one in between");
    assert!(seen.is_sorted_by(|newer, older| newer > older));
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), known);
}

async fn a_correlation_id_goes_from_the_request_to_the_workers_log(kind: QueueKind) {
    let mut app = App::builder(kind).start().await;
    let body = json!({"circuit": "x", "backend": "mock"});
    let given = format!("given \"{}\"", Uuid::now_v7());
    let reply = post_with(&app, 0, &[("x-correlation-id", &given)], &body).await;
    assert_eq!(header(&reply.headers, "x-correlation-id"), given);
    let taken = reply.expect(201);
    assert_eq!(taken["correlation_id"], given.as_str());
    let made = app.post("/tasks", &body).await.expect(201);
    assert!(
        text(&made, "correlation_id").parse::<Uuid>().is_ok(),
        "{made}"
    );

    for created in [&taken, &made] {
        let (id, correlation_id) = (id_of(created), text(created, "correlation_id"));
        assert_eq!(
            app.database.task(id).await["correlation_id"],
            correlation_id
        );
        assert_eq!(app.task(id).await["correlation_id"], correlation_id);
        app.apis[0]
            .wait_for_field("task.submitted", "correlation_id", correlation_id)
            .await;
    }
    if let Some(queue) = &app.queue {
        let message = look_at_first(queue.broker(), &queue.of("mock")).await;
        assert_eq!(message["task_id"], taken["task_id"]);
        assert_eq!(message["correlation_id"], given.as_str());
    }
    app.start_worker(&Worker::new("w", "mock")).await;
    for created in [&taken, &made] {
        app.wait_status(id_of(created), "completed").await;
        for event in ["task.claimed", "task.completed"] {
            app.workers[0]
                .wait_for_field(event, "correlation_id", text(created, "correlation_id"))
                .await;
        }
    }
    app.finish().await;
}

/// The first message of a queue, which stays in it.
async fn look_at_first(broker: &url::Url, queue: &str) -> Value {
    let (connection, channel) = queue::try_open(broker).await.expect("a channel");
    let got = channel
        .basic_get(BasicGetArguments::new(queue))
        .await
        .expect("an answer");
    let (_, _, body) = got.expect("a message");
    // Not acknowledged: it goes back when the channel is closed.
    channel.close().await.expect("a closed channel");
    connection.close().await.expect("a closed connection");
    serde_json::from_slice(&body).expect("JSON")
}

#[tokio::test]
async fn every_answer_carries_a_correlation_id_whatever_it_is() {
    let app = App::builder(QueueKind::Postgres).start().await;
    for path in [
        "/tasks",
        "/health",
        "/livez",
        "/readyz",
        "/openapi.json",
        "/docs/",
        "/nothing",
        "/tasks/x",
    ] {
        let request = app
            .request(Method::GET, path)
            .header("x-correlation-id", "mine");
        let reply = send(request).await.expect("an answer");
        assert_eq!(header(&reply.headers, "x-correlation-id"), "mine", "{path}");
        let reply = app.get(path).await;
        assert!(
            header(&reply.headers, "x-correlation-id")
                .parse::<Uuid>()
                .is_ok(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_problem_has_exactly_the_documented_fields() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let plain = [
        "code",
        "correlation_id",
        "detail",
        "status",
        "title",
        "type",
    ];
    let missing = app
        .get(&format!("/tasks/{}", Uuid::nil()))
        .await
        .expect(404);
    assert_eq!(keys(&missing), BTreeSet::from(plain));
    assert_eq!(
        (&missing["title"], &missing["code"]),
        (&json!("Not Found"), &json!("task_not_found"))
    );
    let invalid = app.post("/tasks", &json!({"shots": 0})).await.expect(422);
    let mut with_errors = BTreeSet::from(plain);
    with_errors.insert("errors");
    assert_eq!(keys(&invalid), with_errors);
    assert_eq!(
        keys(&invalid["errors"]),
        BTreeSet::from(["circuit", "shots"])
    );
    assert_eq!(invalid["title"], "Unprocessable Entity");
    assert_eq!(
        invalid["detail"],
        "The request cannot be used: see errors for circuit, shots."
    );
}

async fn the_same_key_and_body_give_the_same_task_and_another_body_409(kind: QueueKind) {
    let app = App::builder(kind)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    let body = json!({"circuit": "x", "backend": "mock"});
    let key = [("idempotency-key", "key 1")];
    let first = post_with(&app, 0, &key, &body).await.expect(201);
    let second = post_with(&app, 0, &key, &body).await;
    assert_eq!(
        header(&second.headers, "location"),
        format!("/tasks/{}", id_of(&first))
    );
    let second = second.expect(201);
    for field in ["task_id", "submitted_at", "message", "correlation_id"] {
        assert_eq!(second[field], first[field], "{field}");
    }
    app.wait_status(id_of(&first), "completed").await;
    let late = post_with(&app, 0, &key, &body).await.expect(201);
    assert_eq!(
        (&late["task_id"], &late["status"]),
        (&first["task_id"], &json!("completed"))
    );

    let other = post_with(&app, 0, &key, &json!({"circuit": "y", "backend": "mock"}))
        .await
        .expect(409);
    assert_eq!(other["code"], "idempotency_key_reused");
    assert!(
        text(&other, "detail").contains(text(&first, "task_id")),
        "{other}"
    );
    let another_key = post_with(&app, 0, &[("idempotency-key", "key 2")], &body)
        .await
        .expect(201);
    assert_ne!(another_key["task_id"], first["task_id"]);
    app.wait_status(id_of(&another_key), "completed").await;
    assert_eq!(
        app.database.count("SELECT count(*) FROM tasks", &[]).await,
        2
    );
    assert_eq!(
        app.database
            .count("SELECT count(*) FROM status_history", &[])
            .await,
        6
    );
    app.finish().await;
}

async fn the_same_key_from_many_clients_at_once_gives_one_task(kind: QueueKind) {
    let app = App::builder(kind)
        .apis(2)
        .worker(Worker::new("w", "mock"))
        .start()
        .await;
    for round in 0..5 {
        let (key, body) = (
            format!("round {round}"),
            json!({"circuit": "x", "backend": "mock"}),
        );
        let headers = [("idempotency-key", key.as_str())];
        let posts = (0..16).map(|n| post_with(&app, n % 2, &headers, &body));
        let ids: BTreeSet<Uuid> = join_all(posts)
            .await
            .into_iter()
            .map(|reply| id_of(&reply.expect(201)))
            .collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        let id = *ids.first().expect("an id");
        app.wait_status(id, "completed").await;
        assert_eq!(
            app.database.statuses(id).await,
            ["pending", "processing", "completed"]
        );
        assert_eq!(
            app.database.count("SELECT count(*) FROM tasks", &[]).await,
            round + 1
        );
    }
    app.finish().await;
}

async fn of_different_bodies_under_one_key_at_once_one_wins_and_the_rest_get_409(kind: QueueKind) {
    let app = App::builder(kind).apis(2).start().await;
    for round in 0..5 {
        let key = format!("round {round}");
        let headers = [("idempotency-key", key.as_str())];
        let bodies: Vec<Value> = (0..8)
            .map(|n| json!({"circuit": format!("body {n}")}))
            .collect();
        let posts = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| post_with(&app, n % 2, &headers, body));
        let replies = join_all(posts).await;
        let (won, lost): (Vec<_>, Vec<_>) = replies
            .iter()
            .zip(&bodies)
            .partition(|(reply, _)| reply.status == 201);
        assert_eq!((won.len(), lost.len()), (1, 7));
        let (reply, body) = won[0];
        assert_eq!(
            app.database.task(id_of(&reply.body)).await["circuit"],
            body["circuit"]
        );
        for (reply, _) in lost {
            assert_eq!(reply.status, 409, "{}", reply.body);
        }
    }
    assert_eq!(
        app.database.count("SELECT count(*) FROM tasks", &[]).await,
        5
    );
}

async fn the_health_of_a_whole_service_has_exactly_the_documented_fields(kind: QueueKind) {
    let app = App::builder(kind).start().await;
    let mut health = app.get("/health").await.expect(200);
    assert_time(&health["timestamp"].take());
    let queue = if kind == QueueKind::Amqp {
        "rabbitmq"
    } else {
        "postgresql"
    };
    assert_eq!(
        health,
        json!({"status": "healthy", "database_status": "connected", "queue_status": "connected", "queue": queue,
               "version": env!("CARGO_PKG_VERSION"), "timestamp": null})
    );
    assert_eq!(app.get("/livez").await.expect(200), "alive\n");
    assert_eq!(app.get("/readyz").await.expect(200), "ready\n");
}

#[tokio::test]
async fn the_documentation_is_at_docs_and_needs_no_other_server() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let policy = reqwest::redirect::Policy::none();
    let client = crate::support::client::http_client_builder()
        .redirect(policy)
        .build()
        .expect("a client");
    for path in ["/", "/docs"] {
        let reply = send(client.get(app.url(0, path))).await.expect("an answer");
        assert_eq!(reply.status, 303);
        assert_eq!(header(&reply.headers, "location"), "/docs/");
    }
    let page = app.get("/docs/").await;
    assert_eq!(page.status, 200);
    assert!(header(&page.headers, "content-type").starts_with("text/html"));
    let html = page.body.as_str().expect("HTML").to_owned();
    let parts: Vec<&str> = html
        .split(['"', '\''])
        .filter(|part| matches!(part.rsplit('.').next(), Some("js" | "css")))
        .collect();
    assert!(!parts.is_empty(), "{html}");
    for part in parts {
        assert!(!part.contains("//"), "{part} is on another server");
        let path = format!("/docs/{}", part.trim_start_matches("./"));
        assert_eq!(app.get(&path).await.status, 200, "{path}");
    }
    let start = app.get("/docs/swagger-initializer.js").await;
    assert!(
        start
            .body
            .as_str()
            .expect("a script")
            .contains("/openapi.json")
    );
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_every_answer_is_as_it_says() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let reply = app.get("/openapi.json").await;
    assert_eq!(header(&reply.headers, "content-type"), "application/json");
    let document = reply.expect(200);
    assert!(
        text(&document, "openapi").starts_with("3.1."),
        "{}",
        document["openapi"]
    );
    for path in ["/tasks", "/tasks/{task_id}", "/health", "/livez", "/readyz"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }

    let completed = app.submit(&json!({"circuit": BELL, "memory": true})).await;
    app.wait_status(completed, "completed").await;
    let failed = app.submit(&json!({"circuit": "nonsense"})).await;
    app.wait_status(failed, "failed").await;
    let key = [("idempotency-key", "k")];
    let answers = [
        (
            "/tasks",
            "post",
            post_with(&app, 0, &key, &json!({"circuit": BELL})).await,
        ),
        (
            "/tasks",
            "post",
            post_with(&app, 0, &key, &json!({"circuit": "x"})).await,
        ),
        (
            "/tasks",
            "post",
            app.post("/tasks", &json!({"shots": true})).await,
        ),
        ("/tasks", "post", app.post("/tasks", &json!([])).await),
        (
            "/tasks",
            "post",
            send(app.request(Method::POST, "/tasks").body("x"))
                .await
                .expect("an answer"),
        ),
        ("/tasks", "get", app.get("/tasks?limit=2").await),
        ("/tasks", "get", app.get("/tasks?limit=0").await),
        (
            "/tasks/{task_id}",
            "get",
            app.get(&format!("/tasks/{completed}")).await,
        ),
        (
            "/tasks/{task_id}",
            "get",
            app.get(&format!("/tasks/{failed}")).await,
        ),
        (
            "/tasks/{task_id}",
            "get",
            app.get(&format!("/tasks/{}", Uuid::nil())).await,
        ),
        ("/tasks/{task_id}", "get", app.get("/tasks/x").await),
        ("/health", "get", app.get("/health").await),
        ("/livez", "get", app.get("/livez").await),
        ("/readyz", "get", app.get("/readyz").await),
    ];
    for (path, method, reply) in answers {
        assert_described(&document, path, method, &reply);
    }
    eventually(DEADLINE, "all tasks to end", || async {
        (app.database.tasks_in("pending").await + app.database.tasks_in("processing").await == 0)
            .then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn the_description_names_every_field_that_a_submission_may_have() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let document = app.get("/openapi.json").await.expect(200);
    let schemas = Schemas(&document);
    let body = &document["paths"]["/tasks"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let submission = schemas.resolve(body);
    let common = json!({"priority": 1, "timeout_seconds": 1, "max_attempts": 1, "metadata": {"a": 1}, "name": "n",
                        "tags": ["t"], "callback_url": "http://localhost/", "dry_run": false});
    let mut full = json!({"circuit": BELL, "shots": 1, "backend": "simulator", "seed": 1, "memory": true,
                          "probabilities": true, "statevector": true, "parameters": {}, "observables": ["ZZ"], "sweep": {"a": [1]}});
    let mut problem =
        json!({"problem_id": "p", "agent_config": {}, "max_steps": 1, "backend": "mock"});
    for (field, value) in common.as_object().expect("fields") {
        full[field] = value.clone();
        problem[field] = value.clone();
    }
    let mut known = keys(&full);
    known.extend(keys(&problem));
    known.insert("timeout_minutes");
    assert_eq!(keys(&submission["properties"]), known);
    for task in [&full, &problem] {
        assert_eq!(schemas.complaints(body, task, "$"), Vec::<String>::new());
        app.submit(task).await;
    }
    // The limits that it states are the true ones.
    for (field, bound, beyond) in [
        ("shots", "minimum", -1),
        ("shots", "maximum", 1),
        ("priority", "minimum", -1),
        ("priority", "maximum", 1),
        ("timeout_seconds", "minimum", -1),
        ("timeout_seconds", "maximum", 1),
        ("max_attempts", "minimum", -1),
        ("max_attempts", "maximum", 1),
        ("max_steps", "minimum", -1),
        ("max_steps", "maximum", 1),
        ("timeout_minutes", "minimum", -1),
        ("timeout_minutes", "maximum", 1),
    ] {
        let limit = submission["properties"][field][bound]
            .as_i64()
            .unwrap_or_else(|| panic!("{field} has no {bound}"));
        let mut task = if field == "max_steps" {
            problem.clone()
        } else {
            full.clone()
        };
        if field == "timeout_minutes" {
            task.as_object_mut()
                .expect("a task")
                .remove("timeout_seconds");
        }
        task[field] = json!(limit);
        app.submit(&task).await;
        task[field] = json!(limit + beyond);
        let refused = app.post("/tasks", &task).await.expect(422);
        assert_eq!(keys(&refused["errors"]), BTreeSet::from([field]));
    }
}
