//! `qtask check`: circuits looked at without a service.

use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::client::on_terminal;
use crate::support::process::{qtask, run};
use crate::support::wait::{DEADLINE, TempDir};

const BELL: &str = "OPENQASM 3; qubit[2] q; h q[0]; cnot q[0], q[1]; measure q;";
const TURNED: &str =
    "OPENQASM 3; input float a; input bit[2] m; qubit q; rx(a) q; if (m == 1) x q;";
const BAD: &str = "OPENQASM 3;\nqubit[2] q;\nfoo q;\ncx q[0], q[2];\n";

/// Circuits in files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(TempDir::new("check"));
        for (name, text) in [
            ("bell.qasm", BELL),
            ("turned.qasm", TURNED),
            ("bad.qasm", BAD),
        ] {
            files.write(name, text.as_bytes());
        }
        files
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("a written file");
    }

    fn path(&self, name: &str) -> String {
        let path = self.0.path().join(name);
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output in UTF-8");
    (text(&output.stdout), text(&output.stderr))
}

/// Fails unless the command ends with this code; returns what it wrote, errors last.
async fn check(arguments: &[&str], code: i32) -> (String, String) {
    let output = run(&[&["check"], arguments].concat(), &[]).await;
    let texts = texts(&output);
    assert_eq!(output.status.code(), Some(code), "{texts:?}");
    texts
}

#[tokio::test]
async fn a_pipe_gets_one_line_for_each_file_and_its_mistakes_beside() {
    let files = Files::new();
    let (bell, bad) = (files.path("bell.qasm"), files.path("bad.qasm"));
    let (lines, errors) = check(&[&bell, &bad], 1).await;
    assert_eq!(
        lines,
        format!(
            "{bell}\tvalid\t2\t2\t2\t1\t2\t0\t3\tstatevector\t64\n{bad}\tinvalid\t\t\t\t\t\t\t\t\t\n"
        )
    );
    let expected = [
        &format!("error: {bad}:3:1: there is no gate `foo`"),
        "  foo q;",
        "  ^",
        &format!("error: {bad}:4:12: index 2 is out of range"),
        "  cx q[0], q[2];",
        "             ^",
    ];
    let told: Vec<&str> = errors.lines().collect();
    assert_eq!(told.len(), expected.len(), "{errors}");
    for (line, expected) in told.iter().zip(expected) {
        assert!(line.starts_with(expected), "{errors}");
    }
    let (_, errors) = check(&[&bell], 0).await;
    assert_eq!(errors, "");
}

#[tokio::test]
async fn json_is_the_document_of_the_api_with_the_name_of_the_file() {
    let files = Files::new();
    let (bell, bad) = (files.path("bell.qasm"), files.path("bad.qasm"));
    let (lines, errors) = check(&["--json", &bell, &bad], 1).await;
    let read = |line: &str| serde_json::from_str::<Value>(line).expect("a document");
    let documents: Vec<Value> = lines.lines().map(read).collect();
    assert_eq!(
        (&documents[0]["file"], &documents[0]["valid"]),
        (&json!(bell), &json!(true))
    );
    assert_eq!(documents[0]["survey"]["gates"], json!({"cnot": 1, "h": 1}));
    assert_eq!(
        (&documents[1]["valid"], &documents[1]["errors"][1]["column"]),
        (&json!(false), &json!(12))
    );
    assert_eq!(errors, "", "the documents say it");
}

#[tokio::test]
async fn inputs_take_values_from_flags_and_files() {
    let files = Files::new();
    let turned = files.path("turned.qasm");
    let depth = |lines: &str| lines.split('\t').nth(8).map(str::to_owned);
    check(&[&turned], 0).await;
    let both = ["--parameter", "a=0.5", "--parameter", "m=\"01\"", &turned];
    let (lines, _) = check(&both, 0).await;
    assert_eq!(depth(&lines).as_deref(), Some("2"));
    files.write("values.json", br#"{"a": 0.5, "m": "00"}"#);
    let (lines, _) = check(&["--parameters", &files.path("values.json"), &turned], 0).await;
    assert_eq!(depth(&lines).as_deref(), Some("1"));

    let (_, errors) = check(&["--parameter", "a=0.5", &turned], 1).await;
    assert!(errors.contains("no value for the input `m`"), "{errors}");
    check(&["--parameter", "a=pi", &turned], 2).await;
    check(&["--parameters", &files.path("none.json"), &turned], 2).await;
}

#[tokio::test]
async fn what_the_service_would_not_accept_is_not_valid() {
    let files = Files::new();
    files.write("empty.qasm", b" \n");
    let (lines, errors) = check(&[&files.path("empty.qasm")], 1).await;
    assert!(lines.contains("\tinvalid\t"), "{lines}");
    assert!(errors.contains("empty.qasm: is empty"), "{errors}");
}

#[tokio::test]
async fn standard_input_is_read_and_what_cannot_be_read_is_named() {
    let files = Files::new();
    let mut child = qtask(&["check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("qtask starts");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(BAD.as_bytes()).await.expect("a reader");
    drop(stdin);
    let ended = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let ended = ended.expect("an end in time").expect("its output");
    assert_eq!(ended.status.code(), Some(1));
    let (_, errors) = texts(&ended);
    assert!(
        errors.starts_with("error: standard input:3:1: "),
        "{errors}"
    );

    let (lines, errors) = check(&[&files.path("bell.qasm"), "/no/such.qasm"], 2).await;
    assert_eq!(lines, "", "nothing is checked where something cannot be");
    assert!(errors.contains("/no/such.qasm: No such file"), "{errors}");
    files.write("binary.qasm", b"\xff\xfe");
    let (_, errors) = check(&[&files.path("binary.qasm")], 2).await;
    assert!(errors.contains("is not text in UTF-8"), "{errors}");
    check(&[], 2).await;
}

#[tokio::test]
async fn a_terminal_gets_a_sheet() {
    let files = Files::new();
    let shown = on_terminal(
        "http://127.0.0.1:9",
        &[],
        &["check", &files.path("bell.qasm")],
    )
    .await;
    for part in [
        "bell.qasm",
        "\u{1b}[32mvalid",
        "statevector",
        "cnot",
        "64 bytes",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let large = "OPENQASM 3; qubit[40] q; h q; t q;";
    files.write("large.qasm", large.as_bytes());
    let large = files.path("large.qasm");
    let shown = on_terminal(
        "http://127.0.0.1:9",
        &[("NO_COLOR", "1")],
        &["check", &large],
    )
    .await;
    assert!(
        shown.contains("16,777,216 MiB; the limit is 1,024 MiB"),
        "{shown}"
    );
    assert!(
        shown.contains("error: ") && shown.contains("uses 40 qubits"),
        "{shown}"
    );
    check(&["--memory-mib", "16777216", &large], 0).await;
    check(&["--memory-mib", "0", &large], 2).await;
}
