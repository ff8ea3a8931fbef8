//! Follows a request from its head to the end of its response: its slot, and the state of its connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, HttpRequest, ResponseError, web};

use super::ApiState;
use super::connection::ConnectionState;
use super::guard::Admission;
use super::request_limits::{RequestKind, RequestSlot, has_body};
use super::routes;

/// Paths that must be answered under any load, beside the public ones, which are probes.
const ALWAYS_ANSWERED: [&str; 2] = ["/metrics", "/workers/heartbeat"];

/// Middleware: refuses requests without a body that exceed the limits; others are refused after their body.
pub async fn limit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let kind = kind(request.request());
    request.extensions_mut().insert(kind);
    let state = request.app_data::<web::Data<ApiState>>();
    let entered = match state {
        Some(state) if !has_body(request.request()) => state.requests.enter(request.request()),
        _ => Ok(()),
    };
    match entered {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}

/// The kind of the request's operation; requests without one are answered at once, and count as working.
fn kind(request: &HttpRequest) -> RequestKind {
    let Some(pattern) = request.match_pattern() else {
        return RequestKind::Working;
    };
    if ALWAYS_ANSWERED.contains(&pattern.as_str()) {
        return RequestKind::AlwaysAnswered;
    }
    match routes::admission_of(request.method(), &pattern) {
        Some(Admission::Public) => RequestKind::AlwaysAnswered,
        Some(Admission::Waiting(_)) => RequestKind::Waiting,
        Some(Admission::WaitingIfAsked(_)) if request.query_string().contains("wait=") => {
            RequestKind::Waiting
        }
        _ => RequestKind::Working,
    }
}

/// Middleware: tells the connection when a request begins and ends, and closes it after a response once the process leaves.
/// Outermost, because a request ends when its response has been sent.
pub async fn follow(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let connection = request.conn_data::<Arc<ConnectionState>>().cloned();
    let progress = connection.map(|connection| {
        connection.begin(has_body(request.request()));
        RequestProgress(connection)
    });
    let leaving = request.app_data::<web::Data<ApiState>>();
    let leaving = leaving.map(|state| state.leaving.clone());
    let mut response = next.call(request).await?;
    if leaving.is_some_and(|leaving| leaving.is_cancelled()) {
        // The client sends its next request on a new connection, which reaches another process.
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    let slot = response.request().extensions_mut().remove::<RequestSlot>();
    Ok(response.map_body(|_, body| {
        let body = body.boxed();
        // A sized body is complete: only its client makes it slow, which is no work of the server.
        let slot = slot.filter(|_| body.size() == BodySize::Stream);
        BoxBody::new(FollowedBody {
            body,
            progress,
            slot,
        })
    }))
}

/// A request in progress on a connection.
struct RequestProgress(Arc<ConnectionState>);

impl Drop for RequestProgress {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The body of a response, which ends the request when it is dropped.
struct FollowedBody {
    body: BoxBody,
    #[allow(dead_code, reason = "held until the response is sent or given up")]
    progress: Option<RequestProgress>,
    #[allow(dead_code, reason = "held until a stream ends")]
    slot: Option<RequestSlot>,
}

impl MessageBody for FollowedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use actix_web::http::Method;
    use actix_web::test::{TestRequest, call_service, init_service};
    use actix_web::{App, HttpResponse};

    use super::*;

    #[actix_web::test]
    async fn requests_that_may_wait_for_tasks_are_told_from_the_others() {
        use RequestKind::{AlwaysAnswered, Waiting, Working};
        let found = Rc::new(Cell::new(None));
        let noted = found.clone();
        let app = App::new()
            .wrap_fn(move |request, _| {
                noted.set(Some(kind(request.request())));
                let answer = request.into_response(HttpResponse::Ok().finish());
                async { Ok(answer) }
            })
            .configure(routes::configure);
        let app = init_service(app).await;
        let id = "01a22add-0978-77e0-bfd2-bf3f90cc863c";
        for (method, path, expected) in [
            (Method::GET, format!("/tasks/{id}/events"), Waiting),
            (Method::GET, format!("/tasks/{id}?wait=60"), Waiting),
            (Method::GET, format!("/tasks/{id}"), Working),
            (Method::DELETE, format!("/tasks/{id}?wait=60"), Working),
            (Method::GET, "/tasks?status=pending".to_owned(), Working),
            (Method::POST, "/workers/w/claim".to_owned(), Waiting),
            (Method::POST, "/workers/w/drain".to_owned(), Working),
            (Method::POST, "/tasks".to_owned(), Working),
            (Method::GET, "/nothing/here".to_owned(), Working),
            (
                Method::POST,
                "/workers/heartbeat".to_owned(),
                AlwaysAnswered,
            ),
            (Method::GET, "/readyz".to_owned(), AlwaysAnswered),
            (Method::GET, "/metrics".to_owned(), AlwaysAnswered),
        ] {
            let request = TestRequest::with_uri(&path).method(method);
            call_service(&app, request.to_request()).await;
            assert_eq!(found.take(), Some(expected), "{path}");
        }
    }
}
