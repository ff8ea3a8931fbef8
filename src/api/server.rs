//! The HTTP server around the routes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_cors::Cors;
use actix_web::dev::Server;
use actix_web::http::header::LOCATION;
use actix_web::{App, HttpResponse, HttpServer, middleware, web};
use utoipa::OpenApi;
use utoipa_swagger_ui::SwaggerUi;

use super::openapi::ApiDescription;
use super::{ApiState, correlation, routes};
use crate::domain::backoff::Backoff;
use crate::domain::submission::Limits;

/// How the server runs.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Where it listens; port 0 takes any that is free.
    pub address: SocketAddr,
    /// Threads that answer requests.
    pub threads: usize,
    /// Origins that browsers may call from; `*` for all.
    pub cors_origins: Vec<String>,
    /// Delays between the attempts of workers that speak HTTP.
    pub retry: Backoff,
    /// What a task may weigh, and whom it may have called.
    pub limits: Limits,
}

/// How long requests under way may go on after a stop was asked for, in seconds.
const SHUTDOWN_SECONDS: u64 = 10;
/// How long a client may take to send the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// Takes the port; requests are answered once the server is awaited.
pub fn bind(settings: &ApiSettings, state: ApiState) -> io::Result<(Server, SocketAddr)> {
    let state = web::Data::new(state);
    let description = ApiDescription::openapi();
    let origins = settings.cors_origins.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .wrap(cross_origin(&origins))
            .wrap(middleware::from_fn(correlation::correlate))
            .configure(routes::configure)
            .route("/", web::get().to(to_docs))
            .route("/docs", web::get().to(to_docs))
            .service(SwaggerUi::new("/docs/{_:.*}").url("/openapi.json", description.clone()))
            .default_service(web::to(routes::not_found))
    })
    .workers(settings.threads)
    // A client that hangs up while it waits is noticed at once: nobody waits for it, and what was to be
    // handed to it goes to others.
    .h1_allow_half_closed(false)
    .client_request_timeout(HEAD_TIME)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .bind(settings.address)?;
    let address = server.addrs().first().copied().unwrap_or(settings.address);
    Ok((server.run(), address))
}

/// The Swagger UI lives under its folder's name alone.
async fn to_docs() -> HttpResponse {
    let location = (LOCATION, "/docs/");
    HttpResponse::SeeOther().insert_header(location).finish()
}

fn cross_origin(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allow_any_method()
        .allow_any_header()
        .expose_headers([correlation::HEADER, LOCATION])
        .max_age(3_600);
    if origins.iter().any(|origin| origin == "*") {
        return cors.allow_any_origin().send_wildcard();
    }
    origins
        .iter()
        .fold(cors, |cors, origin| cors.allowed_origin(origin))
}
