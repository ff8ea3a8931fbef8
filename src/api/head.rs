//! Answers HEAD with the headers of the GET response.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};

/// Marks a request that came as HEAD.
struct IsHead;

/// Whether the request is a HEAD request: handlers then do not wait for the body.
pub fn is_head(request: &HttpRequest) -> bool {
    request.extensions().contains::<IsHead>()
}

/// Middleware: routes HEAD as GET. The connection still knows the request as HEAD and omits the body.
pub async fn as_get(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    if *request.method() == Method::HEAD {
        request.extensions_mut().insert(IsHead);
        request.head_mut().method = Method::GET;
    }
    next.call(request).await
}
