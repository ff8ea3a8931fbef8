//! The OpenAPI document, generated from the handlers.

use serde_json::{Value, json};
use utoipa::OpenApi;

use super::{constraints, routes};
use crate::domain::submission::Limits;

/// The OpenAPI document, with the validation rules of these limits.
pub fn document(limits: &Limits) -> Value {
    let mut document = serde_json::to_value(ApiDescription::openapi()).unwrap_or_default();
    constraints::apply(&mut document, limits);
    secure(&mut document);
    document
}

/// The name of the security scheme.
const SCHEME: &str = "bearer";

/// Adds the security scheme, and to each operation the scope that it demands and the answers to callers without it.
#[allow(
    clippy::indexing_slicing,
    reason = "members of JSON objects: one that is absent is null, or is made"
)]
fn secure(document: &mut Value) {
    document["components"]["securitySchemes"] = json!({SCHEME: {
        "type": "http", "scheme": "bearer",
        "description": "A token of `qtask token create`, on a service that demands tokens. The scope `admin` includes all others, \
                        `tasks:write` includes `tasks:read`.",
    }});
    for operation in routes::operations() {
        let (method, path, admission) = operation.admission();
        let Some(described) = document["paths"][path].get_mut(&method) else {
            continue;
        };
        let Some(scope) = admission.scope() else {
            described["security"] = json!([]);
            continue;
        };
        described["security"] = json!([{SCHEME: [scope]}]);
        let responses = &mut described["responses"];
        responses["401"] = problem(
            "`unauthenticated`: the service demands tokens, and there is none, or one that is not valid.",
        );
        if responses["403"].is_null() {
            responses["403"] = problem(&format!(
                "`forbidden`: the token lacks the scope `{scope}`."
            ));
        }
    }
}

fn problem(description: &str) -> Value {
    json!({
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    })
}

/// OpenAPI 3.1, served at `/openapi.json`.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "qtask",
        description = "A task service for work that is slow, precious or remote. \
                       Every error is `application/problem+json` (RFC 9457); every answer carries `X-Correlation-ID`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        routes::submit_task, routes::submit_batch, routes::read_task, routes::list_tasks, routes::cancel_task,
        routes::cancel_tasks, routes::rerun_task, routes::rerun_tasks,
        routes::follow_task, routes::prune_tasks, routes::check_circuit,
        routes::read_logs, routes::append_logs, routes::complete_task, routes::fail_task, routes::release_task,
        routes::register_worker, routes::heartbeat, routes::claim_tasks, routes::drain_worker, routes::resume_worker,
        routes::list_workers, routes::read_worker, routes::list_backends,
        routes::pause_backend, routes::resume_backend,
        routes::create_token, routes::list_tokens, routes::revoke_token,
        routes::health, routes::metrics, routes::livez, routes::readyz,
    ),
    components(schemas(super::problem::ProblemBody)),
    tags(
        (name = "tasks", description = "Submit tasks and read what became of them."),
        (name = "circuits", description = "Know what a circuit would take before it is submitted."),
        (name = "pull protocol", description = "For workers that speak HTTP: every write carries the task's owner."),
        (name = "workers", description = "The registry of workers, and what they serve."),
        (name = "tokens", description = "For administrators: who may do what."),
        (name = "health", description = "For people and for probes."),
    )
)]
struct ApiDescription;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_operation_is_described_with_what_it_demands() {
        let document = document(&Limits::default());
        let paths = document["paths"].as_object().unwrap();
        let described = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods.iter().map(move |(method, described)| {
                assert!(described["security"].is_array(), "{method} {path}");
                (method.clone(), path.as_str())
            })
        });
        let described: BTreeSet<_> = described.collect();
        let operations = routes::operations();
        let declared = operations.iter().map(|operation| {
            let (method, path, _) = operation.admission();
            (method, path)
        });
        let declared: Vec<_> = declared.collect();
        assert_eq!(
            declared.len(),
            described.len(),
            "an operation is declared twice"
        );
        assert_eq!(described, declared.into_iter().collect());
    }
}
