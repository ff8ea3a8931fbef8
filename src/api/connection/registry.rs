//! All connections of a server: how many there are, and which one is closed when there are too many.
//!
//! A new connection is worth more than one that waits: if a limit is reached, connections are closed that have no
//! request in progress, first those of the client that has the most, the longest idle first. Only if there is none,
//! the new connection is refused.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

use super::limits::{ClientNetwork, ConnectionLimits, TooManyConnections};
use super::state::{CloseCause, ConnectionState, Phase};
use crate::metrics;

/// How often the deadlines of all connections are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// How long a body may take before its connection may be closed in favour of another.
const SLOW_BODY: Duration = Duration::from_secs(2);
/// Maximum number of concurrent TLS handshakes.
const MAX_HANDSHAKES: usize = 1_024;
/// Maximum number of connections beyond the limit whose close is under way.
pub const MAX_CLOSING: usize = 128;
/// A search for connections to close finds the share 1/`BATCH` of the limit, so that it is rare.
const BATCH: usize = 64;
/// Minimum time between two log lines about full limits.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The connections of a server. Clones share them.
#[derive(Debug, Clone)]
pub struct ConnectionRegistry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: ConnectionLimits,
    epoch: Instant,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    next_id: u64,
    all: HashMap<u64, Arc<ConnectionState>>,
    /// Number of connections of each client that are not being closed.
    of_clients: HashMap<ClientNetwork, usize>,
    handshakes: usize,
    closing: usize,
    /// Since the last log line.
    closed: usize,
    refused: usize,
    logged_at: Option<Instant>,
}

/// The connections among which one is closed.
#[derive(Debug, Clone, Copy)]
enum Among {
    All,
    OfClient(ClientNetwork),
    Handshakes,
}

/// A connection's place; dropped when the connection has ended.
#[derive(Debug)]
pub struct ConnectionPermit {
    state: Arc<ConnectionState>,
    shared: Arc<Shared>,
}

impl ConnectionRegistry {
    /// An empty registry, whose deadlines are checked as long as it exists.
    pub fn start(limits: ConnectionLimits) -> Self {
        let shared = Arc::new(Shared {
            limits,
            epoch: Instant::now(),
            book: Mutex::default(),
        });
        tokio::spawn(check_deadlines(Arc::downgrade(&shared)));
        Self(shared)
    }

    /// The connections, and the most that there may be.
    pub fn usage(&self) -> (usize, usize) {
        let open = self.0.book().all.len();
        (open, self.0.limits.max_connections)
    }

    /// Admits a connection from this address, which begins with a TLS handshake or as [`Phase::Opened`].
    ///
    /// # Errors
    /// When a limit is reached, and every connection that counts has a request in progress.
    pub fn admit(
        &self,
        address: IpAddr,
        phase: Phase,
    ) -> Result<ConnectionPermit, TooManyConnections> {
        let shared = &self.0;
        let network = ClientNetwork::of(address);
        let is_trusted = shared.limits.is_trusted(address);
        let now = shared.epoch.elapsed();
        let mut book = shared.book();
        let admitted = book.make_place(&shared.limits, network, is_trusted, phase, now);
        if let Err(limit) = admitted {
            book.refused += 1;
            metrics::connection_refused(limit.label());
            return Err(limit);
        }
        let id = book.next_id;
        book.next_id += 1;
        let state = ConnectionState::new(id, network, is_trusted, shared.epoch, phase);
        let state = Arc::new(state);
        book.all.insert(id, state.clone());
        *book.of_clients.entry(network).or_default() += 1;
        book.handshakes += usize::from(phase == Phase::Handshake);
        drop(book);
        Ok(ConnectionPermit {
            state,
            shared: shared.clone(),
        })
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes connections whose time is over, and logs what the limits did.
    fn check(&self) {
        let now = self.epoch.elapsed();
        let mut book = self.book();
        let all: Vec<_> = book.all.values().cloned().collect();
        for state in all {
            if state.is_closing() {
                state.wake();
            } else if let Some(reason) = self.overdue(&state, now)
                && book.close(&state, reason)
            {
                metrics::connection_closed("timeout");
            }
        }
        let is_due = book
            .logged_at
            .is_none_or(|logged| logged.elapsed() >= LOG_INTERVAL);
        if is_due && book.closed + book.refused > 0 {
            warn!(
                event = "api.connections_limited",
                closed = book.closed,
                refused = book.refused,
                open = book.all.len(),
                clients = book.of_clients.len(),
                "connections closed or refused: there were too many"
            );
            (book.closed, book.refused) = (0, 0);
            book.logged_at = Some(Instant::now());
        }
    }

    fn overdue(&self, state: &ConnectionState, now: Duration) -> Option<CloseCause> {
        let (phase, since) = state.phase();
        let (limit, reason) = match phase {
            Phase::Handshake | Phase::Opened => (self.limits.head_timeout, CloseCause::Quiet),
            Phase::Head => (self.limits.head_timeout, CloseCause::SlowHead),
            Phase::Idle => (self.limits.idle_timeout, CloseCause::Quiet),
            Phase::Body | Phase::Working => return None,
        };
        (now.saturating_sub(since) >= limit).then_some(reason)
    }
}

async fn check_deadlines(shared: Weak<Shared>) {
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match shared.upgrade() {
            Some(shared) => shared.check(),
            None => return,
        }
    }
}

