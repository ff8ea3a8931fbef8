//! The OpenAPI document, generated from the handlers.

use serde_json::Value;
use utoipa::OpenApi;

use super::{constraints, routes};
use crate::domain::submission::Limits;

/// The OpenAPI document, with the validation rules of these limits.
pub fn document(limits: &Limits) -> Value {
    let mut document = serde_json::to_value(ApiDescription::openapi()).unwrap_or_default();
    constraints::apply(&mut document, limits);
    document
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
        routes::follow_task, routes::check_circuit,
        routes::read_logs, routes::append_logs, routes::complete_task, routes::fail_task, routes::release_task,
        routes::register_worker, routes::heartbeat, routes::claim_tasks, routes::drain_worker, routes::resume_worker,
        routes::list_workers, routes::read_worker, routes::list_backends,
        routes::health, routes::metrics, routes::livez, routes::readyz,
    ),
    components(schemas(super::problem::ProblemBody)),
    tags(
        (name = "tasks", description = "Submit tasks and read what became of them."),
        (name = "circuits", description = "Know what a circuit would take before it is submitted."),
        (name = "pull protocol", description = "For workers that speak HTTP: every write carries the task's owner."),
        (name = "workers", description = "The registry of workers, and what they serve."),
        (name = "health", description = "For people and for probes."),
    )
)]
struct ApiDescription;
