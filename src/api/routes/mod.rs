//! Routes, and the responses to unknown paths and methods.

mod backends;
mod cancel;
mod circuits;
mod claim;
mod events;
mod health;
mod logs;
mod metrics;
mod settle;
mod submit;
mod tasks;
mod workers;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, Resource, web};

use super::Problem;

pub use backends::__path_list_backends;
pub use cancel::__path_cancel_task;
pub use circuits::__path_check_circuit;
pub use claim::__path_claim_tasks;
pub use events::__path_follow_task;
pub use health::{__path_health, __path_livez, __path_readyz};
pub use logs::{__path_append_logs, __path_read_logs};
pub use metrics::__path_metrics;
pub use settle::{__path_complete_task, __path_fail_task, __path_release_task};
pub use submit::{__path_submit_batch, __path_submit_task};
pub use tasks::{__path_list_tasks, __path_read_task};
pub use workers::{
    __path_drain_worker, __path_heartbeat, __path_list_workers, __path_read_worker,
    __path_register_worker, __path_resume_worker,
};

/// Configures all paths of the API.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/tasks", "GET, HEAD, POST")
                .route(web::get().to(tasks::list_tasks))
                .route(web::post().to(submit::submit_task)),
        )
        .service(
            resource("/tasks/{task_id}/events", "GET, HEAD")
                .route(web::get().to(events::follow_task)),
        )
        // Before the path of a task, in which `batch` would be an id.
        .service(resource("/tasks/batch", "POST").route(web::post().to(submit::submit_batch)))
        .service(
            resource("/tasks/{task_id}", "GET, HEAD, DELETE")
                .route(web::get().to(tasks::read_task))
                .route(web::delete().to(cancel::cancel_task)),
        )
        .service(resource("/circuits/check", "POST").route(web::post().to(circuits::check_circuit)))
        .configure(configure_attempts)
        .configure(configure_workers)
        .service(resource("/health", "GET, HEAD").route(web::get().to(health::health)))
        .service(resource("/metrics", "GET, HEAD").route(web::get().to(metrics::metrics)))
        .service(resource("/livez", "GET, HEAD").route(web::get().to(health::livez)))
        .service(resource("/readyz", "GET, HEAD").route(web::get().to(health::readyz)));
}

/// Configures the paths at which a task's owner writes and clients read.
fn configure_attempts(config: &mut web::ServiceConfig) {
    let complete = resource("/tasks/{task_id}/complete", "POST");
    let fail = resource("/tasks/{task_id}/fail", "POST");
    let release = resource("/tasks/{task_id}/release", "POST");
    config
        .service(
            resource("/tasks/{task_id}/logs", "GET, HEAD, POST")
                .route(web::get().to(logs::read_logs))
                .route(web::post().to(logs::append_logs)),
        )
        .service(complete.route(web::post().to(settle::complete_task)))
        .service(fail.route(web::post().to(settle::fail_task)))
        .service(release.route(web::post().to(settle::release_task)));
}

fn configure_workers(config: &mut web::ServiceConfig) {
    config
        .service(resource("/backends", "GET, HEAD").route(web::get().to(backends::list_backends)))
        .service(resource("/workers", "GET, HEAD").route(web::get().to(workers::list_workers)))
        // Before the paths with a worker's name, which would match.
        .service(
            resource("/workers/register", "POST").route(web::post().to(workers::register_worker)),
        )
        .service(resource("/workers/heartbeat", "POST").route(web::post().to(workers::heartbeat)))
        .service(
            resource("/workers/{worker_id}", "GET, HEAD")
                .route(web::get().to(workers::read_worker)),
        )
        .service(
            resource("/workers/{worker_id}/claim", "POST")
                .route(web::post().to(claim::claim_tasks)),
        )
        .service(
            resource("/workers/{worker_id}/drain", "POST")
                .route(web::post().to(workers::drain_worker)),
        )
        .service(
            resource("/workers/{worker_id}/resume", "POST")
                .route(web::post().to(workers::resume_worker)),
        );
}

/// A path; methods without a route get a 405 with the list of allowed methods.
fn resource(path: &str, allow: &'static str) -> Resource {
    let refuse = move |request: HttpRequest| async move {
        Err::<actix_web::HttpResponse, _>(Problem::method_not_allowed(
            request.method().as_str(),
            allow,
        ))
    };
    web::resource(path.to_owned()).default_service(web::to(refuse))
}

/// The response to unknown paths.
pub async fn not_found(request: HttpRequest) -> Result<actix_web::HttpResponse, Problem> {
    let detail = format!(
        "There is nothing at {}; the API is described at /docs.",
        request.path()
    );
    Err(Problem::new(StatusCode::NOT_FOUND, "not_found", detail))
}
