//! JSON bodies: read within limits, refused with the place of the mistake.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use uuid::Uuid;

use super::body_size::{BodySize, Plain};
use super::heap_estimate::estimated_heap_bytes;
use super::memory_permit::MemoryPermit;
use super::{ApiState, Problem};
use crate::domain::submission::Limits;

/// How long a client may take to send its body.
const MAX_TIME: Duration = Duration::from_secs(30);

/// A JSON body of at most the size that `S` names, and a digest of its bytes.
pub struct JsonBody<T, S = Plain> {
    /// What it says.
    pub value: T,
    /// The same for the same bytes.
    pub fingerprint: Uuid,
    /// What it takes; to be held for as long as anything of the value is.
    pub room: MemoryPermit,
    size: PhantomData<S>,
}

impl<T, S> FromRequest for JsonBody<T, S>
where
    T: DeserializeOwned + 'static,
    S: BodySize + 'static,
{
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let state = request.app_data::<web::Data<ApiState>>();
        let most = state.map_or_else(|| S::max(&Limits::default()), |state| S::max(&state.limits));
        let refused = refuse_other_types(request).and_then(|()| refuse_length(request, most.text));
        let payload = payload.take();
        Box::pin(async move {
            refused?;
            let (bytes, mut room) = tokio::time::timeout(MAX_TIME, read(payload, most.text))
                .await
                .map_err(|_| too_slow())??;
            admit(&bytes, &mut room, most.parsed)?;
            Ok(Self {
                value: parse(&bytes)?,
                fingerprint: Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes),
                room,
                size: PhantomData,
            })
        })
    }
}

async fn read(mut payload: Payload, most: usize) -> Result<(BytesMut, MemoryPermit), Problem> {
    let (mut bytes, mut room) = (BytesMut::new(), MemoryPermit::default());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        let size = bytes.len() + chunk.len();
        if size > most {
            return Err(too_large(most));
        }
        if !room.try_grow(size) {
            return Err(overloaded());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, room))
}

/// Takes the room that the values need, before any of them is made.
fn admit(bytes: &[u8], room: &mut MemoryPermit, most: usize) -> Result<(), Problem> {
    let taken = bytes.len().saturating_add(estimated_heap_bytes(bytes));
    if taken > most {
        return Err(too_heavy(taken, most));
    }
    if !room.try_grow(taken) {
        return Err(overloaded());
    }
    Ok(())
}

/// A JSON body that may be left out, or be null.
pub struct OptionalBody<T> {
    /// What it says; the default where there is none.
    pub value: T,
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for OptionalBody<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let header = |name| request.headers().contains_key(name);
        let length = request.headers().get(CONTENT_LENGTH);
        let no_length = length.is_none_or(|length| length == "0");
        if no_length && !header(TRANSFER_ENCODING) {
            return Box::pin(async {
                Ok(Self {
                    value: T::default(),
                })
            });
        }
        let body = JsonBody::<Option<T>>::from_request(request, payload);
        Box::pin(async move {
            let JsonBody { value, .. } = body.await?;
            Ok(Self {
                value: value.unwrap_or_default(),
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

/// A head that announces too much is enough to refuse the body.
fn refuse_length(request: &HttpRequest, most: usize) -> Result<(), Problem> {
    let length = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    match length {
        Some(length) if length > most => Err(too_large(most)),
        _ => Ok(()),
    }
}

fn too_slow() -> Problem {
    let detail = format!("The body did not arrive within {} s.", MAX_TIME.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
}

fn too_large(most: usize) -> Problem {
    let detail = format!("The body is larger than {most} bytes.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
}

fn too_heavy(taken: usize, most: usize) -> Problem {
    let (taken, most) = (taken.div_ceil(1 << 20), most >> 20);
    let detail = format!(
        "The body would take about {taken} MiB of memory once it is parsed, since it is made of so many small values; \
         at most {most} MiB are allowed."
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", detail)
}

fn overloaded() -> Problem {
    let detail = "Too many large bodies are under way; nothing was changed. Try again in a moment.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
}

fn unreadable(error: &PayloadError) -> Problem {
    let detail = format!("The body cannot be read: {error}.");
    Problem::new(StatusCode::BAD_REQUEST, "unreadable_body", detail)
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
        if let Some(field) = missing_field(&cause) {
            let place = if path == "." {
                field
            } else {
                format!("{path}.{field}")
            };
            return Problem::validation(BTreeMap::from([(place, "is required".to_owned())]));
        }
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

fn missing_field(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (name, _) = text.strip_prefix("missing field `")?.split_once('`')?;
    Some(name.to_owned())
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
