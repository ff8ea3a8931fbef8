//! The layers of the service.

use super::{Layer, assert_shown, violations};
use crate::model::Crate;
use crate::texts::{assert_none, planted, rust};

const LAYERS: &[Layer] = &[
    Layer {
        name: "cli",
        modules: &["cli"],
        purpose: "one file for each subcommand: reads settings, connects the parts",
        may_import: &[
            "cli::client",
            "api",
            "worker",
            "service",
            "executor",
            "config",
            "queue",
            "store",
            "telemetry",
            "traces",
            "metrics",
            "tls",
            "cgroup",
            "domain",
        ],
    },
    Layer {
        name: "cli::client",
        modules: &["cli::client"],
        purpose: "the commands for people, over HTTP; `check` alone needs no service and asks the simulator",
        may_import: &[
            "domain",
            "executor::CircuitCheck",
            "executor::circuit_check",
            "executor::circuit_report",
            "tls",
        ],
    },
    Layer {
        name: "api",
        modules: &["api"],
        purpose: "answers requests",
        may_import: &[
            "service", "executor", "store", "traces", "metrics", "domain",
        ],
    },
    Layer {
        name: "worker",
        modules: &["worker"],
        purpose: "runs tasks",
        may_import: &[
            "service", "executor", "config", "queue", "store", "traces", "metrics", "process",
            "domain",
        ],
    },
    Layer {
        name: "service",
        modules: &["service"],
        purpose: "what needs the store and the queue: submission, sweep, notifications, webhooks, known backends",
        may_import: &[
            "config", "queue", "store", "traces", "metrics", "tls", "domain",
        ],
    },
    Layer {
        name: "executor",
        modules: &["executor"],
        purpose: "what runs a task: simulator, mock, commands",
        may_import: &["traces", "process", "domain"],
    },
    Layer {
        name: "telemetry",
        modules: &["telemetry"],
        purpose: "writes log lines",
        may_import: &["config", "metrics"],
    },
    Layer {
        name: "config",
        modules: &["config"],
        purpose: "settings, checked together",
        may_import: &["queue", "store", "traces", "tls", "domain"],
    },
    Layer {
        name: "queue",
        modules: &["queue"],
        purpose: "publisher and consumer of RabbitMQ",
        may_import: &["metrics", "tls", "domain"],
    },
    Layer {
        name: "store",
        modules: &["store"],
        purpose: "PostgreSQL: every statement",
        may_import: &["metrics", "tls", "domain"],
    },
    Layer {
        name: "traces",
        modules: &["traces"],
        purpose: "spans and their export by OTLP",
        may_import: &["metrics", "tls", "domain"],
    },
    Layer {
        name: "metrics",
        modules: &["metrics"],
        purpose: "counters, gauges and histograms",
        may_import: &["cgroup", "domain"],
    },
    Layer {
        name: "tls",
        modules: &["tls"],
        purpose: "trusted authorities, certificates of clients and of the server",
        may_import: &[],
    },
    Layer {
        name: "process",
        modules: &["process"],
        purpose: "process groups of commands and hooks",
        may_import: &[],
    },
    Layer {
        name: "cgroup",
        modules: &["cgroup"],
        purpose: "the memory limit of a container",
        may_import: &[],
    },
    Layer {
        name: "domain",
        modules: &["domain"],
        purpose: "a task and its transitions: no input or output",
        may_import: &[],
    },
];

fn found_in(files: &[(&str, &str)]) -> Vec<String> {
    violations(&Crate::read("src/lib.rs", &planted(files)), LAYERS)
}

#[test]
fn each_layer_of_the_service_imports_only_what_the_table_allows() {
    let service = Crate::read("src/lib.rs", &rust("src/"));
    assert_none(&violations(&service, LAYERS));
}

#[test]
fn the_documentation_shows_the_layers_of_the_service() {
    assert_shown("docs/architecture.md", LAYERS);
}

#[test]
fn an_upward_import_is_found_however_it_is_written() {
    let upward = [
        "use crate::api::Answer;",
        "use crate::{api::{Answer as Other}, metrics};",
        "use super::api::*;",
        "fn f() { crate::api::Answer::new(); }",
        "fn f() { tracing::info!(answer = super::api::Answer::new()); }",
        "mod inner { fn f(answer: super::super::api::Answer) {} }",
        "#[derive(crate::api::Answer)] struct S;",
    ];
    for text in upward {
        let found = found_in(&[
            ("src/lib.rs", "mod api; mod store; mod metrics;"),
            ("src/api.rs", "pub struct Answer;"),
            ("src/metrics.rs", ""),
            ("src/store.rs", text),
        ]);
        assert!(!found.is_empty(), "not found: {text}");
        assert!(found[0].starts_with("src/store.rs:1: store may not import crate::api"));
    }
}

#[test]
fn a_re_export_does_not_hide_an_upward_import() {
    let found = found_in(&[
        ("src/lib.rs", "mod api; mod metrics; mod store;"),
        ("src/api.rs", "pub struct Answer;"),
        ("src/metrics.rs", "pub use crate::api::Answer;"),
        ("src/store.rs", "\nuse crate::metrics::Answer;"),
    ]);
    assert_eq!(
        found,
        [
            "src/metrics.rs:1: metrics may not import crate::api::Answer",
            "src/store.rs:2: store may not import crate::api::Answer",
        ]
    );
}

#[test]
fn api_and_worker_do_not_import_each_other_and_the_client_imports_no_store() {
    let found = found_in(&[
        ("src/lib.rs", "mod api; mod cli; mod store; mod worker;"),
        (
            "src/api.rs",
            "use crate::worker::Worker; pub struct Answer;",
        ),
        (
            "src/worker.rs",
            "use crate::api::Answer; pub struct Worker;",
        ),
        ("src/store.rs", "pub struct Store;"),
        ("src/cli/mod.rs", "mod client; use crate::store::Store;"),
        ("src/cli/client.rs", "use super::Store;"),
    ]);
    assert_eq!(
        found,
        [
            "src/api.rs:1: api may not import crate::worker::Worker",
            "src/cli/client.rs:1: cli::client may not import crate::store::Store",
            "src/worker.rs:1: worker may not import crate::api::Answer",
        ]
    );
}

#[test]
fn imports_downwards_and_those_of_tests_are_allowed() {
    let found = found_in(&[
        ("src/lib.rs", "mod api; mod store;"),
        (
            "src/api.rs",
            "use crate::store::Store; use serde::Serialize;",
        ),
        (
            "src/store.rs",
            "pub struct Store; #[cfg(test)] mod tests { use crate::api::Answer; }",
        ),
    ]);
    assert_none(&found);
}

#[test]
fn a_module_that_the_table_does_not_name_is_found() {
    let found = found_in(&[("src/lib.rs", "mod clients;"), ("src/clients.rs", "")]);
    assert_eq!(found, ["src/clients.rs: belongs to no layer"]);
}
