//! How many requests are in progress: those that work and those that wait are counted apart, so that waiting clients
//! do not block submissions.
//!
//! A request with a body is counted once the body is complete: slow bodies take no slot.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::{HttpMessage, HttpRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Problem;

/// Limits of the requests of one server. Clones share the slots.
#[derive(Debug, Clone)]
pub struct RequestLimits {
    working: Slots,
    waiting: Slots,
    body_timeout: Duration,
}

#[derive(Debug, Clone)]
struct Slots {
    free: Arc<Semaphore>,
    all: usize,
}

/// The right to be in progress, returned on drop.
#[derive(Debug)]
pub struct RequestSlot(#[allow(dead_code, reason = "returned on drop")] OwnedSemaphorePermit);

/// What a request does most of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// It is answered under any load.
    AlwaysAnswered,
    /// It uses the database or the CPU.
    Working,
    /// It may wait for a task: a claim, a read with `wait`, a stream of events.
    Waiting,
}

impl Slots {
    fn new(all: usize) -> Self {
        let all = all.min(Semaphore::MAX_PERMITS);
        Self {
            free: Arc::new(Semaphore::new(all)),
            all,
        }
    }

    fn take(&self) -> Option<RequestSlot> {
        let permit = self.free.clone().try_acquire_owned();
        permit.ok().map(RequestSlot)
    }
}

impl RequestLimits {
    /// At most `working` and `waiting` requests of each kind at a time; a body must be complete within `body_timeout`.
    pub fn new(working: usize, waiting: usize, body_timeout: Duration) -> Self {
        Self {
            working: Slots::new(working),
            waiting: Slots::new(waiting),
            body_timeout,
        }
    }

    /// The kinds of requests with their numbers in progress, and the most of each.
    pub fn usage(&self) -> [(&'static str, usize, usize); 2] {
        let in_progress = |slots: &Slots| slots.all - slots.free.available_permits();
        [("working", &self.working), ("waiting", &self.waiting)]
            .map(|(kind, slots)| (kind, in_progress(slots), slots.all))
    }

    /// How long a body may take.
    pub fn body_timeout(&self) -> Duration {
        self.body_timeout
    }

    /// Takes a slot for a request whose body is complete; it is returned when the request ends. The kind of the request is among its
    /// extensions; without one, it counts as working.
    ///
    /// # Errors
    /// When none is free.
    pub fn enter(&self, request: &HttpRequest) -> Result<(), Problem> {
        let kind = request.extensions().get().copied();
        if let Some(slot) = self.slot(kind.unwrap_or(RequestKind::Working))? {
            request.extensions_mut().insert(slot);
        }
        Ok(())
    }

    fn slot(&self, kind: RequestKind) -> Result<Option<RequestSlot>, Problem> {
        let (slots, what) = match kind {
            RequestKind::AlwaysAnswered => return Ok(None),
            RequestKind::Working => (&self.working, "requests are in progress"),
            RequestKind::Waiting => (&self.waiting, "requests wait for tasks"),
        };
        let slot = slots.take().ok_or_else(|| {
            let detail = format!(
                "{} {what}, the maximum of this process; nothing was changed. Try again later.",
                slots.all
            );
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_requests", detail)
        })?;
        Ok(Some(slot))
    }
}

/// Whether a request has a body.
pub fn has_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let length = headers.get(CONTENT_LENGTH);
    length.is_some_and(|length| length != "0") || headers.contains_key(TRANSFER_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_requests_leave_the_slots_of_the_others_free() {
        let limits = RequestLimits::new(1, 1, Duration::from_secs(30));
        let slot = |kind| limits.slot(kind).map_err(|problem| problem.to_string());
        let _waiting = slot(RequestKind::Waiting).unwrap();
        let working = slot(RequestKind::Working).unwrap();
        let refused = slot(RequestKind::Working).unwrap_err();
        assert!(refused.starts_with("503 too_many_requests: 1 requests"));
        drop(working);
        assert!(slot(RequestKind::Working).is_ok());
        assert!(slot(RequestKind::Waiting).is_err());
        assert!(matches!(slot(RequestKind::AlwaysAnswered), Ok(None)));
    }
}
