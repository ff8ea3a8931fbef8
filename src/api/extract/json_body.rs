//! JSON bodies, read within limits of size, memory and time.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::BytesMut;
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::body_size::{BodySize, Plain};
use super::heap_estimate::{HeapEstimate, MAX_DEPTH};
use super::json;
use crate::api::body_memory::{BodyMemory, MemoryPermit};
use crate::api::connection::ConnectionState;
use crate::api::{ApiState, Problem};

/// A JSON body of at most the size of `S`, and a digest of its bytes.
pub struct JsonBody<T, S = Plain> {
    /// The parsed value.
    pub value: T,
    /// A digest of the bytes: equal for equal bodies.
    pub fingerprint: Uuid,
    /// The memory of the body; must be held as long as any part of the value.
    pub permit: MemoryPermit,
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
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            // Always present: the server sets it for every request.
            let state = request.app_data::<web::Data<ApiState>>();
            let state = state.ok_or_else(Problem::internal_error)?;
            let most = S::max(&state.limits);
            refuse_other_types(&request)?;
            refuse_length(&request, most.text)?;
            let limit = state.requests.body_timeout();
            let reading = read(payload, most.text, &state.body_memory);
            let read = tokio::time::timeout(limit, reading).await;
            let (bytes, mut permit) = read.map_err(|_| too_slow(limit))??;
            if let Some(connection) = request.conn_data::<Arc<ConnectionState>>() {
                connection.body_received();
            }
            state.requests.enter(&request)?;
            admit(&bytes, &mut permit, most.parsed)?;
            Ok(Self {
                value: json::parse(&bytes)?,
                fingerprint: Uuid::new_v5(&Uuid::NAMESPACE_OID, &bytes),
                permit,
                size: PhantomData,
            })
        })
    }
}

async fn read(
    mut payload: Payload,
    most: usize,
    memory: &BodyMemory,
) -> Result<(BytesMut, MemoryPermit), Problem> {
    let (mut bytes, mut permit) = (BytesMut::new(), memory.permit());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| unreadable(&error))?;
        let size = bytes.len() + chunk.len();
        if size > most {
            return Err(too_large(most));
        }
        if !permit.try_grow(size) {
            return Err(overloaded());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, permit))
}

/// Reserves the memory of the values before they are parsed.
fn admit(bytes: &[u8], permit: &mut MemoryPermit, most: usize) -> Result<(), Problem> {
    let estimate = HeapEstimate::of(bytes);
    if estimate.is_too_deep {
        return Err(too_deep());
    }
    let taken = bytes.len().saturating_add(estimate.bytes);
    if taken > most {
        return Err(too_heavy(taken, most));
    }
    if !permit.try_grow(taken) {
        return Err(overloaded());
    }
    Ok(())
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

/// Refuses a body by its `Content-Length`, before it is read.
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

fn too_slow(limit: Duration) -> Problem {
    let detail = format!("The body did not arrive within {} s.", limit.as_secs_f64());
    Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
}

fn too_deep() -> Problem {
    let detail =
        format!("The body is nested deeper than {MAX_DEPTH} levels of arrays and objects.");
    Problem::new(StatusCode::BAD_REQUEST, "json_too_deep", detail)
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
