//! What one connection is used for at present, seen from the server and from its own stream.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

use super::limits::ClientNetwork;

/// The use of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The TLS handshake.
    Handshake,
    /// Nothing has arrived yet.
    Opened,
    /// Between two requests.
    Idle,
    /// A part of a request's head has arrived.
    Head,
    /// The body of a request arrives.
    Body,
    /// A request is answered.
    Working,
}

impl Phase {
    const ALL: [Self; 6] = [
        Self::Handshake,
        Self::Opened,
        Self::Idle,
        Self::Head,
        Self::Body,
        Self::Working,
    ];
}

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// It was idle, or another connection needs its place: the client gets no answer.
    Quiet,
    /// The head of a request took too long: the client gets a 408.
    SlowHead,
}

/// Bits of a phase in the word that also has the time.
const PHASE_BITS: u32 = 3;

/// The state of a connection.
#[derive(Debug)]
pub struct ConnectionState {
    /// Its number.
    pub id: u64,
    /// The client.
    pub network: ClientNetwork,
    /// Whether it is the connection of a trusted proxy.
    pub is_trusted: bool,
    epoch: Instant,
    /// The phase, and the milliseconds from the epoch to its start, in one word: both are read together.
    phase_since: AtomicU64,
    /// 0 as long as the connection stays, then a [`CloseCause`].
    closing: AtomicU8,
    waker: AtomicWaker,
}

impl ConnectionState {
    /// A new connection.
    pub fn new(
        id: u64,
        network: ClientNetwork,
        is_trusted: bool,
        epoch: Instant,
        phase: Phase,
    ) -> Self {
        let state = Self {
            id,
            network,
            is_trusted,
            epoch,
            phase_since: AtomicU64::new(0),
            closing: AtomicU8::new(0),
            waker: AtomicWaker::new(),
        };
        state.enter(phase);
        state
    }

    fn enter(&self, phase: Phase) {
        let since = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        let word = since << PHASE_BITS | phase as u64;
        self.phase_since.store(word, Ordering::Relaxed);
    }

    /// The phase, and its start as the time since the epoch.
    pub fn phase(&self) -> (Phase, Duration) {
        let word = self.phase_since.load(Ordering::Relaxed);
        let index = usize::try_from(word & ((1 << PHASE_BITS) - 1)).unwrap_or_default();
        let phase = Phase::ALL.get(index).copied().unwrap_or(Phase::Working);
        (phase, Duration::from_millis(word >> PHASE_BITS))
    }

    /// The connection is ready for its first request.
    pub fn open(&self) {
        self.enter(Phase::Opened);
    }

    /// Bytes have arrived.
    pub fn receive(&self) {
        if matches!(self.phase().0, Phase::Opened | Phase::Idle) {
            self.enter(Phase::Head);
        }
    }

    /// The head of a request is complete.
    pub fn begin(&self, has_body: bool) {
        self.enter(if has_body {
            Phase::Body
        } else {
            Phase::Working
        });
    }

    /// The body of the request is complete.
    pub fn body_received(&self) {
        self.enter(Phase::Working);
    }

    /// The request is answered.
    pub fn end(&self) {
        self.enter(Phase::Idle);
    }

    /// Whether the server closes the connection.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire) != 0
    }

    /// Closes the connection; false if it was being closed already.
    pub fn close(&self, reason: CloseCause) -> bool {
        let code = match reason {
            CloseCause::Quiet => 1,
            CloseCause::SlowHead => 2,
        };
        let set = self
            .closing
            .compare_exchange(0, code, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
        set.is_ok()
    }

    /// Wakes the connection's task, in case it did not read when the connection was closed.
    pub fn wake(&self) {
        self.waker.wake();
    }

    /// Ready once the server closes the connection, but not while a request is answered: it may have begun just before
    /// the server decided.
    pub fn poll_closed(&self, cx: &mut Context<'_>) -> Poll<CloseCause> {
        self.waker.register(cx.waker());
        if self.phase().0 == Phase::Working {
            return Poll::Pending;
        }
        match self.closing.load(Ordering::Acquire) {
            0 => Poll::Pending,
            1 => Poll::Ready(CloseCause::Quiet),
            _ => Poll::Ready(CloseCause::SlowHead),
        }
    }
}
