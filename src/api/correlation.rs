//! The correlation id of a request: in its response, its logs, its task and the task's messages.

use std::time::Instant;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage};
use tracing::{Instrument, debug, error_span, info, warn};
use uuid::Uuid;

use super::request_span;
use crate::domain::access::Caller;
use crate::domain::correlation;
use crate::domain::trace_context::TraceContext;
use crate::metrics;

/// The header of requests and responses that carries the id.
pub const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// Maximum length: the id is also sent as an AMQP property, whose length is limited.
const MAX_LENGTH: usize = 128;

/// The id of the current request.
pub fn current() -> Option<String> {
    correlation::current().map(|id| id.as_ref().to_owned())
}

/// The id of a request, as an extractor for handlers.
#[derive(Debug, Clone)]
pub struct CorrelationId(pub String);

/// The span of a request, or what its client named as such, as an extractor for handlers.
#[derive(Debug, Clone)]
pub struct RequestTrace(pub Option<TraceContext>);

/// Middleware: takes the id from the request or generates one, and sets it on the span and the response.
pub async fn correlate(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let id = from_header(request.headers()).unwrap_or_else(|| Uuid::now_v7().to_string());
    request.extensions_mut().insert(CorrelationId(id.clone()));
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let mut request_span = request_span::begin(&request, &id);
    let trace = request_span.context().cloned();
    request.extensions_mut().insert(RequestTrace(trace));
    // At error level, so that the span exists even if only errors are logged.
    let span = error_span!("request", correlation_id = id, trace_id = request_span.trace_id(),
                           span_id = request_span.span_id(), %method, path);
    let (method_name, began) = (request.method().clone(), Instant::now());
    let answering = async {
        // Handlers and extractors turn their errors into responses; only a middleware could fail here, and none does.
        let mut response = next.call(request).await?;
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(HEADER, value);
        }
        let (status, elapsed_ms) = (
            response.status().as_u16(),
            began.elapsed().as_secs_f64() * 1e3,
        );
        let route = response.request().match_pattern();
        request_span::finish(&mut request_span, &method_name, route.as_deref(), status);
        let extensions = response.request().extensions();
        let token = extensions.get::<Caller>().and_then(Caller::token_name);
        if response.status().is_server_error() {
            warn!(
                event = "request.failed",
                route, status, elapsed_ms, token, "request failed"
            );
        } else if route.as_deref().is_some_and(request_span::is_probe) {
            debug!(
                event = "request.probe_answered",
                route, status, elapsed_ms, "probe answered"
            );
        } else {
            info!(
                event = "request.answered",
                route, status, elapsed_ms, token, "request answered"
            );
        }
        drop(extensions);
        metrics::http_request(method_name.as_str(), route, status, began.elapsed());
        Ok(response)
    };
    correlation::scope(&id, answering.instrument(span)).await
}

fn from_header(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(HEADER)?.to_str().ok()?.trim();
    (1..=MAX_LENGTH).contains(&id.len()).then(|| id.to_owned())
}
