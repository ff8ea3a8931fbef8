//! Bounds the memory of responses, from before their rows are read until they are sent.
//!
//! There are two bounds. A [`ReadPermit`] is held while rows are read and serialized, which never waits for a
//! client. [`Unsent`] is held until the last byte of a response is passed to the connection. Responses of up to
//! 64 KiB need no [`Unsent`], so that they are sent even if clients do not read large ones.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Problem;

/// Memory of the rows of all requests while they are read and serialized, in KiB.
const ALL_READING_KIB: usize = 128 << 10;
/// Memory of all large responses until they are sent, in KiB.
const ALL_UNSENT_KIB: usize = 128 << 10;
/// Responses up to this size are not counted.
pub(super) const FREE_BYTES: usize = 64 << 10;
/// Copies of a row in memory while it is read: the message, the text, and the response buffer, which grows by doubling.
const COPIES: usize = 4;
/// Maximum wait of a request for a permit.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// The memory that the responses of one server share. Clones share it.
#[derive(Debug, Clone)]
pub struct AnswerMemory {
    reading: Arc<Semaphore>,
    unsent: Arc<Semaphore>,
}

impl Default for AnswerMemory {
    fn default() -> Self {
        Self {
            reading: Arc::new(Semaphore::new(ALL_READING_KIB)),
            unsent: Arc::new(Semaphore::new(ALL_UNSENT_KIB)),
        }
    }
}

impl AnswerMemory {
    /// Whether unsent responses leave at most an eighth of their memory free.
    pub fn is_crowded(&self) -> bool {
        self.unsent.available_permits() < ALL_UNSENT_KIB / 8
    }

    /// Waits for a permit to read rows of `bytes` bytes.
    pub async fn read_permit(&self, bytes: usize) -> Result<ReadPermit, Problem> {
        let bytes = bytes.saturating_mul(COPIES);
        acquire(&self.reading, bytes, ALL_READING_KIB)
            .await
            .map(ReadPermit)
    }

    /// Waits for the memory of a response of `bytes` bytes.
    pub async fn unsent(&self, bytes: usize) -> Result<Unsent, Problem> {
        if bytes <= FREE_BYTES {
            return Ok(Unsent::default());
        }
        let permit = acquire(&self.unsent, bytes, ALL_UNSENT_KIB).await?;
        Ok(Unsent(Some(permit)))
    }

    /// Reserves the memory of a response without waiting.
    pub fn try_unsent(&self, bytes: usize) -> Result<Unsent, Problem> {
        self.resize(Unsent::default(), bytes).ok_or_else(overloaded)
    }

    /// Resizes a reservation to the actual size of the response; `None` if there is not enough memory.
    pub fn resize(&self, mut held: Unsent, bytes: usize) -> Option<Unsent> {
        if bytes <= FREE_BYTES {
            return Some(Unsent::default());
        }
        let wanted = bytes.div_ceil(1024).min(ALL_UNSENT_KIB);
        let has = held.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if wanted < has {
            drop(held.0.as_mut()?.split(has - wanted)?);
        } else if wanted > has {
            let missing = u32::try_from(wanted - has).ok()?;
            let more = self.unsent.clone().try_acquire_many_owned(missing).ok()?;
            match held.0.as_mut() {
                Some(permit) => permit.merge(more),
                None => held.0 = Some(more),
            }
        }
        Some(held)
    }
}

async fn acquire(
    semaphore: &Arc<Semaphore>,
    bytes: usize,
    most: usize,
) -> Result<OwnedSemaphorePermit, Problem> {
    let kib = u32::try_from(bytes.div_ceil(1024).min(most)).unwrap_or(u32::MAX);
    match timeout(QUEUE_TIMEOUT, semaphore.clone().acquire_many_owned(kib)).await {
        Ok(Ok(permit)) => Ok(permit),
        _ => Err(overloaded()),
    }
}

/// The problem for a response that exceeds the memory.
pub fn overloaded() -> Problem {
    let detail = "Too many large answers are under way, or wait for clients that do not read them; nothing was changed. \
                  Try again in a moment.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
}

/// Memory for rows while they are read and serialized.
#[derive(Debug)]
pub struct ReadPermit(
    #[allow(dead_code, reason = "held until the rows are printed")] OwnedSemaphorePermit,
);

impl ReadPermit {
    /// A 200 response with this value, serialized while the permit is held.
    #[allow(clippy::unused_self, reason = "the memory is released at the end")]
    pub fn json(self, value: &impl Serialize) -> Result<HttpResponse, Problem> {
        json(value)
    }
}

/// A 200 response with this value; the buffer is shrunk to the length of the text.
fn json(value: &impl Serialize) -> Result<HttpResponse, Problem> {
    let mut text = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(event = "request.serialization_failed", %error, "response could not be serialized");
        Problem::internal_error()
    })?;
    text.shrink_to_fit();
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .body(text))
}

/// Memory of a large response until it is sent; nothing for a small one.
#[derive(Debug, Default)]
pub struct Unsent(Option<OwnedSemaphorePermit>);

impl Unsent {
    /// Binds the reservation to the response, so that it is returned once the response is sent.
    pub fn hold(self, mut response: HttpResponse) -> HttpResponse {
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[tokio::test]
    async fn memory_is_given_back_when_the_size_is_known_and_when_the_answer_is_gone() {
        let memory = AnswerMemory::default();
        let all = ALL_UNSENT_KIB * 1024;
        assert!(memory.unsent(FREE_BYTES).await.unwrap().0.is_none());
        let most = memory.unsent(all).await.unwrap();
        assert!(memory.is_crowded());
        assert!(memory.try_unsent(FREE_BYTES).is_ok());
        assert!(memory.try_unsent(FREE_BYTES + 1).is_err());
        let part = memory.resize(most, MIB).unwrap();
        assert!(!memory.is_crowded());
        let other = memory.try_unsent(all - MIB).unwrap();
        assert!(memory.resize(part, 2 * MIB).is_none());
        drop(other);
        assert!(memory.try_unsent(all).is_ok());
    }

    #[tokio::test]
    async fn two_servers_in_one_process_do_not_share_memory() {
        let (one, other) = (AnswerMemory::default(), AnswerMemory::default());
        let _all = one.try_unsent(ALL_UNSENT_KIB * 1024).unwrap();
        assert!(one.is_crowded() && !other.is_crowded());
    }
}
