//! What the client sends along with a circuit, and how it shows what comes back beside the counts.

use serde_json::{Value, json};

use crate::client::{app, on_terminal, run_with};
use crate::support::stub::{Stub, json as answer};

const ID: &str = "01a1f877-e10b-7243-ba50-5bf875c0c917";
const PLAIN: &[(&str, &str)] = &[("NO_COLOR", "1")];
const ROTATION: &str = "OPENQASM 3; input float theta; input bit[2] mask; qubit[2] q; bit[2] c; rx(theta) q[0]; if (mask[1]) { x q[1]; } c = measure q;";
const WRONG: &str = "OPENQASM 3;\nqubit[2] q;\n\tfoo q[0];\nh q[5];  // \u{202e}\n";

#[tokio::test]
async fn parameters_go_along_and_all_that_was_asked_for_comes_back() {
    let (app, url) = app().await;
    let flags = [
        "submit",
        "-",
        "--wait",
        "--shots",
        "50",
        "--parameters",
        "{\"theta\": 3, \"mask\": \"10\"}",
        "--parameter",
        "theta=3.141592653589793",
        "--probabilities",
        "--statevector",
    ];
    let ended = run_with(&url, &flags, ROTATION).await.expect(0);
    let columns = ended.columns();
    assert_eq!(columns[0][5], "{\"11\":50}");
    let execution: Value = serde_json::from_str(columns[0][6]).expect("JSON");
    assert_eq!(execution["probabilities"], json!({"11": 1.0}));
    assert_eq!(execution["statevector"].as_array().map(Vec::len), Some(4));
    let id = columns[0][0];
    let got = run_with(&url, &["get", id], "").await.expect(0);
    assert_eq!(got.columns()[0][16..], columns[0][5..7]);

    let shown = on_terminal(&url, PLAIN, &["get", id]).await;
    for part in [
        "count    share     exact\r\n  11     50  100.0 %  100.00 %  █",
        "Statevector  1 of 4 basis states, qubit 0 rightmost\r\n  STATE",
        "  |11⟩ ",
        "  run        statevector, 2 qubits, ",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let watched = on_terminal(&url, PLAIN, &["watch", id]).await;
    assert!(
        watched.contains("\nRun  statevector, 2 qubits, "),
        "{watched}"
    );
    app.finish().await;
}

#[tokio::test]
async fn what_does_not_exist_is_explained_by_notes() {
    let (app, url) = app().await;
    let circuit = "qubit q; bit[2] c; h q; c[0] = measure q; reset q; c[1] = measure q;";
    let flags = [
        "submit",
        "-",
        "--wait",
        "--statevector",
        "--color",
        "always",
    ];
    let ended = run_with(&url, &flags, circuit).await.expect(0);
    let notes = "\u{1b}[1mNotes\u{1b}[0m\n  no statevector: the circuit has a random outcome before its end\n";
    assert!(ended.stdout.contains(notes), "{}", ended.stdout);
    app.finish().await;
}

#[tokio::test]
async fn a_mistake_in_a_circuit_is_shown_above_its_caret() {
    let (app, url) = app().await;
    let submitted = run_with(&url, &["submit", "-", "--wait"], WRONG)
        .await
        .expect(1);
    let id = submitted.columns()[0][0];
    for arguments in [["get", id], ["watch", id]] {
        let shown = on_terminal(&url, PLAIN, &arguments).await;
        for part in [
            "\r\n     foo q[0];\r\n     ^\r\n  line 4, column 5: ",
            "\r\n    h q[5];  // \u{fffd}\r\n        ^\r\n",
        ] {
            assert!(shown.contains(part), "{arguments:?}: {shown}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_parameter_that_cannot_be_read_is_refused_before_anything_is_sent() {
    let stub = Stub::start(|_, _| answer(201, &json!({"task_id": ID, "status": "pending"}))).await;
    for (flags, words) in [
        (["--parameter", "theta"], "NAME=VALUE is needed"),
        (["--parameter", "theta=pi"], "`pi` is no value"),
        (
            ["--parameters", "/no/such.json"],
            "/no/such.json: No such file",
        ),
        (["--parameters", "{1}"], "is not a JSON object"),
    ] {
        let arguments = ["submit", "-", flags[0], flags[1]];
        let refused = run_with(&stub.url, &arguments, ROTATION).await.expect(2);
        assert!(
            refused.stderr.contains(words),
            "{flags:?}: {}",
            refused.stderr
        );
    }
    assert!(stub.requests().is_empty());
}
