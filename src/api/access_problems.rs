//! Problems of callers: no token, an invalid one, or one that lacks a scope. The challenges are those of RFC 6750.

use actix_web::http::StatusCode;

use super::Problem;
use crate::domain::access::Scope;
use crate::service::tokens::TokenError;

/// The reason in the challenge to a caller whose token is not valid (RFC 6750).
const INVALID_TOKEN: &str = ", error=\"invalid_token\"";

impl Problem {
    /// The request has no token, and the service demands one.
    pub fn no_token() -> Self {
        let detail = "This service demands a token: send it as `Authorization: Bearer TOKEN`.";
        Self::unauthenticated(detail, "")
    }

    /// The token is unknown, or the header is malformed.
    pub fn unknown_token() -> Self {
        let detail =
            "The service does not know this token. It is sent as `Authorization: Bearer TOKEN`.";
        Self::unauthenticated(detail, INVALID_TOKEN)
    }

    /// The token was valid once. Only its holder gets this answer.
    pub fn ended_token(detail: &str) -> Self {
        Self::unauthenticated(detail, INVALID_TOKEN)
    }

    fn unauthenticated(detail: &str, reason: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail)
            .with_challenge(format!("Bearer realm=\"qtask\"{reason}"))
    }

    /// The token may not serve a backend.
    pub fn foreign_backend(backend: &str) -> Self {
        let detail = format!("The token may not serve the backend `{backend}`.");
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail)
    }

    /// No token has this id.
    pub fn token_not_found() -> Self {
        let detail = "There is no token with this id; GET /tokens lists them.";
        Self::new(StatusCode::NOT_FOUND, "token_not_found", detail)
    }

    /// The token lacks a scope.
    pub fn missing_scope(scope: Scope) -> Self {
        let detail = format!("The token lacks the scope `{scope}`.");
        let challenge =
            format!("Bearer realm=\"qtask\", error=\"insufficient_scope\", scope=\"{scope}\"");
        Self::new(StatusCode::FORBIDDEN, "forbidden", detail).with_challenge(challenge)
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Unknown => Self::unknown_token(),
            TokenError::Expired => Self::ended_token("The token has expired."),
            TokenError::Revoked => Self::ended_token("The token is revoked."),
            TokenError::Store(error) => error.into(),
        }
    }
}
