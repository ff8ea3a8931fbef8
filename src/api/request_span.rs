//! The span of a request, with the attributes that `OpenTelemetry` specifies for HTTP servers.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, USER_AGENT};

use crate::domain::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};
use crate::traces::{Span, SpanKind};

/// Paths that probes poll every few seconds.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/health", "/metrics"];

/// Whether probes poll this path.
pub fn is_probe(path: &str) -> bool {
    PROBES.contains(&path)
}

/// Begins the span of a request, as a child of the one that its headers name. Probes have none.
pub fn begin(request: &ServiceRequest, correlation_id: &str) -> Span {
    let parent = from_headers(request.headers());
    if is_probe(request.path()) {
        return Span::none(parent);
    }
    let method = known_method(request.method());
    let mut span = Span::begin(SpanKind::Server, method.unwrap_or("HTTP"), parent.as_ref());
    if span.is_recording() {
        span.text("http.request.method", method.unwrap_or("_OTHER"));
        span.text("url.path", request.path());
        span.text("url.scheme", request.connection_info().scheme());
        span.text("qtask.correlation_id", correlation_id);
        let agent = request.headers().get(USER_AGENT);
        if let Some(agent) = agent.and_then(|agent| agent.to_str().ok()) {
            span.text("user_agent.original", agent);
        }
    }
    span
}

/// Sets the outcome.
pub fn finish(span: &mut Span, method: &Method, route: Option<&str>, status: u16) {
    if let Some(route) = route {
        span.rename(|| format!("{} {route}", known_method(method).unwrap_or("HTTP")));
        span.text("http.route", route);
    }
    span.number("http.response.status_code", status);
    if status >= 500 {
        span.fail(status, "");
    }
}

/// The method, if it is one of HTTP's: a span must not be named by any text that a client sends.
fn known_method(method: &Method) -> Option<&'static str> {
    const KNOWN: [&str; 8] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE",
    ];
    KNOWN.into_iter().find(|known| *known == method.as_str())
}

/// The context in the headers; several `traceparent` headers are invalid, and several `tracestate` headers are one list.
fn from_headers(headers: &HeaderMap) -> Option<TraceContext> {
    let mut parents = headers.get_all(TRACEPARENT);
    let (parent, None) = (parents.next()?, parents.next()) else {
        return None;
    };
    let states = headers.get_all(TRACESTATE);
    let states: Vec<&str> = states.filter_map(|state| state.to_str().ok()).collect();
    TraceContext::parse(parent.to_str().ok()?, Some(&states.join(",")))
}
