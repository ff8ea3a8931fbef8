//! The description of the API, generated from the handlers.

use utoipa::OpenApi;

use super::routes;

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
        routes::submit_task, routes::read_task, routes::list_tasks,
        routes::health, routes::livez, routes::readyz,
    ),
    tags(
        (name = "tasks", description = "Submit tasks and read what became of them."),
        (name = "health", description = "For people and for probes."),
    )
)]
pub struct ApiDescription;
