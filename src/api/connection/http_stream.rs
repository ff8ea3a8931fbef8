//! The stream that actix reads requests from and writes responses to.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::bare;
use super::http_socket::HttpSocket;
use super::registry::ConnectionPermit;
use super::state::{CloseCause, ConnectionState};

/// A connection that adds a body to bare errors, and ends when the server closes it.
pub struct HttpStream {
    socket: HttpSocket,
    permit: ConnectionPermit,
    /// The response that replaces a bare error.
    error: Option<Replacement>,
    /// The response to a request that will not become complete, sent at the end.
    last: Option<Replacement>,
}

/// A response, and how much of it is sent.
struct Replacement {
    answer: Vec<u8>,
    sent: usize,
}

impl Replacement {
    fn new(answer: Vec<u8>) -> Self {
        Self { answer, sent: 0 }
    }

    /// Ready once all of it is sent.
    fn poll_send(&mut self, socket: &mut HttpSocket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.answer.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut *socket).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl HttpStream {
    /// Wraps a connection that is ready for HTTP.
    pub fn new(socket: HttpSocket, permit: ConnectionPermit) -> Self {
        Self {
            socket,
            permit,
            error: None,
            last: None,
        }
    }

    /// The state of the connection, for its requests.
    pub fn state(&self) -> Arc<ConnectionState> {
        self.permit.state()
    }
}

impl AsyncRead for HttpStream {
    /// If the server closes the connection, the client seems to have closed it: actix then stops at once.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(reason) = self.permit.poll_closed(cx) {
            if reason == CloseCause::SlowHead && self.last.is_none() {
                self.last = Some(Replacement::new(bare::slow_head()));
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.permit.receive();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.error.is_none() {
            this.error = bare::with_body(bytes).map(Replacement::new);
        }
        let Some(error) = &mut this.error else {
            return Pin::new(&mut this.socket).poll_write(cx, bytes);
        };
        let sent = ready!(error.poll_send(&mut this.socket, cx));
        this.error = None;
        Poll::Ready(sent.map(|()| bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(last) = &mut this.last {
            ready!(last.poll_send(&mut this.socket, cx))?;
        }
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}
