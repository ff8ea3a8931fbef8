//! TCP connections with a write timeout.
//!
//! actix has none: it keeps a response that the client does not read for as long as the connection lasts. TLS runs on
//! top, so that the timeout holds for what the client takes from the network.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tracing::info;

use crate::api::answer_memory::AnswerMemory;

/// Write timeout while large responses wait for memory.
const CROWDED_TIMEOUT: Duration = Duration::from_secs(3);
/// Minimum rate at which a client must read, in bytes per second.
const MIN_BYTES_PER_SECOND: u64 = 4 << 10;
/// Maximum unsent data in the kernel's buffer: bounds its memory, and shows a slow client's progress in small
/// steps.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 128 << 10;

/// A TCP connection that fails if its client reads too slowly.
pub struct TimedStream {
    stream: TcpStream,
    timeout: Duration,
    answers: AnswerMemory,
    stall: Option<Stall>,
}

/// Data that waits until the client reads.
struct Stall {
    tick: Pin<Box<Sleep>>,
    /// Start of the period in which `taken` is counted.
    since: Instant,
    taken: usize,
}

impl TimedStream {
    /// The TCP connection.
    pub fn get_ref(&self) -> &TcpStream {
        &self.stream
    }

    /// Wraps an accepted connection; `answers` is the response memory of the server.
    pub fn new(stream: TcpStream, timeout: Duration, answers: AnswerMemory) -> Self {
        // Responses are sent in parts: the last one must not wait for the acknowledgement of the one before. Both
        // options only affect speed, so errors are ignored.
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
        Self {
            stream,
            timeout,
            answers,
            stall: None,
        }
    }

    fn written(
        &mut self,
        result: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                if let Some(stall) = &mut self.stall {
                    stall.taken = stall.taken.saturating_add(bytes);
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Pending => self.poll_stall(cx).map(Err),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Ready with an error once the client has read less than the minimum rate for the timeout.
    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let tick = CROWDED_TIMEOUT.min(self.timeout);
        let stall = self.stall.get_or_insert_with(|| Stall {
            tick: Box::pin(sleep(tick)),
            since: Instant::now(),
            taken: 0,
        });
        loop {
            ready!(stall.tick.as_mut().poll(cx));
            let limit = if self.answers.is_crowded() {
                tick
            } else {
                self.timeout
            };
            let elapsed = stall.since.elapsed();
            if elapsed >= limit {
                if is_too_little(stall.taken, elapsed) {
                    info!(
                        event = "api.slow_client_disconnected",
                        bytes = stall.taken,
                        seconds = elapsed.as_secs(),
                        "connection closed: the client reads too slowly"
                    );
                    return Poll::Ready(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "the client does not take what is sent to it",
                    ));
                }
                (stall.since, stall.taken) = (Instant::now(), 0);
            }
            stall.tick.as_mut().reset(Instant::now() + tick);
        }
    }
}

fn is_too_little(taken: usize, elapsed: Duration) -> bool {
    let least = MIN_BYTES_PER_SECOND.saturating_mul(elapsed.as_secs());
    u64::try_from(taken).is_ok_and(|taken| taken <= least)
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(result, cx)
    }

    /// Called when everything so far has been written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stall = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_client_is_told_from_one_that_takes_nothing() {
        let seconds = Duration::from_secs(20);
        assert!(is_too_little(0, Duration::from_millis(500)));
        assert!(is_too_little(80 << 10, seconds));
        assert!(!is_too_little((80 << 10) + 1, seconds));
    }
}
