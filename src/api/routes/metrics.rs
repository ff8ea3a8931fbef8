//! Metrics for Prometheus.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};

use crate::api::ApiState;
use crate::api::connection::ConnectionRegistry;
use crate::api::pool_gauges::{count_f64, with_pools};
use crate::metrics::{self, Gauges, Role};
use crate::service::dispatcher::Dispatcher;
use crate::store::Depth;

/// Maximum number of backends in the output: each is a separate series.
const MOST_BACKENDS: usize = 100;

/// Metrics of this process, and of the tasks and workers of each backend.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "health",
    responses((status = 200, description = "OpenMetrics, as Prometheus reads it.", body = String,
               content_type = "application/openmetrics-text"))
)]
pub async fn metrics(
    state: web::Data<ApiState>,
    connections: web::Data<ConnectionRegistry>,
) -> HttpResponse {
    let gauges = with_pools(Gauges::default(), &state.store);
    let gauges = with_limits(gauges, &state, &connections);
    let gauges = with_backends(with_queue_link(gauges, &state), &state).await;
    HttpResponse::Ok()
        .content_type(metrics::CONTENT_TYPE)
        .body(metrics::render(Role::Serve, &gauges))
}

fn with_limits(gauges: Gauges, state: &ApiState, connections: &ConnectionRegistry) -> Gauges {
    let (open, most) = connections.usage();
    let gauges = gauges
        .with(
            "http_connections",
            "Connections of clients",
            count_f64(open),
        )
        .with(
            "http_max_connections",
            "The most connections of clients",
            count_f64(most),
        );
    let kinds = state.requests.usage().into_iter();
    kinds.fold(gauges, |gauges, (kind, in_progress, most)| {
        gauges
            .with_label(
                "http_requests_in_progress",
                "Requests in progress",
                ("kind", kind),
                count_f64(in_progress),
            )
            .with_label(
                "http_max_requests_in_progress",
                "The most requests in progress",
                ("kind", kind),
                count_f64(most),
            )
    })
}

fn with_queue_link(gauges: Gauges, state: &ApiState) -> Gauges {
    match state.dispatcher {
        Dispatcher::Postgres => gauges,
        Dispatcher::Amqp(_) => gauges.with_flag(
            "queue_link_up",
            "Whether messages can be sent",
            state.dispatcher.not_ready_reason().is_none(),
        ),
    }
}

async fn with_backends(gauges: Gauges, state: &ApiState) -> Gauges {
    let depths = state.depths.now().await;
    let gauges = gauges.with_flag(
        "database_up",
        "Whether the database answers",
        depths.is_some(),
    );
    let Some(depths) = depths else {
        return gauges;
    };
    let named = depths
        .into_iter()
        .map(|depth| (depth.backend.clone(), depth));
    // Idle backends are added up to the maximum.
    let mut shown: BTreeMap<String, Depth> = named.take(MOST_BACKENDS).collect();
    for name in state.backends.some(MOST_BACKENDS) {
        if shown.len() < MOST_BACKENDS {
            shown.entry(name).or_default();
        }
    }
    shown.iter().fold(gauges, with_backend)
}

fn with_backend(gauges: Gauges, (backend, depth): (&String, &Depth)) -> Gauges {
    [
        (
            "tasks_waiting",
            "Tasks that wait; not counted further than 10,000",
            as_f64(depth.waiting),
        ),
        (
            "tasks_running",
            "Tasks that run; not counted further than 10,000",
            as_f64(depth.running),
        ),
        (
            "tasks_oldest_due_seconds",
            "For how long the oldest task has been due that waits among the first 10,000",
            depth.oldest_due_seconds,
        ),
        (
            "workers_online",
            "Workers with a valid lease",
            as_f64(depth.workers_online),
        ),
        (
            "workers_available",
            "Workers with a valid lease that neither drain nor are in quarantine",
            as_f64(depth.workers_available),
        ),
        (
            "backend_paused",
            "Whether the backend is paused",
            f64::from(u8::from(depth.is_paused)),
        ),
    ]
    .into_iter()
    .fold(gauges, |gauges, (name, help, value)| {
        gauges.with_label(name, help, ("backend", backend), value)
    })
}

fn as_f64(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap_or(i32::MAX))
}
