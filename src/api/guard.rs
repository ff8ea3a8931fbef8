//! Admits requests: identifies the caller and compares the scopes, before the body is read.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage, ResponseError, web};

use super::{ApiState, Problem};
use crate::domain::access::{ADMIN_NAME, Access, Caller, Scope};
use crate::metrics;
use crate::service::tokens::TokenError;

/// What an operation demands of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Nothing, not even a token.
    Public,
    /// A token with this scope, on a service that demands tokens.
    Scope(Scope),
    /// The same, for an operation that waits or streams: it ends when the token does.
    Waiting(Scope),
    /// The same, for an operation that waits only if the query asks for it (`wait`).
    WaitingIfAsked(Scope),
}

impl Admission {
    /// The scope that a token needs.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Self::Public => None,
            Self::Scope(scope) | Self::Waiting(scope) | Self::WaitingIfAsked(scope) => Some(scope),
        }
    }

    fn may_wait(self) -> bool {
        matches!(self, Self::Waiting(_) | Self::WaitingIfAsked(_))
    }
}

/// Middleware of a route: refuses callers without the scope, and gives handlers the [`Caller`].
pub async fn admit(
    admission: Admission,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(needed) = admission.scope() else {
        return next.call(request).await;
    };
    // Always present: the server sets it for every request.
    let Some(state) = request.app_data::<web::Data<ApiState>>().cloned() else {
        return Ok(request.into_response(Problem::internal_error().error_response()));
    };
    let caller = match caller(&state, &request).await {
        Ok(caller) => caller,
        Err(problem) => return Ok(request.into_response(problem.error_response())),
    };
    if !caller.may(needed) {
        metrics::token_refused("scope");
        let refusal = Problem::missing_scope(needed).error_response();
        return Ok(request.into_response(refusal));
    }
    let token_id = caller.token_id().filter(|id| *id != ADMIN_NAME);
    let token_id = token_id.map(str::to_owned);
    request.extensions_mut().insert(caller);
    match token_id {
        Some(token_id) if admission.may_wait() => {
            call_until_ended(&state, token_id, request, next).await
        }
        _ => next.call(request).await,
    }
}

/// Answers the request, unless the token ends first: then a wait gets 401, and a stream ends.
async fn call_until_ended(
    state: &ApiState,
    token_id: String,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let tokens = state.tokens.clone();
    let mut ended = Box::pin(async move { tokens.ended(&token_id).await });
    let http_request = request.request().clone();
    let response = tokio::select! {
        biased;
        response = next.call(request) => response?,
        () = &mut ended => {
            let refusal = Problem::ended_token("The token has expired, or is revoked.");
            let refusal = refusal.error_response();
            return Ok(ServiceResponse::new(http_request, refusal));
        }
    };
    if response.response().body().size() != BodySize::Stream {
        return Ok(response);
    }
    Ok(response.map_body(|_, body| BoxBody::new(UntilEnded { body, ended })))
}

/// A stream that ends with the token of its caller.
struct UntilEnded {
    body: BoxBody,
    ended: Pin<Box<dyn Future<Output = ()>>>,
}

impl MessageBody for UntilEnded {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.ended.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_next(context)
    }
}

async fn caller(state: &ApiState, request: &ServiceRequest) -> Result<Caller, Problem> {
    let Access::Tokens { admin } = &state.access else {
        return Ok(Caller::Anybody);
    };
    let given = bearer(request).inspect_err(|_| metrics::token_refused("unknown"))?;
    let token = given.ok_or_else(|| {
        metrics::token_refused("missing");
        Problem::no_token()
    })?;
    if admin.is_some_and(|admin| admin.is_of(token)) {
        return Ok(Caller::admin());
    }
    let verified = state.tokens.verify(token).await;
    Ok(Caller::Token(verified.inspect_err(count_refusal)?))
}

fn count_refusal(error: &TokenError) {
    match error {
        TokenError::Unknown => metrics::token_refused("unknown"),
        TokenError::Expired => metrics::token_refused("expired"),
        TokenError::Revoked => metrics::token_refused("revoked"),
        // The request fails for the database.
        TokenError::Store(_) => {}
    }
}

/// The token of the `Authorization` header; `None` if there is no header.
fn bearer(request: &ServiceRequest) -> Result<Option<&str>, Problem> {
    let mut given = request.headers().get_all(AUTHORIZATION);
    let Some(value) = given.next() else {
        return Ok(None);
    };
    let value = value.to_str().ok().filter(|_| given.next().is_none());
    let token = value.and_then(|value| {
        let (scheme, token) = value.trim().split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("Bearer") && !token.is_empty()).then_some(token)
    });
    token.map(Some).ok_or_else(Problem::unknown_token)
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn found(headers: &[&str]) -> Result<Option<String>, String> {
        let append =
            |request: TestRequest, value: &&str| request.append_header((AUTHORIZATION, *value));
        let request = headers.iter().fold(TestRequest::get(), append);
        let request = request.to_srv_request();
        let token = bearer(&request).map(|token| token.map(str::to_owned));
        token.map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_token_comes_in_one_header_of_the_scheme_bearer() {
        assert_eq!(found(&[]), Ok(None));
        for good in ["Bearer sesame", "bearer sesame", " BEARER   sesame "] {
            assert_eq!(found(&[good]), Ok(Some("sesame".to_owned())), "{good}");
        }
        for bad in ["Bearer", "Bearer ", "Basic sesame", "sesame", ""] {
            let refused = found(&[bad]).unwrap_err();
            assert!(refused.starts_with("401 unauthenticated"), "{bad}");
            assert!(!refused.contains("sesame"));
        }
        assert!(found(&["Bearer a", "Bearer b"]).is_err());
    }
}
