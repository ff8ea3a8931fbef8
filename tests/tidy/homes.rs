//! What only some files may name.

use crate::texts::{Text, assert_none, planted, repository, rust};
use crate::tokens::{Kind, tokens};

/// Crates, and where alone they are named.
const HOMES: &[(&[&str], &[&str])] = &[
    (&["diesel", "diesel_async"], &["src/store/"]),
    (
        &["tokio_postgres"],
        &["src/store/", "src/config/", "src/telemetry/"],
    ),
    (&["amqprs"], &["src/queue/amqp/"]),
    (
        &["actix_web", "actix_http", "actix_cors", "actix_service"],
        &["src/api/", "src/cli/worker_server.rs"],
    ),
    (&["utoipa_swagger_ui"], &["src/api/"]),
    (&["hyper", "hyper_util"], &["src/service/webhooks/"]),
    (
        &["reqwest"],
        &["src/cli/", "src/service/webhooks/", "src/traces/"],
    ),
    (&["clap"], &["src/cli/", "src/config/"]),
    (&["prometheus_client"], &["src/metrics/"]),
    (
        &[
            "opentelemetry",
            "opentelemetry_sdk",
            "opentelemetry_proto",
            "prost",
        ],
        &["src/traces/"],
    ),
    (
        &["openqasm_simulator"],
        &[
            "src/api/",
            "src/cli/client/",
            "src/config/",
            "src/executor/",
        ],
    ),
    (&["dev_postgres"], &["src/cli/"]),
];

/// They panic where the reader has closed the pipe, and block where it does not read.
const PRINTING_MACROS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// Statements that change a task's status.
const TRANSITIONS: [&str; 2] = ["UPDATE tasks", "INSERT INTO status_history"];

fn named_elsewhere(files: &[Text]) -> Vec<String> {
    let mut violations = Vec::new();
    for file in files {
        let is_elsewhere = |homes: &[&str]| !homes.iter().any(|home| file.path.starts_with(home));
        let crates: Vec<_> = HOMES
            .iter()
            .filter(|(_, homes)| is_elsewhere(homes))
            .collect();
        for token in tokens(file) {
            let name = token.text.as_str();
            let home = crates.iter().find(|(crates, _)| crates.contains(&name));
            if let (Kind::Identifier, Some((_, homes))) = (token.kind, home) {
                violations.push(format!(
                    "{}:{}: only {} may name {name}",
                    file.path,
                    token.line,
                    homes.join(", ")
                ));
            }
        }
    }
    violations
}

fn prints(files: &[Text]) -> Vec<String> {
    let outside_tests = files.iter().filter(|file| !file.path.contains("/tests"));
    let calls = outside_tests.flat_map(|file| {
        let tokens = tokens(file);
        let pairs: Vec<_> = tokens.windows(2).map(<[_]>::to_vec).collect();
        let calls = pairs
            .into_iter()
            .filter(|pair| PRINTING_MACROS.contains(&pair[0].text.as_str()) && pair[1].text == "!");
        calls.map(|pair| format!("{}:{}: {}!", file.path, pair[0].line, pair[0].text))
    });
    calls.collect()
}

fn transitions_elsewhere(files: &[Text]) -> Vec<String> {
    let elsewhere = files
        .iter()
        .filter(|file| !file.path.starts_with("src/store/"));
    let lines = elsewhere.flat_map(|file| {
        file.text.lines().zip(1..).filter_map(|(line, number)| {
            let statement = TRANSITIONS.iter().find(|it| line.contains(**it))?;
            let is_comment = line.trim_start().starts_with("//");
            (!is_comment).then(|| format!("{}:{number}: {statement}", file.path))
        })
    });
    lines.collect()
}

#[test]
fn each_library_is_named_only_where_it_is_used() {
    assert_none(&named_elsewhere(&rust("src/")));
}

#[test]
fn a_library_named_elsewhere_is_found_but_not_in_comments_and_strings() {
    let files = planted(&[
        ("src/store/claim.rs", "use diesel::prelude::*;"),
        (
            "src/service/sweep.rs",
            "/// diesel\n// diesel\nconst NAME: &str = \"diesel\";",
        ),
        (
            "src/api/server.rs",
            "\nfn f() { anyhow!(diesel::sql_query); }",
        ),
    ]);
    assert_eq!(
        named_elsewhere(&files),
        ["src/api/server.rs:2: only src/store/ may name diesel"]
    );
}

#[test]
fn nothing_prints_by_macros_that_panic_or_block() {
    assert_none(&prints(&rust("src/")));
}

#[test]
fn a_printing_macro_is_found_within_another_macro_too() {
    let text = "fn f() { tokio::select! { _ = a => println!(\"x\"), } }\n// println!()";
    assert_eq!(
        prints(&planted(&[("src/a.rs", text)])),
        ["src/a.rs:1: println!"]
    );
}

#[test]
fn only_the_store_changes_the_status_of_a_task() {
    let files = repository();
    let code: Vec<Text> = files
        .into_iter()
        .filter(|it| it.path.starts_with("src/"))
        .collect();
    assert_none(&transitions_elsewhere(&code));
}

#[test]
fn a_transition_outside_the_store_is_found() {
    let files = planted(&[
        (
            "src/store/settle.rs",
            "\"UPDATE tasks SET current_status = $1\"",
        ),
        (
            "src/service/sweep.sql",
            "\nUPDATE tasks SET current_status = 'failed'",
        ),
    ]);
    assert_eq!(
        transitions_elsewhere(&files),
        ["src/service/sweep.sql:2: UPDATE tasks"]
    );
}
