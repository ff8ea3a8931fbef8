//! `docs/operations.md` describes what `/metrics` prints, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::json;

use super::scrape::scrape_text;
use crate::support::app::Worker;
use crate::support::http_worker::HttpWorker;
use crate::support::mocks::{mock, mock_with};
use crate::support::wait::{DEADLINE, free_port};
use crate::support::{App, QueueKind};

/// Absent where the machine sets no limit.
const CONDITIONAL: &str = "qtask_memory_limit_bytes";

/// The type and the labels of a metric.
type Described = (String, BTreeSet<String>);

/// The rows of the table that are of a role, by the names of their series.
fn documented(role: &str) -> BTreeMap<String, Described> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md");
    let text = fs::read_to_string(path).expect("the page");
    let (_, section) = text.split_once("\n## Metrics\n").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [name, kind, labels, of, _meaning] = cells[..] else {
            panic!("a row has five cells: {row}");
        };
        assert!(["both", "serve", "work"].contains(&of), "{row}");
        let labels = labels.split(", ").filter(|label| !label.is_empty());
        let described = (kind.to_owned(), labels.map(str::to_owned).collect());
        (of == "both" || of == role).then(|| (name.trim_matches('`').to_owned(), described))
    })
    .collect()
}

/// The names of all documented series.
pub fn documented_names() -> BTreeSet<String> {
    let of = |role| documented(role).into_keys();
    of("serve").chain(of("work")).collect()
}

/// The printed metrics, by the names of their series as the page has them.
fn printed(text: &str) -> BTreeMap<String, Described> {
    let mut found: BTreeMap<String, Described> = BTreeMap::new();
    let mut current = (String::new(), String::new());
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').expect("a type");
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            current = (format!("{name}{suffix}"), kind.to_owned());
        } else if !line.starts_with('#') {
            let (series, _) = line.rsplit_once(' ').expect("a value");
            let (_, labels) = series
                .trim_end_matches('}')
                .split_once('{')
                .unwrap_or((series, ""));
            // No value of a label in these tests has a comma.
            let names = labels.split(',').filter_map(|label| label.split_once('='));
            let entry = found
                .entry(current.0.clone())
                .or_insert_with(|| (current.1.clone(), BTreeSet::new()));
            let names = names.map(|(name, _)| name.to_owned());
            entry.1.extend(names.filter(|name| name != "le"));
        }
    }
    found
}

fn assert_described(role: &str, text: &str) {
    let (mut documented, printed) = (documented(role), printed(text));
    if !printed.contains_key(CONDITIONAL) {
        documented.remove(CONDITIONAL);
    }
    if !cfg!(target_os = "linux") {
        documented.retain(|name, _| !name.starts_with("process_"));
    }
    let documented: Vec<_> = documented.into_iter().collect();
    let printed: Vec<_> = printed.into_iter().collect();
    let missing: Vec<_> = documented
        .iter()
        .filter(|it| !printed.contains(it))
        .collect();
    let unknown: Vec<_> = printed
        .iter()
        .filter(|it| !documented.contains(it))
        .collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "docs/operations.md, Metrics: {role} does not print {missing:#?} and prints {unknown:#?}"
    );
}

/// Completes, fails, retries and cancels a task of a worker over HTTP.
async fn end_in_every_way_over_http(app: &App) {
    let puller = HttpWorker::register(app, "puller", "lab").await;
    let task = json!({"backend": "lab", "circuit": "OPENQASM 3; qubit q;", "max_attempts": 2});
    for (what, body) in [
        ("complete", json!({"result": 1})),
        (
            "fail",
            json!({"code": "execution_error", "message": "no", "retry": false}),
        ),
        (
            "fail",
            json!({"code": "execution_error", "message": "no", "retry": true}),
        ),
    ] {
        app.submit(&task).await;
        let claimed = puller.claim_one(app).await;
        puller.write(app, &claimed, what, &body).await.expect(200);
    }
    let waiting = app.submit(&mock("hang")).await;
    app.cancel(waiting).await.expect(200);
}

#[tokio::test]
async fn the_page_of_operations_describes_every_metric_of_both_roles() {
    let port = free_port().to_string();
    let mut app = App::builder(QueueKind::Amqp)
        .env("QTASK_BACKENDS", "mock,lab")
        .env("QTASK_RETRY_DELAY", "10ms")
        .start()
        .await;
    end_in_every_way_over_http(&app).await;
    app.get("/no/such/path").await.expect(404);
    let worker = Worker::new("w1", "mock").args(&["--health-port", &port]);
    app.start_worker(&worker).await;
    let fields = json!({"max_attempts": 2});
    for order in ["", "fail", "fail-transient"] {
        let id = app.submit(&mock_with(order, &fields)).await;
        app.wait_terminal(id, DEADLINE).await;
    }
    let running = app.submit(&mock("hang")).await;
    app.wait_status(running, "processing").await;
    app.cancel(running).await.expect(200);
    app.wait_status(running, "cancelled").await;
    let of_serve = scrape_text(&app.url(0, "/metrics")).await;
    assert_described("serve", &of_serve);
    let of_work = scrape_text(&format!("http://127.0.0.1:{port}/metrics")).await;
    assert_described("work", &of_work);
    app.abandon_work();
}
