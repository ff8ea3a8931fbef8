//! Ids on the command line: shortened, and from standard input.

use serde_json::json;
use uuid::Uuid;

use crate::client::{app, run, run_with};
use crate::support::contract::Contract;
use crate::support::mocks::mock;
use crate::support::stub::{Stub, json as answer};
use crate::support::{App, QueueKind};

/// Gives a waiting task another id, which makes its beginning known.
async fn rename(app: &App, from: Uuid, to: &str) {
    let to: Uuid = to.parse().expect("a UUID");
    for table in ["tasks", "status_history"] {
        // History is append-only, but not for a test that owns the database.
        let update = format!(
            "WITH free AS (SELECT set_config('session_replication_role', 'replica', true))
             UPDATE {table} SET task_id = $2 FROM free WHERE task_id = $1"
        );
        app.database.execute(&update, &[&from, &to]).await;
    }
}

#[tokio::test]
async fn a_prefix_of_an_id_is_a_filter_of_lists() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let ids = [
        "01a1f877-e10b-7243-ba50-5bf875c0c917",
        "01a1f877-e10b-7343-ba50-5bf875c0c917",
        "01a1f878-0000-7243-ba50-5bf875c0c917",
    ];
    for id in ids {
        let task = app.submit(&mock("")).await;
        rename(&app, task, id).await;
    }
    let api = Contract::of(&app).await;
    let listed = async |query: &str| {
        let page = api.get(&format!("/tasks?{query}")).await.expect(200);
        let tasks = page["tasks"].as_array().expect("tasks").clone();
        tasks
            .iter()
            .map(|task| task["task_id"].as_str().expect("an id").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("id_prefix=01a1f877").await, [ids[1], ids[0]]);
    assert_eq!(listed("id_prefix=01A1F877-E10B-72").await, [ids[0]]);
    assert_eq!(
        listed(&format!("id_prefix={}&status=pending", ids[2])).await,
        [ids[2]]
    );
    assert!(listed("id_prefix=01a1f879").await.is_empty());
    for wrong in ["01a1f87", "01a1f87g", "", &"0".repeat(33)] {
        let refused = app.get(&format!("/tasks?id_prefix={wrong}")).await;
        assert!(
            refused.expect(422)["errors"]["id_prefix"].is_string(),
            "{wrong}"
        );
    }

    let url = app.url(0, "");
    let got = run(&url, &["get", "01a1f877-e10b-73"]).await.expect(0);
    assert_eq!(got.columns()[0][0], ids[1]);
    let several = run(&url, &["cancel", "01a1f877", "01a1f879", ids[2]])
        .await
        .expect(2);
    for part in [
        "the ids of several tasks begin with 01a1f877: give more characters",
        &format!("  {}  pending", ids[0]),
        &format!("  {}  pending", ids[1]),
        "there is no task whose id begins with 01a1f879",
    ] {
        assert!(several.stderr.contains(part), "{part}: {}", several.stderr);
    }
    // What was typed wrong cancels nothing.
    assert_eq!(several.stdout, "");
    let cancelled = run(&url, &["cancel", "01a1f878"]).await.expect(0);
    assert_eq!(cancelled.columns()[0][..2], [ids[2], "cancelled"]);
    run(&url, &["logs", "01a1f878"]).await.expect(0);
    run(&url, &["watch", "01a1f878"]).await.expect(1);
}

#[tokio::test]
async fn ids_come_from_standard_input_as_other_commands_write_them() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let url = app.url(0, "");
    for _ in 0..3 {
        app.submit(&mock("")).await;
    }
    let list = ["list", "--status", "pending", "--all"];
    let listed = run(&url, &list).await.expect(0).stdout;
    let cancelled = run_with(&url, &["cancel", "-"], &listed).await.expect(0);
    assert_eq!(cancelled.columns().len(), 3);
    assert_eq!(run(&url, &list).await.expect(0).stdout, "");

    let documents = run(&url, &["list", "--json"]).await.expect(0).stdout;
    let got = run_with(&url, &["get", "-"], &documents).await.expect(0);
    assert!(got.columns().iter().all(|task| task[1] == "cancelled"));
    let nothing = run_with(&url, &["cancel", "-"], "\n").await.expect(0);
    assert_eq!(nothing.stderr, "No ids on standard input.\n");
    let wrong = run_with(&url, &["cancel", "-"], "bell.qasm\n")
        .await
        .expect(2);
    assert!(
        wrong.stderr.contains("line 1: `bell.qasm`"),
        "{}",
        wrong.stderr
    );
}

#[tokio::test]
async fn a_service_that_knows_whole_ids_only_is_named() {
    let stub = Stub::start(|_, _| {
        answer(
            422,
            &json!({"code": "validation_failed", "detail": "See errors.",
                    "errors": {"id_prefix": "is not known here: use status"}}),
        )
    })
    .await;
    let refused = run(&stub.url, &["get", "01a1f877"]).await.expect(2);
    let said =
        "error: 01a1f877: this service is of an older version and knows whole task ids only\n";
    assert_eq!(refused.stderr, said);
}

#[tokio::test]
async fn a_task_is_called_as_its_file_unless_it_gets_a_name() {
    let (app, url) = app().await;
    let files = crate::client::Files::new();
    let bell = files.path("bell.qasm");
    for (arguments, name) in [
        (
            &["submit", &bell, "--shots", "1e3", "--json"][..],
            json!("bell.qasm"),
        ),
        (
            &["submit", &bell, "--name", "mine", "--json"],
            json!("mine"),
        ),
        (&["submit", "-", "--json"], json!(null)),
    ] {
        let submitted = run_with(&url, arguments, "OPENQASM 3; qubit q;")
            .await
            .expect(0);
        let id = submitted.documents()[0]["task_id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let got = run(&url, &["get", &id, "--wait", "--json"]).await.expect(0);
        assert_eq!(got.documents()[0]["name"], name);
    }
    let shots = run(&url, &["list", "--name", "bell.qasm", "--json"])
        .await
        .expect(0);
    assert_eq!(shots.documents()[0]["shots"], 1000);
    app.finish().await;
}
