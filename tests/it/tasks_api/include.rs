//! What was submitted is read back as it was submitted.

use serde_json::{Value, json};

use super::assert_fields;
use crate::support::contract::Contract;
use crate::support::{App, QueueKind};

const CIRCUIT: &str = "OPENQASM 3;\n// \u{3c0}\ninput float theta;\nqubit q;\nrx(theta) q;\n";

#[tokio::test]
async fn a_circuit_and_its_parameters_come_with_the_task_where_they_are_asked_for() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let parameters = json!({"theta": 0.5});
    let submission = json!({"circuit": CIRCUIT, "parameters": parameters, "backend": "mock"});
    let path = format!("/tasks/{}", app.submit(&submission).await);
    let read = async |query: &str| api.get(&format!("{path}{query}")).await.expect(200);
    let shown = |task: &Value| {
        (
            task.get("circuit").cloned(),
            task.get("parameters").cloned(),
        )
    };
    let (circuit, parameters) = (Some(json!(CIRCUIT)), Some(parameters));
    assert_eq!(shown(&read("").await), (None, None));
    assert_eq!(
        shown(&read("?include=circuit").await),
        (circuit.clone(), None)
    );
    assert_eq!(
        shown(&read("?include=parameters").await),
        (None, parameters.clone())
    );
    let both = (circuit, parameters);
    for query in [
        "?include=circuit,parameters",
        "?include=parameters%2Ccircuit",
        "?include=circuit&include=parameters",
        "?include=circuit,parameters&wait=0.1",
    ] {
        assert_eq!(shown(&read(query).await), both, "{query}");
    }
    for wrong in [
        "?include=",
        "?include=result",
        "?include=circuit,,parameters",
    ] {
        assert_fields(api.get(&format!("{path}{wrong}")).await, &["include"]);
    }
}

#[tokio::test]
async fn the_options_of_a_circuit_are_shown_as_they_were_submitted_and_no_others() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let options = ["seed", "memory", "probabilities", "statevector"];
    let all =
        json!({"seed": u64::MAX, "memory": true, "probabilities": false, "statevector": true});
    for given in [all, json!({"seed": 0}), json!({})] {
        let mut submission = given.clone();
        submission["circuit"] = json!("x");
        submission["backend"] = json!("mock");
        let task_id = app.submit(&submission).await;
        let task = api.get(&format!("/tasks/{task_id}")).await.expect(200);
        for option in options {
            assert_eq!(task.get(option), given.get(option), "{option}: {task}");
        }
    }
}

#[tokio::test]
async fn a_problem_has_no_circuit_to_show() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let api = Contract::of(&app).await;
    let config = json!({"seed": 1, "parameters": {"x": 1}});
    let submission = json!({"problem_id": "p", "agent_config": config});
    let path = format!("/tasks/{}", app.submit(&submission).await);
    let task = api.get(&format!("{path}?include=circuit,parameters")).await;
    let task = task.expect(200);
    assert_eq!(task["agent_config"], config);
    for absent in ["circuit", "parameters", "seed"] {
        assert_eq!(task.get(absent), None, "{task}");
    }
}
