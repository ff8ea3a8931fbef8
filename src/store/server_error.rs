//! The last `ErrorResponse` of a connection, read from the bytes that the server sends.
//!
//! diesel reports an error with its message but without SQLSTATE and severity, and messages are in the language of the server
//! (`lc_messages`). The stream of each connection is therefore read through [`ErrorTap`], which notes both.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

/// What the server said about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerError {
    /// SQLSTATE, five characters.
    pub(super) code: String,
    /// Whether the server ended the connection: FATAL or PANIC.
    pub(super) is_fatal: bool,
}

/// The last error that the server reported on a connection. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct LastError(Arc<Mutex<Option<ServerError>>>);

impl LastError {
    /// Takes the error, so that it is returned once.
    pub(super) fn take(&self) -> Option<ServerError> {
        self.lock().take()
    }

    fn set(&self, error: ServerError) {
        *self.lock() = Some(error);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<ServerError>> {
        // No code that holds the lock can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's stream that notes the errors which the server sends, and changes nothing.
pub(super) struct ErrorTap<S> {
    stream: S,
    messages: Messages,
    last: LastError,
}

impl<S> ErrorTap<S> {
    /// The stream must carry the messages in clear text: it is that inside TLS.
    pub(super) fn new(stream: S, last: LastError) -> Self {
        Self {
            stream,
            messages: Messages::default(),
            last,
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for ErrorTap<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

/// The type byte of an `ErrorResponse`.
const ERROR_RESPONSE: u8 = b'E';
/// The most bytes of an `ErrorResponse` that are kept: severity and SQLSTATE come first.
const MAX_KEPT: usize = 1_024;

/// The messages of the server's side of the protocol: a type byte, a length that counts itself but not the type byte, and a body.
#[derive(Debug, Default)]
struct Messages {
    header: Vec<u8>,
    body_left: usize,
    /// The body of the `ErrorResponse` that is being read.
    error: Option<Vec<u8>>,
}

impl Messages {
    const HEADER: usize = 5;

    /// Reads the next bytes of the stream; `found` gets each `ErrorResponse` once it is complete.
    fn read(&mut self, mut bytes: &[u8], mut found: impl FnMut(ServerError)) {
        while !bytes.is_empty() {
            let wanted = if self.header.len() < Self::HEADER {
                Self::HEADER - self.header.len()
            } else {
                self.body_left
            };
            let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
            bytes = rest;
            if self.header.len() < Self::HEADER {
                self.header.extend_from_slice(part);
                self.begin_body();
            } else {
                self.continue_body(part);
            }
            if self.header.len() == Self::HEADER && self.body_left == 0 {
                self.header.clear();
                if let Some(error) = self.error.take().and_then(|body| parse(&body)) {
                    found(error);
                }
            }
        }
    }

    fn begin_body(&mut self) {
        if let [kind, a, b, c, d] = *self.header {
            let length = u32::from_be_bytes([a, b, c, d]).saturating_sub(4);
            self.body_left = usize::try_from(length).unwrap_or(usize::MAX);
            self.error = (kind == ERROR_RESPONSE).then(Vec::new);
        }
    }

    fn continue_body(&mut self, part: &[u8]) {
        self.body_left -= part.len();
        if let Some(body) = &mut self.error {
            let room = MAX_KEPT.saturating_sub(body.len());
            body.extend(part.iter().take(room));
        }
    }
}

/// The fields of an `ErrorResponse`: each is a type byte and a text that ends with a zero byte. `S` is the severity in the language
/// of the server, `V` the same in English.
fn parse(body: &[u8]) -> Option<ServerError> {
    let mut fields = body.split(|byte| *byte == 0);
    let mut value = |name: u8| {
        fields.find_map(|field| match field {
            [first, text @ ..] if *first == name => {
                Some(String::from_utf8_lossy(text).into_owned())
            }
            _ => None,
        })
    };
    let severity = value(b'V')?;
    let code = value(b'C')?;
    Some(ServerError {
        code,
        is_fatal: severity != "ERROR",
    })
}

impl<S: AsyncRead + Unpin> AsyncRead for ErrorTap<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let tap = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut tap.stream).poll_read(context, buffer))?;
        let new = buffer.filled().get(before..).unwrap_or_default();
        tap.messages.read(new, |error| tap.last.set(error));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ErrorTap<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], length.as_slice(), body].concat()
    }

    fn error(severity: &str, code: &str) -> Vec<u8> {
        let long = "x".repeat(2 * MAX_KEPT);
        let body = format!("SFEHLER\0V{severity}\0C{code}\0MDeadlock entdeckt\0D{long}\0\0");
        message(ERROR_RESPONSE, body.as_bytes())
    }

    /// A row whose value looks like an error.
    fn row() -> Vec<u8> {
        message(b'D', &error("PANIC", "XX000"))
    }

    fn read_in_parts(stream: &[u8], size: usize) -> Vec<ServerError> {
        let (mut messages, mut found) = (Messages::default(), Vec::new());
        for part in stream.chunks(size) {
            messages.read(part, |error| found.push(error));
        }
        found
    }

    #[test]
    fn errors_are_found_among_other_messages_however_the_stream_is_cut() {
        let empty = message(b'3', b"");
        let stream = [
            row(),
            empty.clone(),
            error("ERROR", "40P01"),
            row(),
            error("FATAL", "57P01"),
            empty,
        ]
        .concat();
        let expected = [("40P01", false), ("57P01", true)].map(|(code, is_fatal)| ServerError {
            code: code.to_owned(),
            is_fatal,
        });
        for size in [1, 2, 3, 4, 5, 6, 7, 64, 1_000, stream.len()] {
            assert_eq!(
                read_in_parts(&stream, size),
                expected,
                "{size} bytes at a time"
            );
        }
    }

    #[test]
    fn a_message_that_is_no_error_of_this_protocol_is_ignored() {
        let body_without_fields = message(ERROR_RESPONSE, b"no fields");
        assert_eq!(read_in_parts(&body_without_fields, 3), []);
        // A length below 4 is not allowed: it is treated as an empty body.
        assert_eq!(read_in_parts(b"E\0\0\0\0", 5), []);
    }

    #[tokio::test]
    async fn the_bytes_pass_unchanged() {
        let (mut server, client) = tokio::io::duplex(64);
        let last = LastError::default();
        let mut tap = ErrorTap::new(client, last.clone());
        let sent = [row(), error("ERROR", "22P05")].concat();
        let mut received = vec![0; sent.len()];
        let (written, read) = tokio::join!(server.write_all(&sent), tap.read_exact(&mut received));
        written.unwrap();
        read.unwrap();
        assert_eq!(received, sent);
        assert_eq!(last.take().unwrap().code, "22P05");
        assert_eq!(last.take(), None);
        tap.write_all(b"question").await.unwrap();
        let mut question = [0; 8];
        server.read_exact(&mut question).await.unwrap();
        assert_eq!(&question, b"question");
    }
}
