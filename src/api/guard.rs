//! Admits requests: identifies the caller and compares the scopes, before the body is read.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::AUTHORIZATION;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};

use super::{ApiState, Problem};
use crate::domain::access::{Access, Caller, Scope};

/// What an operation demands of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Nothing, not even a token.
    Public,
    /// A token with this scope, on a service that demands tokens.
    Scope(Scope),
}

/// Middleware of a route: refuses callers without the scope, and gives handlers the [`Caller`].
pub async fn admit(
    admission: Admission,
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Admission::Scope(needed) = admission else {
        return next.call(request).await;
    };
    match caller(&request).and_then(|caller| with_scope(caller, needed)) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.call(request).await
        }
        Err(problem) => Ok(request.into_response(problem.error_response())),
    }
}

fn with_scope(caller: Caller, needed: Scope) -> Result<Caller, Problem> {
    if caller.may(needed) {
        Ok(caller)
    } else {
        Err(Problem::missing_scope(needed))
    }
}

fn caller(request: &ServiceRequest) -> Result<Caller, Problem> {
    let state = request.app_data::<web::Data<ApiState>>();
    // Always present: the server sets it for every request.
    let state = state.ok_or_else(Problem::internal_error)?;
    match &state.access {
        Access::Open => Ok(Caller::Anybody),
        Access::Tokens { admin } => {
            let token = bearer(request)?.ok_or_else(Problem::no_token)?;
            if admin.is_some_and(|admin| admin.is_of(token)) {
                return Ok(Caller::admin());
            }
            Err(Problem::unknown_token())
        }
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
