//! What answers take in memory: counted before their rows are read, until their clients have taken them.
//!
//! Two bounds. [`ReadPermit`] holds while rows are read and printed, which never waits for a client.
//! [`Unsent`] holds the bytes of an answer until the last of them is handed to the connection. Answers of
//! up to 64 KiB need no part of the second, so that they get through when others are not taken.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpResponse, ResponseError};
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::Problem;

/// What rows may take while they are read and printed, all requests together, in KiB.
const ALL_READING_KIB: usize = 128 << 10;
/// What large answers may take until they are sent, all together, in KiB.
const ALL_UNSENT_KIB: usize = 128 << 10;
/// An answer of this size is not counted.
const FREE_BYTES: usize = 64 << 10;
/// How often a row is in memory while it is read: as a message, as text, and in the answer, which grows by doubling.
const COPIES: usize = 4;
/// How long a request may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much of a large answer is handed to the connection at a time.
const CHUNK_BYTES: usize = 32 << 10;

static READING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(ALL_READING_KIB));
static UNSENT: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(ALL_UNSENT_KIB));

/// Whether large answers wait because others are not taken: an eighth of their memory is left, or less.
pub fn are_crowded() -> bool {
    UNSENT.available_permits() < ALL_UNSENT_KIB / 8
}

async fn acquire(
    semaphore: &'static Semaphore,
    bytes: usize,
    most: usize,
) -> Result<SemaphorePermit<'static>, Problem> {
    let kib = u32::try_from(bytes.div_ceil(1024).min(most)).unwrap_or(u32::MAX);
    match timeout(PATIENCE, semaphore.acquire_many(kib)).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(overloaded()),
    }
}

/// The refusal of an answer that there is no memory for.
pub fn overloaded() -> Problem {
    let detail = "Too many large answers are under way, or wait for clients that do not read them; nothing was changed. \
                  Try again in a moment.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
}

/// Memory for rows while they are read and printed.
#[derive(Debug)]
pub struct ReadPermit(
    #[allow(dead_code, reason = "held until the rows are printed")] SemaphorePermit<'static>,
);

impl ReadPermit {
    /// Waits until rows of so many bytes may be read.
    pub async fn of(bytes: usize) -> Result<Self, Problem> {
        let bytes = bytes.saturating_mul(COPIES);
        acquire(&READING, bytes, ALL_READING_KIB).await.map(Self)
    }

    /// The answer 200 with this value, printed while the memory is still held.
    #[allow(clippy::unused_self, reason = "the memory is released at the end")]
    pub fn json(self, value: &impl Serialize) -> Result<HttpResponse, Problem> {
        json(value)
    }
}

/// The answer 200 with this value; the text takes no more memory than its length.
fn json(value: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut text = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer cannot be printed");
        let detail =
            "Something is wrong with this service; its log says more under the correlation id.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    })?;
    text.shrink_to_fit();
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(text))
}

/// Memory of a large answer until it is sent; none for a small one.
#[derive(Debug, Default)]
pub struct Unsent(Option<SemaphorePermit<'static>>);

impl Unsent {
    /// Waits until an answer of so many bytes may be made.
    pub async fn of(bytes: usize) -> Result<Self, Problem> {
        if bytes <= FREE_BYTES {
            return Ok(Self::default());
        }
        let permit = acquire(&UNSENT, bytes, ALL_UNSENT_KIB).await?;
        Ok(Self(Some(permit)))
    }

    /// Takes the memory of an answer that is there already; None where there is none.
    pub fn try_of(bytes: usize) -> Option<Self> {
        Self::default().resized(bytes)
    }

    /// The answer with the memory that it takes.
    pub fn hold(self, mut response: HttpResponse) -> HttpResponse {
        response.extensions_mut().insert(self);
        response
    }

    /// As much as an answer of so many bytes takes, once its size is known; None where there is no more.
    fn resized(mut self, bytes: usize) -> Option<Self> {
        if bytes <= FREE_BYTES {
            return Some(Self::default());
        }
        let wanted = bytes.div_ceil(1024).min(ALL_UNSENT_KIB);
        let held = self.0.as_ref().map_or(0, SemaphorePermit::num_permits);
        if wanted < held {
            drop(self.0.as_mut()?.split(held - wanted)?);
        } else if wanted > held {
            let more = UNSENT.try_acquire_many(u32::try_from(wanted - held).ok()?);
            match self.0.as_mut() {
                Some(permit) => permit.merge(more.ok()?),
                None => self.0 = Some(more.ok()?),
            }
        }
        Some(self)
    }
}

/// Counts the large answers to reads: what there is no memory for is refused. Answers to writes are sent in any case,
/// since the write has happened.
pub async fn count(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let is_read = *request.method() == Method::GET;
    let mut response = next.call(request).await?.map_into_boxed_body();
    let size = match response.response().body().size() {
        BodySize::Sized(size) => usize::try_from(size).unwrap_or(usize::MAX),
        BodySize::None | BodySize::Stream => return Ok(response),
    };
    let reserved = response.response_mut().extensions_mut().remove::<Unsent>();
    if size <= FREE_BYTES {
        return Ok(response);
    }
    let unsent = match reserved.unwrap_or_default().resized(size) {
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

/// A large answer that is handed to the connection part by part: the connection copies what it gets.
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

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[tokio::test]
    async fn memory_is_given_back_when_the_size_is_known_and_when_the_answer_is_gone() {
        let all = ALL_UNSENT_KIB * 1024;
        assert!(Unsent::of(FREE_BYTES).await.unwrap().0.is_none());
        let most = Unsent::of(all).await.unwrap();
        assert!(are_crowded());
        assert!(Unsent::try_of(FREE_BYTES).is_some());
        assert!(Unsent::try_of(FREE_BYTES + 1).is_none());
        let part = most.resized(MIB).unwrap();
        assert!(!are_crowded());
        let other = Unsent::try_of(all - MIB).unwrap();
        assert!(part.resized(2 * MIB).is_none());
        drop(other);
        assert!(Unsent::try_of(all).is_some());
    }
}
