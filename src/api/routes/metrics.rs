//! Metrics for Prometheus.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};

use crate::api::ApiState;
use crate::metrics::{self, Gauges};
use crate::service::dispatcher::Dispatcher;

/// Maximum number of backends in the output: each is a separate series.
const MOST_BACKENDS: usize = 100;

/// Metrics of this process, and the numbers of waiting and running tasks.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "health",
    responses((status = 200, description = "OpenMetrics, as Prometheus reads it.", body = String,
               content_type = "application/openmetrics-text"))
)]
pub async fn metrics(state: web::Data<ApiState>) -> HttpResponse {
    let gauges = depths(&state, link(&state, Gauges::default())).await;
    HttpResponse::Ok()
        .content_type(metrics::CONTENT_TYPE)
        .body(metrics::render(&gauges))
}

fn link(state: &ApiState, gauges: Gauges) -> Gauges {
    match state.dispatcher {
        Dispatcher::Postgres => gauges,
        Dispatcher::Amqp(_) => {
            let up = f64::from(u8::from(state.dispatcher.not_ready_reason().is_none()));
            gauges.with("queue_link_up", "Whether messages can be sent", up)
        }
    }
}

async fn depths(state: &ApiState, gauges: Gauges) -> Gauges {
    let depths = state.depths.now().await;
    let up = f64::from(u8::from(depths.is_some()));
    let gauges = gauges.with("database_up", "Whether the database answers", up);
    let Some(depths) = depths else {
        return gauges;
    };
    let busy = depths
        .iter()
        .map(|it| (it.backend.clone(), (it.waiting, it.running, it.is_paused)));
    // Idle backends are added up to the maximum.
    let mut shown: BTreeMap<String, (i64, i64, bool)> = busy.take(MOST_BACKENDS).collect();
    for name in state.backends.some(MOST_BACKENDS) {
        if shown.len() < MOST_BACKENDS {
            shown.entry(name).or_default();
        }
    }
    shown.iter().fold(
        gauges,
        |gauges, (backend, &(waiting, running, is_paused))| {
            gauges
                .with_backend(
                    "tasks_waiting",
                    "Tasks that wait; not counted further than 10,000",
                    backend,
                    as_f64(waiting),
                )
                .with_backend(
                    "tasks_running",
                    "Tasks that run; not counted further than 10,000",
                    backend,
                    as_f64(running),
                )
                .with_backend(
                    "backend_paused",
                    "Whether the backend is paused",
                    backend,
                    f64::from(u8::from(is_paused)),
                )
        },
    )
}

fn as_f64(count: i64) -> f64 {
    f64::from(i32::try_from(count).unwrap_or(i32::MAX))
}
