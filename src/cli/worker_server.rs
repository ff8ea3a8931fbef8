//! The HTTP probes and metrics of a worker.

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, middleware, web};
use anyhow::Context;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::api::{as_get, with_pools};
use crate::metrics::{self, Role};
use crate::store::Store;
use crate::worker::WorkerHealth;

/// Answers /livez, /readyz, /health and /metrics until cancelled; returns the bound address.
pub fn start(
    address: SocketAddr,
    health: Arc<WorkerHealth>,
    store: Store,
    cancel: CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let health = web::Data::from(health);
    let store = web::Data::new(store);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(health.clone())
            .app_data(store.clone())
            .wrap(middleware::from_fn(as_get))
            .route("/livez", web::get().to(|| async { "alive\n" }))
            .route("/readyz", web::get().to(readyz))
            .route("/health", web::get().to(report))
            .route("/metrics", web::get().to(numbers))
    })
    .workers(1)
    .disable_signals()
    .bind(address)
    .with_context(|| format!("cannot listen on {address}"))?;
    let address = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    tokio::spawn(async move {
        cancel.cancelled().await;
        handle.stop(false).await;
    });
    info!(event = "worker.health_listening", %address, "health server of the worker is listening");
    Ok(address)
}

/// Ready means that the worker claims tasks, not merely that the process runs.
async fn readyz(health: web::Data<WorkerHealth>) -> HttpResponse {
    match health.not_ready_reason() {
        None => HttpResponse::Ok().body("ready\n"),
        Some(not_ready_reason) => {
            HttpResponse::ServiceUnavailable().body(format!("not ready: {not_ready_reason}\n"))
        }
    }
}

async fn numbers(health: web::Data<WorkerHealth>, store: web::Data<Store>) -> HttpResponse {
    let gauges = with_pools(health.gauges(), &store);
    HttpResponse::Ok()
        .content_type(metrics::CONTENT_TYPE)
        .body(metrics::render(Role::Work, &gauges))
}

async fn report(health: web::Data<WorkerHealth>) -> HttpResponse {
    let (not_ready_reason, (completed, failed)) = (health.not_ready_reason(), health.counts());
    let status = if not_ready_reason.is_none() {
        "healthy"
    } else {
        "degraded"
    };
    HttpResponse::Ok().json(json!({
        "status": status, "not_ready_reason": not_ready_reason, "tasks_completed": completed, "tasks_failed": failed,
    }))
}
