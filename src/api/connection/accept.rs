//! Makes a connection for HTTP from an accepted socket: the TLS handshake, within its time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::debug;

use super::bare;
use super::http_socket::HttpSocket;
use super::http_stream::HttpStream;
use super::timed_stream::TimedStream;
use crate::api::answer_memory::AnswerMemory;

/// Timeout for a TLS handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a connection is still read after a last answer: an immediate close would discard the answer.
const LINGER_TIME: Duration = Duration::from_secs(1);

/// Prepares accepted sockets for HTTP. Clones share the certificate.
#[derive(Clone)]
pub struct Acceptor {
    tls: Option<TlsAcceptor>,
    write_timeout: Duration,
    answers: AnswerMemory,
}

impl Acceptor {
    /// With `tls`, connections speak TLS; `answers` is the response memory of the server.
    pub fn new(
        tls: Option<Arc<ServerConfig>>,
        write_timeout: Duration,
        answers: AnswerMemory,
    ) -> Self {
        Self {
            tls: tls.map(TlsAcceptor::from),
            write_timeout,
            answers,
        }
    }

    /// Prepares a socket.
    ///
    /// # Errors
    /// When the TLS handshake fails or does not end in time; the connection is then closed.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<HttpStream> {
        let stream = TimedStream::new(stream, self.write_timeout, self.answers.clone());
        let Some(tls) = &self.tls else {
            return Ok(HttpStream::new(HttpSocket::Plain(stream)));
        };
        let shaken = timeout(HANDSHAKE_TIME, shake_hands(tls, stream)).await;
        let shaken = shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        shaken.inspect_err(|error| {
            debug!(
                event = "api.handshake_failed", %error,
                "connection closed: the TLS handshake failed"
            );
        })
    }
}

async fn shake_hands(tls: &TlsAcceptor, mut stream: TimedStream) -> io::Result<HttpStream> {
    let mut first = [0];
    let read = stream.get_ref().peek(&mut first).await?;
    if read == 1 && first[0].is_ascii_alphabetic() {
        say_goodbye(&mut stream, &bare::plain_http()).await?;
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the client speaks plain HTTP",
        ));
    }
    let stream = tls.accept(stream).await?;
    Ok(HttpStream::new(HttpSocket::Tls(Box::new(stream))))
}

/// Sends a last answer, and reads what the client still sends for a short time.
async fn say_goodbye(stream: &mut TimedStream, answer: &[u8]) -> io::Result<()> {
    let ending = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut ignored = [0; 1024];
        while stream.read(&mut ignored).await? > 0 {}
        Ok(())
    };
    timeout(LINGER_TIME, ending).await.unwrap_or(Ok(()))
}
