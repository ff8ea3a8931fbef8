//! A real Prometheus scrapes a real `serve` and `work`, evaluates all alerts, and answers all queries of the dashboard.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::alerts::{expressions_of_the_dashboard, metrics_in};
use crate::support::app::Worker;
use crate::support::http_worker::HttpWorker;
use crate::support::mocks::mock_with;
use crate::support::skipped::report_skipped;
use crate::support::wait::{DEADLINE, TempDir, eventually, free_port};
use crate::support::{App, QueueKind};

/// Absent where the machine sets no limit.
const CONDITIONAL: &str = "qtask_memory_limit_bytes";

/// A Prometheus of this test, killed on drop.
struct Prometheus {
    process: Child,
    url: String,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes these addresses every second; `None` where none is installed.
    fn start(serve: &str, work: &str) -> Option<Self> {
        let directory = TempDir::new("prometheus");
        let configuration = directory.path().join("prometheus.yml");
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/prometheus/alerts.yaml");
        let job = |name: &str, target: &str| json!({"job_name": name, "static_configs": [{"targets": [target]}]});
        // JSON is YAML.
        let text = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [rules],
            "scrape_configs": [job("qtask-serve", serve), job("qtask-work", work)],
        });
        fs::write(&configuration, text.to_string()).expect("a configuration");
        let address = format!("127.0.0.1:{}", free_port());
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .stdin(Stdio::null())
            .spawn();
        Some(Self {
            process: process.ok()?,
            url: format!("http://{address}"),
            _directory: directory,
        })
    }

    /// The data of an answer; `None` while there is none.
    async fn read(&self, path: &str, query: &[(&str, &str)]) -> Option<Value> {
        let url = url::Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), query);
        let answer = reqwest::get(url.expect("a URL")).await.ok()?;
        let answer: Value = answer.json().await.ok()?;
        assert_eq!(answer["status"], "success", "{path} {query:?}: {answer}");
        Some(answer["data"].clone())
    }

    /// The rules, once each was evaluated.
    async fn evaluated_rules(&self) -> Vec<Value> {
        eventually(DEADLINE, "the evaluation of all rules", || async {
            let groups = self.read("rules", &[]).await?;
            let groups = groups["groups"].as_array()?;
            let rules = groups.iter().filter_map(|group| group["rules"].as_array());
            let rules: Vec<Value> = rules.flatten().cloned().collect();
            let unknown = rules.iter().any(|rule| rule["health"] == "unknown");
            (!rules.is_empty() && !unknown).then_some(rules)
        })
        .await
    }

    async fn wait_for_metrics(&self, wanted: &BTreeSet<String>) {
        let missing = || async {
            let names = self.read("label/__name__/values", &[]).await?;
            let names = names.as_array()?;
            let stored = |name: &String| {
                let parts = ["", "_count"].map(|part| json!(format!("{name}{part}")));
                parts.iter().any(|part| names.contains(part))
            };
            let missing: Vec<&String> = wanted.iter().filter(|name| !stored(name)).collect();
            // The last list that is printed names what never came.
            if missing.is_empty() {
                Some(())
            } else {
                eprintln!("not stored: {missing:?}");
                None
            }
        };
        eventually(DEADLINE, "all metrics of the expressions", missing).await;
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Lets events happen whose series begin with the first one.
async fn run_tasks(app: &App) {
    for order in ["", "fail", "fail-transient"] {
        let task = mock_with(order, &json!({"max_attempts": 2}));
        let task_id = app.submit(&task).await;
        app.wait_terminal(task_id, DEADLINE).await;
    }
    let puller = HttpWorker::register(app, "puller", "lab").await;
    let cancelled = app
        .submit(&json!({"backend": "lab", "circuit": "OPENQASM 3;"}))
        .await;
    puller.view(app).await;
    app.cancel(cancelled).await.expect(200);
    app.get("/tasks/x").await.expect(400);
}

#[tokio::test]
async fn a_real_prometheus_evaluates_every_expression_of_the_alerts_and_the_dashboard() {
    let port = free_port();
    let worker = Worker::new("w", "mock").args(&["--health-port", &port.to_string()]);
    let app = App::builder(QueueKind::Amqp)
        .env("QTASK_BACKENDS", "mock,lab")
        .env("QTASK_RETRY_DELAY", "10ms")
        .worker(worker)
        .start()
        .await;
    let serve = app.url(0, "").replace("http://", "");
    let Some(prometheus) = Prometheus::start(&serve, &format!("127.0.0.1:{port}")) else {
        let test = "a_real_prometheus_evaluates_every_expression";
        return report_skipped(test, "`prometheus` is not installed");
    };
    run_tasks(&app).await;
    let rules = prometheus.evaluated_rules().await;
    let mut used = BTreeSet::new();
    for rule in &rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        used.extend(metrics_in(rule["query"].as_str().expect("an expression")));
    }
    let expressions = expressions_of_the_dashboard();
    for (_, expression) in &expressions {
        used.extend(metrics_in(expression));
    }
    used.remove(CONDITIONAL);
    prometheus.wait_for_metrics(&used).await;
    for (title, expression) in expressions {
        let expression = expression
            .replace("$backend", ".*")
            .replace("$instance", ".*")
            .replace("$__rate_interval", "1m");
        let answer = prometheus.read("query", &[("query", &expression)]).await;
        let answer = answer.expect("an answer");
        assert!(answer["result"].is_array(), "{title}: {answer}");
    }
    let alerts = prometheus.read("alerts", &[]).await.expect("an answer");
    let alerts = alerts["alerts"].as_array().expect("alerts").iter();
    let firing: Vec<_> = alerts.filter(|alert| alert["state"] == "firing").collect();
    assert!(firing.is_empty(), "in a healthy system: {firing:?}");
    app.finish().await;
}
