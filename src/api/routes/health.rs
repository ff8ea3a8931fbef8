//! Health of the service and probes.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use time::OffsetDateTime;

use crate::api::problem::ProblemBody;
use crate::api::responses::{Health, HealthView, QueueName, QueueStatus};
use crate::api::{ApiState, Problem};
use crate::service::dispatcher::{Dispatcher, QueueHealth};
use crate::store::{SchemaFault, SchemaSkew, StoreError};

/// Timeout of a health check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of paused backends that the report names.
const MAX_NAMED_PAUSED: i32 = 100;

/// Report the health of the service and its dependencies; 200 as long as it serves requests.
#[utoipa::path(
    get, path = "/health", operation_id = "health", tag = "health",
    responses((status = 200, description = "The service serves.", body = HealthView))
)]
pub async fn health(state: web::Data<ApiState>) -> web::Json<HealthView> {
    let database = check_database(&state).await;
    let is_database_ready = database.is_ok();
    let (queue, queue_health) = match state.dispatcher {
        Dispatcher::Amqp(_) => (QueueName::Rabbitmq, state.dispatcher.health()),
        // The database is the queue.
        Dispatcher::Postgres if !is_database_ready => (
            QueueName::Postgresql,
            QueueHealth::Disconnected("PostgreSQL is the queue: see database_status".to_owned()),
        ),
        Dispatcher::Postgres => (QueueName::Postgresql, QueueHealth::Connected(None)),
    };
    let queue_is_good = matches!(queue_health, QueueHealth::Connected(_));
    let (queue_status, queue_detail) = match queue_health {
        QueueHealth::Connected(remark) => (QueueStatus::Connected, remark),
        QueueHealth::Unusable(reason) => (QueueStatus::Connected, Some(reason)),
        QueueHealth::Disconnected(reason) => (QueueStatus::Disconnected, Some(reason)),
        QueueHealth::Blocked(reason) => (QueueStatus::Blocked, Some(reason)),
    };
    let status = if is_database_ready && queue_is_good {
        Health::Healthy
    } else {
        Health::Degraded
    };
    let (database_status, database_detail) = match database {
        Ok(skew) => ("connected", remark(&state, skew)),
        Err(failure) => (failure.status, Some(failure.detail)),
    };
    let paused = if is_database_ready {
        paused_backends(&state).await
    } else {
        Vec::new()
    };
    web::Json(HealthView {
        status,
        database_status,
        database_detail,
        queue_status,
        queue,
        queue_detail,
        paused_backends: paused,
        version: env!("CARGO_PKG_VERSION"),
        revision: crate::REVISION,
        timestamp: OffsetDateTime::now_utc(),
    })
}

/// What an administrator should know of a database that answers. Its open connections may suffice while it refuses others.
fn remark(state: &ApiState, skew: SchemaSkew) -> Option<String> {
    let problem = state.store.connect_problem();
    let refused =
        problem.map(|problem| format!("the database refuses further connections: {problem}"));
    let skew = (!skew.is_none()).then(|| skew.to_string());
    let remarks: Vec<String> = refused.into_iter().chain(skew).collect();
    (!remarks.is_empty()).then(|| remarks.join("; "))
}

/// The names of paused backends; none if the database does not answer in time.
async fn paused_backends(state: &ApiState) -> Vec<String> {
    let reading = state.store.paused_backends(MAX_NAMED_PAUSED);
    let read = tokio::time::timeout(CHECK_TIMEOUT, reading).await;
    let paused = read.ok().and_then(Result::ok).unwrap_or_default();
    paused.into_iter().map(|it| it.backend).collect()
}

/// Liveness probe: whether the process runs.
#[utoipa::path(
    get, path = "/livez", operation_id = "livez", tag = "health",
    responses((status = 200, description = "It does.", body = String, content_type = "text/plain"))
)]
pub async fn livez() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain")
        .body("alive\n")
}

/// Readiness probe: the database is reachable, its schema has a version that this process may serve, and the process does not
/// leave. An unreachable broker only stops submissions.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "health",
    responses(
        (status = 200, description = "They can.", body = String, content_type = "text/plain"),
        (status = 503, description = "They cannot: `database_unavailable`, or `schema_missing`, `schema_outdated`, `schema_too_new`, whose `detail` names the command; or `shutting_down`, after a stop signal.", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn readyz(state: web::Data<ApiState>) -> Result<HttpResponse, Problem> {
    if state.leaving.is_cancelled() {
        let detail = "Not ready: the process stops, and still answers requests until then.";
        return Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting_down",
            detail,
        ));
    }
    match check_database(&state).await {
        Ok(_) => Ok(HttpResponse::Ok()
            .content_type("text/plain")
            .body("ready\n")),
        Err(not_ready_reason) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            not_ready_reason.code,
            format!("Not ready: {}.", not_ready_reason.detail),
        )),
    }
}

/// Why the database is not ready.
struct ReadinessFailure {
    /// The value of `database_status`.
    status: &'static str,
    /// The code of the problem.
    code: &'static str,
    /// The message for people. The cause is only logged, because it may name hosts; a known problem is named without them.
    detail: String,
}

impl ReadinessFailure {
    fn unavailable(status: &'static str, detail: String) -> Self {
        Self {
            status,
            code: "database_unavailable",
            detail,
        }
    }
}

impl From<SchemaFault> for ReadinessFailure {
    fn from(fault: SchemaFault) -> Self {
        Self {
            status: fault.code(),
            code: fault.code(),
            detail: fault.to_string(),
        }
    }
}

/// Whether PostgreSQL responds, and its schema has a version that this process may serve.
async fn check_database(state: &ApiState) -> Result<SchemaSkew, ReadinessFailure> {
    match tokio::time::timeout(CHECK_TIMEOUT, state.store.check_schema()).await {
        Ok(Ok(skew)) => Ok(skew),
        Ok(Err(StoreError::Schema(fault))) => Err(fault.into()),
        Ok(Err(error)) => {
            tracing::warn!(
                event = "request.health_check_failed", %error,
                "health check failed: the database cannot be reached"
            );
            let mut detail = "the database cannot be reached".to_owned();
            if let Some(problem) = state.store.connect_problem() {
                detail = format!("{detail}: {problem}");
            }
            Err(ReadinessFailure::unavailable("disconnected", detail))
        }
        Err(_) => {
            let detail = "the database does not answer".to_owned();
            Err(ReadinessFailure::unavailable("not answering", detail))
        }
    }
}
