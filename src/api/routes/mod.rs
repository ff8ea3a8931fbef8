//! Paths and methods, and what answers where there are none.

mod health;
mod tasks;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, Resource, web};

use super::Problem;

pub use health::{__path_health, __path_livez, __path_readyz};
pub use tasks::{__path_list_tasks, __path_read_task, __path_submit_task};

/// All paths of the API.
pub fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            resource("/tasks", "GET, POST")
                .route(web::get().to(tasks::list_tasks))
                .route(web::post().to(tasks::submit_task)),
        )
        .service(resource("/tasks/{task_id}", "GET").route(web::get().to(tasks::read_task)))
        .service(resource("/health", "GET").route(web::get().to(health::health)))
        .service(resource("/livez", "GET").route(web::get().to(health::livez)))
        .service(resource("/readyz", "GET").route(web::get().to(health::readyz)));
}

/// A path; methods without a route of their own are refused with the list of those that have one.
fn resource(path: &str, allow: &'static str) -> Resource {
    let refuse = move |request: HttpRequest| async move {
        Err::<actix_web::HttpResponse, _>(Problem::method_not_allowed(
            request.method().as_str(),
            allow,
        ))
    };
    web::resource(path.to_owned()).default_service(web::to(refuse))
}

/// Answers for every path that is not there.
pub async fn not_found(request: HttpRequest) -> Result<actix_web::HttpResponse, Problem> {
    let detail = format!(
        "There is nothing at {}; the API is described at /docs.",
        request.path()
    );
    Err(Problem::new(StatusCode::NOT_FOUND, "not_found", detail))
}
