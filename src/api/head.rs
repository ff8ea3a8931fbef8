//! HEAD: the headers of what GET would answer.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpRequest};

/// Marks a request that came as HEAD.
struct IsHead;

/// Whether only the headers of the answer are asked for: there is no reason to wait for its body.
pub fn is_head(request: &HttpRequest) -> bool {
    request.extensions().contains::<IsHead>()
}

/// Lets every HEAD be answered as GET; the connection, which has seen it as HEAD, leaves the body out.
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
