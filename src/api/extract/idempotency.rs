//! The header `Idempotency-Key`.

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use uuid::Uuid;

use crate::api::Problem;
use crate::domain::task::Idempotency;

/// Maximum length of a key.
const MAX_KEY_LENGTH: usize = 255;

/// The key of a submission whose body has this digest; `None` without the header.
pub fn idempotency(
    request: &HttpRequest,
    fingerprint: Uuid,
) -> Result<Option<Idempotency>, Problem> {
    let Some(key) = request.headers().get("idempotency-key") else {
        return Ok(None);
    };
    match key.to_str().map(str::trim) {
        Ok(key) if (1..=MAX_KEY_LENGTH).contains(&key.len()) => Ok(Some(Idempotency {
            key: key.to_owned(),
            fingerprint,
        })),
        _ => {
            let detail = format!(
                "Idempotency-Key must have 1 to {MAX_KEY_LENGTH} visible ASCII characters."
            );
            Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "invalid_idempotency_key",
                detail,
            ))
        }
    }
}
