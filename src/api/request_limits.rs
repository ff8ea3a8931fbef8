//! How many requests are in progress: those that work and those that wait are counted apart, so that waiting clients
//! do not block submissions.
//!
//! A request with a body is counted once the body is complete: slow bodies take no slot.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpMessage, HttpRequest};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Problem;

/// Paths of probes, and the heartbeat, which must be answered under any load.
const ALWAYS_ANSWERED: [&str; 5] = [
    "/livez",
    "/readyz",
    "/health",
    "/metrics",
    "/workers/heartbeat",
];

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
enum RequestKind {
    AlwaysAnswered,
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

    /// How long a body may take.
    pub fn body_timeout(&self) -> Duration {
        self.body_timeout
    }

    /// Takes a slot for a request whose body is complete; it is returned when the request ends.
    ///
    /// # Errors
    /// When none is free.
    pub fn enter(&self, request: &HttpRequest) -> Result<(), Problem> {
        let kind = kind(request);
        let (slots, what) = match kind {
            RequestKind::AlwaysAnswered => return Ok(()),
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
        request.extensions_mut().insert(slot);
        Ok(())
    }
}

fn kind(request: &HttpRequest) -> RequestKind {
    let path = request.path();
    if ALWAYS_ANSWERED.contains(&path) {
        return RequestKind::AlwaysAnswered;
    }
    let of_task = path.starts_with("/tasks/");
    let is_read = of_task && *request.method() == Method::GET;
    let waits = is_read && (path.ends_with("/events") || request.query_string().contains("wait="));
    let claims = path.starts_with("/workers/") && path.ends_with("/claim");
    if waits || claims {
        RequestKind::Waiting
    } else {
        RequestKind::Working
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
    use actix_web::test::TestRequest;

    use super::*;

    fn kind_of(method: Method, path: &str) -> RequestKind {
        kind(&TestRequest::with_uri(path).method(method).to_http_request())
    }

    #[test]
    fn requests_that_may_wait_for_tasks_are_told_from_the_others() {
        use RequestKind::{AlwaysAnswered, Waiting, Working};
        let id = "01a22add-0978-77e0-bfd2-bf3f90cc863c";
        for (method, path, expected) in [
            (Method::GET, format!("/tasks/{id}/events"), Waiting),
            (Method::GET, format!("/tasks/{id}?wait=60"), Waiting),
            (Method::GET, format!("/tasks/{id}"), Working),
            (Method::GET, "/tasks?status=pending".to_owned(), Working),
            (Method::POST, "/workers/w/claim".to_owned(), Waiting),
            (Method::POST, "/tasks".to_owned(), Working),
            (
                Method::POST,
                "/workers/heartbeat".to_owned(),
                AlwaysAnswered,
            ),
            (Method::GET, "/readyz".to_owned(), AlwaysAnswered),
        ] {
            assert_eq!(kind_of(method, &path), expected, "{path}");
        }
    }

    #[test]
    fn waiting_requests_leave_the_slots_of_the_others_free() {
        let limits = RequestLimits::new(1, 1, Duration::from_secs(30));
        let request = |path: &str| TestRequest::with_uri(path).to_http_request();
        let (waiting, working) = (request("/tasks/x/events"), request("/tasks"));
        assert!(limits.enter(&waiting).is_ok());
        assert!(limits.enter(&working).is_ok());
        let refused = limits.enter(&request("/tasks")).unwrap_err();
        assert!(
            refused
                .to_string()
                .starts_with("503 too_many_requests: 1 requests")
        );
        drop(working);
        assert!(limits.enter(&request("/tasks")).is_ok());
        assert!(limits.enter(&request("/tasks/x/events")).is_err());
    }
}
