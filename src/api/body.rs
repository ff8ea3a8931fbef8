//! JSON bodies: read within limits, refused with the place of the mistake.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpRequest, dev::Payload};
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use uuid::Uuid;

use super::Problem;

/// The largest body that is read, in bytes. A circuit of 1 MiB grows when it is written as a JSON
/// string.
pub const MAX_BYTES: usize = 4 << 20;
/// How long a client may take to send its body.
const MAX_TIME: Duration = Duration::from_secs(30);

/// A JSON body, and a digest of its bytes.
pub struct JsonBody<T> {
    /// What it says.
    pub value: T,
    /// The same for the same bytes.
    pub fingerprint: Uuid,
}

impl<T: DeserializeOwned + 'static> FromRequest for JsonBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let refused = refuse_other_types(request);
        let reading = Bytes::from_request(request, payload);
        Box::pin(async move {
            refused?;
            let bytes = tokio::time::timeout(MAX_TIME, reading)
                .await
                .map_err(|_| too_slow())?;
            let bytes = bytes.map_err(|error| unreadable(&error))?;
            Ok(Self {
                value: parse(&bytes)?,
                fingerprint: Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes),
            })
        })
    }
}

fn refuse_other_types(request: &HttpRequest) -> Result<(), Problem> {
    let unsupported = |detail: &str| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        )
    };
    let header = |name| {
        request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap_or_default().trim())
    };
    let media_type = header(CONTENT_TYPE)
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(unsupported(
            "The body must be sent with Content-Type: application/json.",
        ));
    }
    match header(CONTENT_ENCODING) {
        None | Some("identity") => Ok(()),
        Some(_) => Err(unsupported(
            "The body must be sent without Content-Encoding.",
        )),
    }
}

fn too_slow() -> Problem {
    let detail = format!("The body did not arrive within {} s.", MAX_TIME.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
}

fn unreadable(error: &actix_web::Error) -> Problem {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => {
            let detail = format!("The body is larger than {MAX_BYTES} bytes.");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
        }
        _ => Problem::new(
            StatusCode::BAD_REQUEST,
            "unreadable_body",
            format!("The body cannot be read: {error}."),
        ),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let invalid = |detail| Problem::new(StatusCode::BAD_REQUEST, "invalid_json", detail);
    if bytes.is_empty() {
        return Err(invalid(
            "The body is empty; a JSON object is needed.".to_owned(),
        ));
    }
    // serde would take an array for the fields in the order of their declaration.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(invalid(
            "The body is an array; a JSON object is needed.".to_owned(),
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        match cause.classify() {
            Category::Data if path == "." => invalid(format!("The body cannot be used: {cause}.")),
            Category::Data => {
                Problem::validation(BTreeMap::from([(path, without_position(&cause))]))
            }
            _ => invalid(format!("The body is not valid JSON: {cause}.")),
        }
    })?;
    json.end()
        .map_err(|error| invalid(format!("The body is not valid JSON: {error}.")))?;
    Ok(value)
}

/// The field is named beside it; line and column of a body that a program wrote help nobody.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::submission::Submission;

    fn refusal(body: &str) -> String {
        parse::<Submission>(body.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn json_that_is_broken_is_told_from_json_that_cannot_be_used() {
        assert!(refusal("{\"shots\": 1,}").starts_with("400 invalid_json"));
        assert!(refusal("").starts_with("400 invalid_json"));
        assert!(refusal("{} {}").starts_with("400 invalid_json"));
        assert!(refusal("[]").starts_with("400 invalid_json"));
        assert!(refusal("{\"shots\": \"many\"}").starts_with("422 validation_failed"));
    }

    #[test]
    fn json_nested_a_million_deep_is_refused() {
        let body = format!("{{\"metadata\": {{\"deep\": {}", "[".repeat(1_000_000));
        assert!(refusal(&body).contains("recursion limit"));
    }
}