impl Book {
    fn make_place(
        &mut self,
        limits: &ConnectionLimits,
        network: ClientNetwork,
        is_trusted: bool,
        phase: Phase,
        now: Duration,
    ) -> Result<(), TooManyConnections> {
        let of_client = self.of_clients.get(&network).copied().unwrap_or_default();
        let most = limits.max_per_address;
        if !is_trusted && of_client >= most && !self.close_some(Among::OfClient(network), most, now)
        {
            return Err(TooManyConnections::OfClient(most));
        }
        if phase == Phase::Handshake && self.handshakes >= MAX_HANDSHAKES {
            self.close_some(Among::Handshakes, MAX_HANDSHAKES, now);
        }
        let most = limits.max_connections;
        let open = self.all.len() - self.closing;
        let is_full = open >= most && !self.close_some(Among::All, most, now);
        if is_full || self.all.len() >= most + MAX_CLOSING {
            return Err(TooManyConnections::InAll(most));
        }
        Ok(())
    }

    /// Closes the best candidates, a small share of `most`; false if there is none.
    fn close_some(&mut self, among: Among, most: usize, now: Duration) -> bool {
        let mut candidates: Vec<_> = self
            .all
            .values()
            .filter(|state| !state.is_closing() && is_among(state, among, now))
            .map(|state| {
                let count = self.of_clients.get(&state.network).copied();
                let (_, since) = state.phase();
                let count = Reverse(count.unwrap_or_default());
                let rank = (state.is_trusted, count, since, state.id);
                (rank, state.clone())
            })
            .collect();
        let wanted = (most / BATCH).max(1).min(candidates.len());
        if wanted == 0 {
            return false;
        }
        candidates.select_nth_unstable_by_key(wanted - 1, |(rank, _)| *rank);
        for (_, state) in candidates.drain(..wanted) {
            if self.close(&state, CloseCause::Quiet) {
                self.closed += 1;
                metrics::connection_closed("made_room");
            }
        }
        true
    }

    fn close(&mut self, state: &ConnectionState, reason: CloseCause) -> bool {
        let closes = state.close(reason);
        if closes {
            self.closing += 1;
            self.forget(state);
        }
        closes
    }

    /// Counts a connection of a client no more.
    fn forget(&mut self, state: &ConnectionState) {
        self.handshakes -= usize::from(state.phase().0 == Phase::Handshake);
        if let Some(count) = self.of_clients.get_mut(&state.network) {
            *count -= 1;
            if *count == 0 {
                self.of_clients.remove(&state.network);
            }
        }
    }
}

fn is_among(state: &ConnectionState, among: Among, now: Duration) -> bool {
    let (phase, since) = state.phase();
    let may_close = match phase {
        Phase::Handshake | Phase::Opened | Phase::Idle | Phase::Head => true,
        Phase::Body => now.saturating_sub(since) >= SLOW_BODY,
        Phase::Working => false,
    };
    may_close
        && match among {
            Among::All => true,
            Among::OfClient(network) => state.network == network,
            Among::Handshakes => phase == Phase::Handshake,
        }
}

