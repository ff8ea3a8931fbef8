//! The stream that actix reads requests from and writes responses to.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::bare;
use super::http_socket::HttpSocket;

/// A connection that adds a body to bare errors.
pub struct HttpStream {
    socket: HttpSocket,
    /// The response that replaces a bare error.
    error: Option<Replacement>,
}

/// A response, and how much of it is sent.
struct Replacement {
    answer: Vec<u8>,
    sent: usize,
}

impl HttpStream {
    /// Wraps a connection that is ready for HTTP.
    pub fn new(socket: HttpSocket) -> Self {
        Self {
            socket,
            error: None,
        }
    }

    /// Sends the whole response that replaces a bare error; `length` is that of the error.
    fn poll_error(
        &mut self,
        mut error: Replacement,
        length: usize,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        while let Some(rest) = error
            .answer
            .get(error.sent..)
            .filter(|rest| !rest.is_empty())
        {
            match Pin::new(&mut self.socket).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(sent)) => error.sent += sent,
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => {
                    self.error = Some(error);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(length))
    }
}

impl AsyncRead for HttpStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for HttpStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let begun = self.error.take();
        let error = begun.or_else(|| {
            let answer = bare::with_body(bytes)?;
            Some(Replacement { answer, sent: 0 })
        });
        match error {
            Some(error) => self.poll_error(error, bytes.len(), cx),
            None => Pin::new(&mut self.socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
