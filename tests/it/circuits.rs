//! Circuits that are checked and not run: by themselves, and as submissions that are only tried.

use serde_json::{Value, json};

use crate::support::answers::{id_of, keys};
use crate::support::app::Worker;
use crate::support::contract::Contract;
use crate::support::{App, QueueKind};

const BELL: &str = "OPENQASM 3; qubit[2] q; h q[0]; cx q[0], q[1]; measure q;";
const TURNED: &str = "OPENQASM 3; input float a; qubit q; rx(a) q;";
const WRONG: &str = "OPENQASM 3;\nqubit[2] q;\ncx q[0], q[2];";

async fn rows(app: &App) -> i64 {
    let tasks = app.database.count("SELECT count(*) FROM tasks", &[]).await;
    let keys = "SELECT count(*) FROM idempotency_keys";
    tasks + app.database.count(keys, &[]).await
}

#[tokio::test]
async fn a_check_says_what_a_circuit_would_take() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let found = api
        .post("/circuits/check", &json!({"circuit": BELL}))
        .await
        .expect(200);
    assert_eq!(
        found,
        json!({"valid": true, "survey": {
            "openqasm_version": 3, "qubits": 2, "qubits_used": 2, "registers": [{"name": "meas", "size": 2}], "inputs": [],
            "gates": {"h": 1, "cx": 1}, "gate_count": 2, "multi_qubit_gates": 1, "measurements": 2, "resets": 0,
            "depth": 3, "counts_are_exact": true, "depth_is_exact": true, "method": "statevector",
            "memory": {"state_bytes": 64, "reserved_bytes": 1 << 20, "limit_bytes": 1 << 30, "fits": true},
        }})
    );
    let open = api
        .post("/circuits/check", &json!({"circuit": TURNED}))
        .await
        .expect(200);
    assert_eq!(
        open["survey"]["inputs"],
        json!([{"name": "a", "type": "float[64]"}])
    );
    assert_eq!(rows(&app).await, 0);
}

#[tokio::test]
async fn a_circuit_that_does_not_run_is_an_answer_and_an_unusable_request_a_problem() {
    let app = App::builder(QueueKind::Postgres)
        .env("QTASK_SIMULATOR_MEMORY_MIB", "1")
        .start()
        .await;
    let api = Contract::of(&app).await;
    let check = async |body: Value| api.post("/circuits/check", &body).await;
    let wrong = check(json!({"circuit": WRONG})).await.expect(200);
    assert_eq!(
        wrong,
        json!({"valid": false, "errors": [{
            "code": "invalid_circuit", "line": 3, "column": 12, "source_line": "cx q[0], q[2];", "caret": 11,
            "message": "index 2 is out of range: `q` has 2 elements, counted from 0",
        }]})
    );
    let unknown = json!({"circuit": TURNED, "parameters": {"b": 1}});
    let named = check(unknown).await.expect(200);
    assert_eq!(named["errors"][0]["code"], "invalid_circuit", "{named}");
    let large = "OPENQASM 3; qubit[17] q; h q; t q;";
    let large = check(json!({"circuit": large})).await.expect(200);
    assert_eq!(
        (&large["valid"], &large["errors"][0]["code"]),
        (&json!(false), &json!("resource_limit"))
    );
    assert_eq!(large["survey"]["memory"]["limit_bytes"], 1 << 20);

    for (body, field) in [
        (json!({}), "circuit"),
        (json!({"circuit": " "}), "circuit"),
        (json!({"circuit": 1}), "circuit"),
        (json!({"circuit": "x".repeat((8 << 20) + 1)}), "circuit"),
        (
            json!({"circuit": BELL, "parameters": {"a": null}}),
            "parameters",
        ),
        (json!({"circuit": BELL, "shots": 5}), "shots"),
    ] {
        let refused = check(body).await.expect(422);
        assert!(refused["errors"][field].is_string(), "{refused}");
    }
}

#[tokio::test]
async fn a_dry_run_checks_everything_and_stores_nothing() {
    let app = App::builder(QueueKind::Postgres)
        .worker(Worker::new("w", "simulator"))
        .start()
        .await;
    let api = Contract::of(&app).await;
    let dry = |mut body: Value| {
        body["dry_run"] = json!(true);
        body
    };
    let tried = api
        .post_keyed("/tasks", "k", &dry(json!({"circuit": BELL})))
        .await
        .expect(200);
    let expected = [
        "backend",
        "circuit_checked",
        "dry_run",
        "kind",
        "survey",
        "valid",
    ];
    assert_eq!(keys(&tried), expected.into());
    assert_eq!(
        (&tried["valid"], &tried["backend"]),
        (&json!(true), &json!("simulator"))
    );

    let wrong = api
        .post("/tasks", &dry(json!({"circuit": WRONG})))
        .await
        .expect(200);
    assert_eq!(
        (&wrong["valid"], &wrong["errors"][0]["line"]),
        (&json!(false), &json!(3))
    );
    // A task has the parameters that it names, and no others.
    let open = api
        .post("/tasks", &dry(json!({"circuit": TURNED})))
        .await
        .expect(200);
    assert_eq!(open["valid"], false, "{open}");
    let given = json!({"circuit": TURNED, "parameters": {"a": 0.5}});
    assert_eq!(
        api.post("/tasks", &dry(given)).await.expect(200)["valid"],
        true
    );
    let shots = "OPENQASM 3; qubit q; bit[200] c; c[0] = measure q;";
    let shots = json!({"circuit": shots, "shots": 1_000_000, "memory": true});
    let refused = api.post("/tasks", &dry(shots)).await.expect(200);
    assert_eq!(refused["errors"][0]["code"], "resource_limit", "{refused}");

    let problem = api
        .post("/tasks", &dry(json!({"problem_id": "p"})))
        .await
        .expect(200);
    assert_eq!(
        problem,
        json!({"dry_run": true, "valid": true, "kind": "problem", "backend": "aiopslab", "circuit_checked": false})
    );
    let misled = dry(json!({"problem_id": "p", "backend": "simulator"}));
    let misled = api.post("/tasks", &misled).await.expect(200);
    assert_eq!(
        (&misled["valid"], &misled["circuit_checked"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(misled["errors"][0]["code"], "unsupported_task", "{misled}");
    let elsewhere = json!({"circuit": "whatever it runs", "backend": "mock"});
    assert_eq!(
        api.post("/tasks", &dry(elsewhere)).await.expect(200)["circuit_checked"],
        false
    );

    for (body, field) in [
        (json!({"circuit": BELL, "shots": 0}), "shots"),
        (json!({"circuit": BELL, "backend": "nobody"}), "backend"),
        (json!({"circuit": BELL, "dry_run": "yes"}), "dry_run"),
    ] {
        let body = if body["dry_run"].is_null() {
            dry(body)
        } else {
            body
        };
        let refused = api.post("/tasks", &body).await.expect(422);
        assert!(refused["errors"][field].is_string(), "{refused}");
    }
    let batch = json!({"tasks": [{"circuit": BELL}, dry(json!({"circuit": BELL}))]});
    let refused = api.post("/tasks/batch", &batch).await.expect(422);
    assert!(
        refused["errors"]["tasks[1].dry_run"].is_string(),
        "{refused}"
    );

    assert_eq!(rows(&app).await, 0);
    // The key is still free.
    let other = json!({"circuit": TURNED, "parameters": {"a": 1}, "dry_run": false});
    let accepted = api.post_keyed("/tasks", "k", &other).await.expect(201);
    app.wait_status(id_of(&accepted), "completed").await;
    app.finish().await;
}