impl ConnectionPermit {
    /// The TLS handshake is complete.
    pub fn handshake_done(&self) {
        let mut book = self.shared.book();
        if !self.state.is_closing() {
            book.handshakes -= 1;
        }
        // Under the lock, because the phase decides what is counted.
        self.state.open();
    }

    /// The state, for the requests of the connection.
    pub fn state(&self) -> Arc<ConnectionState> {
        self.state.clone()
    }
}

impl Deref for ConnectionPermit {
    type Target = ConnectionState;

    fn deref(&self) -> &ConnectionState {
        &self.state
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut book = self.shared.book();
        book.all.remove(&self.state.id);
        if self.state.is_closing() {
            book.closing -= 1;
        } else {
            book.forget(&self.state);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(max_connections: usize, max_per_address: usize) -> ConnectionRegistry {
        ConnectionRegistry::start(ConnectionLimits {
            max_connections,
            max_per_address,
            trusted_proxies: vec!["10.0.0.1/32".parse().unwrap()],
            head_timeout: Duration::from_hours(1),
            idle_timeout: Duration::from_hours(1),
        })
    }

    fn open(
        registry: &ConnectionRegistry,
        address: &str,
    ) -> Result<ConnectionPermit, TooManyConnections> {
        registry.admit(address.parse().unwrap(), Phase::Opened)
    }

    fn working(registry: &ConnectionRegistry, address: &str) -> ConnectionPermit {
        let permit = open(registry, address).unwrap();
        permit.begin(false);
        permit
    }

    #[tokio::test]
    async fn the_client_with_the_most_connections_loses_the_longest_idle_one() {
        let registry = registry(4, 3);
        let modest = open(&registry, "192.0.2.1").unwrap();
        let busy = working(&registry, "192.0.2.2");
        let idle = open(&registry, "192.0.2.2").unwrap();
        let later = open(&registry, "192.0.2.2").unwrap();
        std::thread::sleep(Duration::from_millis(2));
        later.receive();
        let new = open(&registry, "192.0.2.3").unwrap();
        assert!(idle.is_closing());
        for kept in [&modest, &busy, &later, &new] {
            assert!(!kept.is_closing());
        }
    }

    #[tokio::test]
    async fn requests_in_progress_stay_and_new_connections_are_refused() {
        let registry = registry(3, 2);
        let _all = ["192.0.2.1", "192.0.2.1"].map(|address| working(&registry, address));
        let refused = open(&registry, "192.0.2.1").unwrap_err();
        assert_eq!(refused, TooManyConnections::OfClient(2));
        let last = working(&registry, "192.0.2.2");
        let refused = open(&registry, "192.0.2.3").unwrap_err();
        assert_eq!(refused, TooManyConnections::InAll(3));
        drop(last);
        assert!(open(&registry, "192.0.2.3").is_ok());
    }

    #[tokio::test]
    async fn a_trusted_proxy_has_no_limit_of_its_own_and_loses_its_connections_last() {
        let registry = registry(5, 1);
        let of_proxy: Vec<_> = (0..4)
            .map(|_| open(&registry, "10.0.0.1").unwrap())
            .collect();
        let other = open(&registry, "192.0.2.1").unwrap();
        let _new = open(&registry, "192.0.2.2").unwrap();
        assert!(other.is_closing());
        assert!(of_proxy.iter().all(|permit| !permit.is_closing()));
    }

    #[tokio::test]
    async fn what_is_counted_is_counted_once() {
        let registry = registry(2, 2);
        for _ in 0..100 {
            let address = "192.0.2.1".parse().unwrap();
            let first = registry.admit(address, Phase::Handshake).unwrap();
            let second = registry.admit(address, Phase::Handshake).unwrap();
            second.handshake_done();
            let third = registry.admit(address, Phase::Handshake).unwrap();
            assert!(first.is_closing());
            first.handshake_done();
            drop((second, third, first));
        }
        let book = registry.0.book();
        assert!(book.all.is_empty() && book.of_clients.is_empty());
        assert_eq!((book.handshakes, book.closing), (0, 0));
    }
}
