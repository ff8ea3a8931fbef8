//! Problems, and the fields that all tasks have.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::assert_fields;
use crate::support::answers::{id_of, keys};
use crate::support::contract::Contract;
use crate::support::json_schema::assert_time;
use crate::support::worker_rows::WorkerRows;
use crate::support::{App, QueueKind, on_both_queues};

on_both_queues!(a_problem_reads_as_documented_from_its_submission_to_its_result,);

async fn a_problem_reads_as_documented_from_its_submission_to_its_result(kind: QueueKind) {
    let app = App::builder(kind).start().await;
    let (api, puller) = (
        Contract::of(&app).await,
        WorkerRows::register(&app.database, "agent").await,
    );
    let problem = json!({
        "problem_id": "k8s_target_port-misconfig-detection-1", "agent_config": {"model": "m", "depth": [1, null]},
        "max_steps": 20, "timeout_minutes": 45, "priority": 9, "max_attempts": 2, "name": "nightly",
        "tags": ["a", "b"], "metadata": {"mine": true}, "callback_url": "https://example.org/done",
    });
    let created = api.post("/tasks", &problem).await.expect(201);
    let path = format!("/tasks/{}", id_of(&created));
    let task = api.get(&path).await.expect(200);
    for (field, value) in problem.as_object().expect("fields") {
        assert_eq!(&task[field], value, "{field}");
    }
    assert_eq!(
        (&task["kind"], &task["backend"]),
        (&json!("problem"), &json!("aiopslab"))
    );
    assert_eq!(
        (&task["timeout_seconds"], &task["attempt"]),
        (&json!(2_700), &json!(0))
    );
    for absent in [
        "shots",
        "worker_id",
        "progress",
        "result",
        "logs",
        "cancel_requested_at",
    ] {
        assert!(!keys(&task).contains(absent), "{absent}");
    }

    puller.claim(&app.database, id_of(&created)).await;
    let said = json!({"logs": [{"message": "step 1"}], "progress": {"step": 1}});
    api.post(&format!("{path}/logs"), &puller.body(1, &said))
        .await
        .expect(204);
    let task = api.get(&path).await.expect(200);
    assert_eq!(
        (&task["worker_id"], &task["progress"]),
        (&json!("agent"), &json!({"step": 1}))
    );
    assert_time(&task["started_at"]);

    let result =
        json!({"logs": ["step 1"], "metrics": {"steps": 1}, "output": {"answer": "port 9999"}});
    api.post(
        &format!("{path}/complete"),
        &puller.body(1, &json!({"result": result})),
    )
    .await
    .expect(200);
    let task = api
        .get(&format!("{path}?include_logs=true"))
        .await
        .expect(200);
    assert_eq!(
        (&task["status"], &task["worker_id"]),
        (&json!("completed"), &json!("agent"))
    );
    assert_eq!(task["result"], result);
    assert_eq!(
        keys(&task["execution"]),
        BTreeSet::from(["executed_ms", "queued_ms"])
    );
    assert_eq!(task["logs"][0]["message"], "step 1");
    assert_eq!(
        app.database.statuses(id_of(&created)).await,
        ["pending", "processing", "completed"]
    );
    app.database
        .execute("UPDATE workers SET ended_at = clock_timestamp()", &[])
        .await;
    app.abandon_work();
}

#[tokio::test]
async fn a_bare_problem_has_the_defaults_and_a_list_shows_its_kind_but_not_its_set_up() {
    let app = App::builder(crate::support::QueueKind::Postgres)
        .start()
        .await;
    let api = Contract::of(&app).await;
    let created = api
        .post("/tasks", &json!({"problem_id": "p", "timeout_seconds": 90}))
        .await
        .expect(201);
    let task = app.task(id_of(&created)).await;
    let defaults = json!({"agent_config": {}, "max_steps": 30, "timeout_minutes": 1.5, "priority": 5, "max_attempts": 3, "tags": []});
    for (field, value) in defaults.as_object().expect("fields") {
        assert_eq!(&task[field], value, "{field}");
    }
    let circuit = api
        .post("/tasks", &json!({"circuit": "x"}))
        .await
        .expect(201);
    let page = api.get("/tasks").await.expect(200);
    let kinds: Vec<&Value> = page["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .map(|task| &task["kind"])
        .collect();
    assert_eq!(kinds, ["circuit", "problem"]);
    assert!(!keys(&page["tasks"][1]).contains("agent_config"), "{page}");
    let circuit = app.task(id_of(&circuit)).await;
    for absent in ["agent_config", "max_steps", "timeout_minutes", "problem_id"] {
        assert!(!keys(&circuit).contains(absent), "{absent}");
    }
}

#[tokio::test]
async fn fields_of_problems_that_cannot_be_used_are_each_named() {
    let app = App::builder(crate::support::QueueKind::Postgres)
        .start()
        .await;
    let api = Contract::of(&app).await;
    let refused = |body: Value| {
        let api = &api;
        async move { api.post("/tasks", &body).await }
    };
    let many = vec!["t"; 33];
    for (body, fields) in [
        (json!({"problem_id": ""}), vec!["problem_id"]),
        (json!({"problem_id": "x".repeat(201)}), vec!["problem_id"]),
        (
            json!({"problem_id": "p", "circuit": "x"}),
            vec!["problem_id"],
        ),
        (json!({"max_steps": 1}), vec!["problem_id"]),
        (
            json!({"problem_id": "p", "shots": 1, "seed": 1}),
            vec!["seed", "shots"],
        ),
        (
            json!({"circuit": "x", "max_steps": 1, "agent_config": {}}),
            vec!["agent_config", "max_steps"],
        ),
        (
            json!({"problem_id": "p", "max_steps": 1_001}),
            vec!["max_steps"],
        ),
        (
            json!({"problem_id": "p", "agent_config": []}),
            vec!["agent_config"],
        ),
        (
            json!({"problem_id": "p", "agent_config": {"a": "\0"}}),
            vec!["agent_config"],
        ),
        (
            json!({"problem_id": "p", "timeout_minutes": 181}),
            vec!["timeout_minutes"],
        ),
        (
            json!({"problem_id": "p", "timeout_minutes": 1, "timeout_seconds": 1}),
            vec!["timeout_minutes"],
        ),
        (json!({"problem_id": "p", "tags": many}), vec!["tags"]),
        (
            json!({"problem_id": "p", "tags": ["a", ""]}),
            vec!["tags[1]"],
        ),
        (
            json!({"problem_id": "p", "name": "", "callback_url": "ftp://h"}),
            vec!["callback_url", "name"],
        ),
        (
            json!({"problem_id": "p", "backend": "nobody"}),
            vec!["backend"],
        ),
        (json!({"problem_id": "p", "colour": "red"}), vec!["colour"]),
    ] {
        assert_fields(refused(body).await, &fields);
    }
    assert_eq!(
        app.database.count("SELECT count(*) FROM tasks", &[]).await,
        0
    );
}
