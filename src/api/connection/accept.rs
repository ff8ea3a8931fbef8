//! Makes a connection for HTTP from an accepted socket: its place among all connections, and the TLS handshake.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use super::bare;
use super::http_socket::HttpSocket;
use super::http_stream::HttpStream;
use super::limits::{ConnectionLimits, TooManyConnections};
use super::registry::ConnectionRegistry;
use super::state::Phase;
use super::timed_stream::TimedStream;
use crate::api::answer_memory::AnswerMemory;

/// How long a connection is still read after a last answer: an immediate close would discard the answer.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// Timeout for the refusal of a connection, with its TLS handshake.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
/// Maximum number of refusals in progress; more connections are closed without an answer.
pub const MAX_REFUSALS: usize = 64;

/// Prepares accepted sockets for HTTP. Clones share the certificate and the limits.
#[derive(Clone)]
pub struct Acceptor {
    tls: Option<TlsAcceptor>,
    write_timeout: Duration,
    answers: AnswerMemory,
    registry: ConnectionRegistry,
    refusals: Arc<Semaphore>,
}

impl Acceptor {
    /// With `tls`, connections speak TLS; `answers` is the response memory of the server.
    pub fn new(
        tls: Option<Arc<ServerConfig>>,
        limits: ConnectionLimits,
        write_timeout: Duration,
        answers: AnswerMemory,
    ) -> Self {
        Self {
            tls: tls.map(TlsAcceptor::from),
            write_timeout,
            answers,
            registry: ConnectionRegistry::start(limits),
            refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        }
    }

    /// The connections.
    pub fn registry(&self) -> ConnectionRegistry {
        self.registry.clone()
    }

    /// Prepares a socket.
    ///
    /// # Errors
    /// When there are too many connections, or the TLS handshake fails or takes too long; the connection is then
    /// closed.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<HttpStream> {
        // A client that has already disconnected has no address; its first read then fails.
        let peer = stream.peer_addr().map(|peer| peer.ip());
        let address = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let stream = TimedStream::new(stream, self.write_timeout, self.answers.clone());
        let phase = match self.tls {
            Some(_) => Phase::Handshake,
            None => Phase::Opened,
        };
        let permit = match self.registry.admit(address, phase) {
            Ok(permit) => permit,
            Err(limit) => {
                self.refuse(stream, limit).await;
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
        };
        let Some(tls) = &self.tls else {
            return Ok(HttpStream::new(HttpSocket::Plain(stream), permit));
        };
        let shaken = tokio::select! {
            shaken = shake_hands(tls, stream) => shaken,
            _ = poll_fn(|cx| permit.poll_closed(cx)) => Err(io::ErrorKind::TimedOut.into()),
        };
        let stream = shaken.inspect_err(|error| {
            debug!(
                event = "api.handshake_failed", %error,
                "connection closed: the TLS handshake failed"
            );
        })?;
        permit.handshake_done();
        Ok(HttpStream::new(HttpSocket::Tls(Box::new(stream)), permit))
    }

    /// Answers 503, unless too many connections are being refused already.
    async fn refuse(&self, mut stream: TimedStream, limit: TooManyConnections) {
        let Ok(_refusal) = self.refusals.try_acquire() else {
            return;
        };
        let answer = bare::too_many_connections(limit);
        let refusing = async {
            match &self.tls {
                Some(tls) => say_goodbye(&mut shake_hands(tls, stream).await?, &answer).await,
                None => say_goodbye(&mut stream, &answer).await,
            }
        };
        // The client is not told if it does not read.
        let _ = timeout(REFUSAL_TIME, refusing).await;
    }
}

async fn shake_hands(
    tls: &TlsAcceptor,
    mut stream: TimedStream,
) -> io::Result<TlsStream<TimedStream>> {
    let mut first = [0];
    let read = stream.get_ref().peek(&mut first).await?;
    // A handshake begins with the byte 22 (RFC 8446, 5.1), a request with a letter.
    if read == 1 && first[0].is_ascii_alphabetic() {
        say_goodbye(&mut stream, &bare::plain_http()).await?;
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the client speaks plain HTTP",
        ));
    }
    tls.accept(stream).await
}

/// Sends a last answer, and reads what the client still sends for a short time.
async fn say_goodbye(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    answer: &[u8],
) -> io::Result<()> {
    let ending = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut ignored = [0; 1024];
        while stream.read(&mut ignored).await? > 0 {}
        Ok(())
    };
    timeout(LINGER_TIME, ending).await.unwrap_or(Ok(()))
}
