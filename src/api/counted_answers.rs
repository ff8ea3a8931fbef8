//! Counts large responses and sends them in chunks.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, ResponseError, web};

use super::ApiState;
use super::answer_memory::{AnswerMemory, FREE_BYTES, Unsent, overloaded};

/// Size of the chunks of a large response.
const CHUNK_BYTES: usize = 32 << 10;

/// Counts large responses to reads and refuses those that exceed the memory. Responses to writes are always sent,
/// since the write is committed.
pub async fn count(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_read = *request.method() == Method::GET;
    let memory = request
        .app_data::<web::Data<ApiState>>()
        .map_or_else(AnswerMemory::default, |state| state.answer_memory.clone());
    let mut response = next.call(request).await?.map_into_boxed_body();
    let size = match response.response().body().size() {
        BodySize::Sized(size) => usize::try_from(size).unwrap_or(usize::MAX),
        BodySize::None | BodySize::Stream => return Ok(response),
    };
    let reserved = response.response_mut().extensions_mut().remove::<Unsent>();
    if size <= FREE_BYTES {
        return Ok(response);
    }
    let unsent = match memory.resize(reserved.unwrap_or_default(), size) {
        Some(unsent) => unsent,
        None if is_read => {
            let refusal = overloaded().error_response();
            return Ok(response.into_response(refusal));
        }
        None => Unsent::default(),
    };
    Ok(response.map_body(|_, body| match body.try_into_bytes() {
        Ok(bytes) => BoxBody::new(InParts { bytes, unsent }),
        Err(body) => body,
    }))
}

/// A large response as a body of chunks, because the connection copies each chunk.
struct InParts {
    bytes: Bytes,
    #[allow(dead_code, reason = "held until the answer is sent or given up")]
    unsent: Unsent,
}

impl MessageBody for InParts {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.bytes.len().min(CHUNK_BYTES);
        Poll::Ready(Some(Ok(self.bytes.split_to(length))))
    }
}
