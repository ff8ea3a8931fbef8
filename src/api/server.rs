//! The HTTP server around the routes.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_cors::Cors;
use actix_http::error::DispatchError;
use actix_http::{Extensions, HttpService, KeepAlive};
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::dev::{AppConfig, Server};
use actix_web::http::header::LOCATION;
use actix_web::middleware::{self, DefaultHeaders};
use actix_web::{App, HttpResponse, web};
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use utoipa_swagger_ui::SwaggerUi;

use super::connection::{Acceptor, ConnectionLimits, HttpStream, MAX_CLOSING, MAX_REFUSALS};
use super::foreign_requests::{self, BrowserRules};
use super::own_hosts::OwnHosts;
use super::{ApiState, correlation, counted_answers, guide, head, openapi, request_flow, routes};
use crate::domain::access::Access;
use crate::domain::backoff::Backoff;
use crate::domain::submission::Limits;

/// Settings of the server.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Address to listen on; port 0 selects a free port.
    pub address: SocketAddr,
    /// Whether requests need tokens.
    pub access: Access,
    /// Number of threads that handle requests.
    pub threads: usize,
    /// Limits of connections and requests.
    pub http: HttpLimits,
    /// Origins that CORS allows; `*` for all.
    pub cors_origins: Vec<String>,
    /// Names of a service without tokens, beside localhost.
    pub allowed_hosts: Vec<String>,
    /// Delays of retries that HTTP workers request.
    pub retry: Backoff,
    /// Limits of a submission and the allowed webhook targets.
    pub limits: Limits,
}

/// Limits of the HTTP server.
#[derive(Debug, Clone)]
pub struct HttpLimits {
    /// Limits of connections.
    pub connections: ConnectionLimits,
    /// Maximum number of requests in progress.
    pub max_requests: usize,
    /// Maximum number of requests that wait for tasks.
    pub max_waiting_requests: usize,
    /// Maximum number of tasks that one caller may submit per minute; 0 for any number.
    pub submissions_per_minute: u32,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// Write timeout: how long a client may read nothing.
    pub write_timeout: Duration,
}

/// How long requests in progress may continue after shutdown was requested, in seconds.
const SHUTDOWN_SECONDS: u64 = 10;
/// How long a connection is still read after a response that precedes the end of the request: an immediate close
/// would discard the response.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// Maximum number of connections that wait to be accepted.
const BACKLOG: i32 = 2048;

/// Binds the port; requests are handled once the server is awaited.
///
/// It does the same as `actix_web::HttpServer`, over connections with a write timeout. With `tls`, they speak TLS.
pub fn bind(
    settings: &ApiSettings,
    tls: Option<Arc<ServerConfig>>,
    state: ApiState,
) -> io::Result<(Server, SocketAddr)> {
    let listener = listen(settings.address)?;
    let address = listener.local_addr()?;
    let http = &settings.http;
    let acceptor = Acceptor::new(
        tls,
        http.connections.clone(),
        http.write_timeout,
        state.answer_memory.clone(),
    );
    let connections = web::Data::new(acceptor.registry());
    let state = web::Data::new(state);
    let description = openapi::document(&settings.limits);
    let origins = settings.cors_origins.clone();
    let own_hosts = match settings.access {
        Access::Open => Some(OwnHosts::new(address.ip(), &settings.allowed_hosts)),
        Access::Tokens { .. } => None,
    };
    let rules = BrowserRules::new(own_hosts, origins.clone());
    let builder = Server::build()
        .workers(settings.threads)
        .shutdown_timeout(SHUTDOWN_SECONDS)
        // For each thread, and never reached: the acceptor has the limits.
        .max_concurrent_connections(
            http.connections.max_connections + MAX_CLOSING + MAX_REFUSALS + 1,
        )
        .disable_signals();
    let shutdown = builder.graceful_shutdown_signal();
    let builder = builder.listen("api", listener, move || {
        let rules = Rc::new(rules.clone());
        let app = App::new()
            .app_data(state.clone())
            .app_data(connections.clone())
            .wrap(middleware::from_fn(counted_answers::count))
            .wrap(middleware::from_fn(request_flow::limit))
            .wrap(middleware::from_fn(head::as_get))
            .wrap(cross_origin(&origins))
            .wrap(middleware::from_fn(foreign_requests::refuse(rules)))
            .wrap(embedding_refused())
            .wrap(middleware::from_fn(correlation::correlate))
            .wrap(middleware::from_fn(request_flow::follow))
            .configure(routes::configure)
            .route("/", web::get().to(to_docs))
            .route("/docs", web::get().to(to_docs))
            .configure(guide::configure)
            .service(
                SwaggerUi::new("/docs/{_:.*}")
                    .external_url_unchecked("/openapi.json", description.clone()),
            )
            .default_service(web::to(routes::not_found));
        let app = app.into_factory().map_err(|error| error.error_response());
        // Only read for the host of a request without a `Host` header, which no handler uses.
        let app = map_config(app, |()| AppConfig::default());
        let shutdown = shutdown.clone();
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let shutdown = shutdown.clone();
                async move { shutdown.notified().await }
            })
            // A client that disconnects while it waits is detected at once, so that its tasks go to other workers.
            .h1_allow_half_closed(false)
            // The registry of connections has these two timeouts: actix limits the first head of a connection only.
            .client_request_timeout(Duration::ZERO)
            .keep_alive(KeepAlive::Os)
            .client_disconnect_timeout(LINGER_TIME)
            .local_addr(address)
            .on_connect_ext(|stream: &HttpStream, data: &mut Extensions| {
                data.insert(stream.state());
            })
            .h1(app);
        let acceptor = acceptor.clone();
        fn_service(move |stream: TcpStream| {
            let acceptor = acceptor.clone();
            async move {
                let peer = stream.peer_addr().ok();
                let stream = acceptor.accept(stream).await;
                Ok((stream.map_err(DispatchError::Io)?, peer))
            }
        })
        .and_then(http)
    })?;
    Ok((builder.run(), address))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    // Lets a restarted process bind the port while connections of the former one are in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Redirects to `/docs/`, the only path at which the Swagger UI is served.
async fn to_docs() -> HttpResponse {
    let location = (LOCATION, "/docs/");
    HttpResponse::SeeOther().insert_header(location).finish()
}

/// Pages of other origins may neither show answers in a frame, where a click would be this page's, nor load them as images or
/// scripts.
fn embedding_refused() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("x-frame-options", "DENY"))
        .add(("x-content-type-options", "nosniff"))
        .add(("cross-origin-resource-policy", "same-origin"))
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
