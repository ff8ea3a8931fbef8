//! Tasks that one caller may submit per minute: a token bucket for each caller.
//!
//! A bucket holds one minute's tasks. A batch that is larger than the bucket is accepted when the bucket is full, and
//! the tasks beyond it are waited for afterwards.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{HttpMessage, HttpRequest};

use super::Problem;
use super::connection::{ClientNetwork, ConnectionLimits};
use crate::domain::access::Caller;

/// Maximum number of buckets. Beyond it, the fullest is dropped: its caller begins anew with a full one.
const MAX_BUCKETS: usize = 10_000;
/// The proxies' list of addresses that a request has passed.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The rate of submissions of each caller. Clones share the buckets.
#[derive(Debug, Clone)]
pub struct SubmissionRate {
    per_minute: u32,
    connections: ConnectionLimits,
    buckets: Arc<Mutex<HashMap<CallerKey, Bucket>>>,
}

/// Whose submissions count together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum CallerKey {
    Token(String),
    Network(Option<ClientNetwork>),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Tasks that may be submitted at once; negative after a large batch.
    tasks: f64,
    at: Instant,
}

impl SubmissionRate {
    /// At most `per_minute` tasks for each caller; 0 for any number. `connections` names the trusted proxies.
    pub fn new(per_minute: u32, connections: ConnectionLimits) -> Self {
        Self {
            per_minute,
            connections,
            buckets: Arc::default(),
        }
    }

    /// Counts the tasks of a submission.
    ///
    /// # Errors
    /// When the caller has submitted too many.
    pub fn admit(&self, request: &HttpRequest, tasks: usize) -> Result<(), Problem> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let key = self.key(request);
        let of = match key {
            CallerKey::Token(_) => "token",
            CallerKey::Network(_) => "address",
        };
        self.take(key, tasks, Instant::now()).map_err(|wait| {
            let seconds = wait.as_secs_f64().ceil().max(1.0);
            let detail = format!(
                "One {of} may submit {} tasks per minute (QTASK_SUBMISSIONS_PER_MINUTE); nothing was changed. \
                 Repeat it in {seconds} s.",
                self.per_minute
            );
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail)
                .with_retry_after(wait)
        })
    }

    fn key(&self, request: &HttpRequest) -> CallerKey {
        let extensions = request.extensions();
        if let Some(id) = extensions.get::<Caller>().and_then(Caller::token_id) {
            return CallerKey::Token(id.to_owned());
        }
        let peer = request.peer_addr().map(|peer| peer.ip());
        let headers = request.headers().get_all(FORWARDED_FOR);
        let hops: Vec<&str> = headers.filter_map(|value| value.to_str().ok()).collect();
        let client = peer.map(|peer| self.connections.client(peer, &hops.join(",")));
        CallerKey::Network(client.map(ClientNetwork::of))
    }

    /// Takes tasks from a bucket, or returns how long to wait for them.
    fn take(&self, key: CallerKey, tasks: usize, now: Instant) -> Result<(), Duration> {
        let most = f64::from(self.per_minute);
        let per_second = most / 60.0;
        let wanted = f64::from(u32::try_from(tasks).unwrap_or(u32::MAX));
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |bucket: &Bucket| {
            let elapsed = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.tasks + elapsed * per_second).min(most)
        };
        let is_new = !buckets.contains_key(&key);
        if is_new && buckets.len() >= MAX_BUCKETS {
            buckets.retain(|_, bucket| filled(bucket) < most);
            let fullest = buckets
                .iter()
                .max_by(|(_, one), (_, other)| filled(one).total_cmp(&filled(other)));
            let fullest = fullest.map(|(key, _)| key.clone());
            if let Some(fullest) = fullest.filter(|_| buckets.len() >= MAX_BUCKETS) {
                buckets.remove(&fullest);
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket {
            tasks: most,
            at: now,
        });
        let available = filled(bucket);
        let needed = wanted.min(most);
        if available < needed {
            return Err(Duration::from_secs_f64((needed - available) / per_second));
        }
        *bucket = Bucket {
            tasks: available - wanted,
            at: now,
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_minute: u32) -> SubmissionRate {
        let limits = ConnectionLimits {
            max_connections: 1,
            max_per_address: 1,
            trusted_proxies: Vec::new(),
            head_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
        };
        SubmissionRate::new(per_minute, limits)
    }

    fn token(name: &str) -> CallerKey {
        CallerKey::Token(name.to_owned())
    }

    #[test]
    fn a_caller_has_one_minutes_tasks_at_once_and_then_a_steady_rate() {
        let (rate, start) = (rate(60), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(rate.take(token("a"), 60, start), Ok(()));
        let wait = Duration::from_secs(1);
        assert_eq!(rate.take(token("a"), 1, start), Err(wait));
        assert_eq!(rate.take(token("b"), 1, start), Ok(()));
        assert_eq!(rate.take(token("a"), 2, after(2)), Ok(()));
        assert_eq!(rate.take(token("a"), 1, after(2)), Err(wait));
        assert_eq!(rate.take(token("a"), 60, after(1_000)), Ok(()));
        assert!(rate.take(token("a"), 1, after(1_000)).is_err());
    }

    #[test]
    fn a_batch_that_is_larger_than_the_bucket_is_paid_afterwards() {
        let (rate, start) = (rate(60), Instant::now());
        assert_eq!(rate.take(token("a"), 120, start), Ok(()));
        let wait = rate.take(token("a"), 1, start).unwrap_err();
        assert_eq!(wait, Duration::from_secs(61));
        let wait = rate.take(token("a"), 120, start).unwrap_err();
        assert_eq!(wait, Duration::from_mins(2));
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let (rate, start) = (rate(60), Instant::now());
        rate.take(token("busy"), 60, start).unwrap();
        for n in 0..MAX_BUCKETS + 10 {
            rate.take(token(&n.to_string()), 1, start).unwrap();
        }
        assert!(rate.buckets.lock().unwrap().len() <= MAX_BUCKETS);
        assert!(rate.take(token("busy"), 1, start).is_err());
    }
}
