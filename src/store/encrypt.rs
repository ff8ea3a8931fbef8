//! TLS of a connection.

use std::error::Error;
use std::io;
use std::pin::Pin;

use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::server_error::{ErrorTap, LastError};
use super::socket::Socket;
use crate::tls::TlsFault;

/// Length and code of an `SSLRequest`:
/// <https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST>.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Asks the server whether it has TLS. Reads one byte and no more, so that no clear text can pass for a part of the session.
pub(super) async fn has_tls(socket: &mut Socket) -> io::Result<bool> {
    socket.write_all(&SSL_REQUEST).await?;
    match socket.read_u8().await? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(io::Error::other(
            "the server answers the question for TLS with an error",
        )),
    }
}

type RustlsStream = <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream;

/// Performs the handshake on a socket whose server is ready for it. The errors of the server are noted inside the session.
pub(super) struct Handshake {
    /// The name that the certificate must have, which the server also learns.
    pub(super) name: String,
    pub(super) config: ClientConfig,
    pub(super) last_error: LastError,
}

type BoxedError = Box<dyn Error + Send + Sync>;

impl TlsConnect<Socket> for Handshake {
    type Stream = ErrorTap<RustlsStream>;
    type Error = BoxedError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, BoxedError>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let mut maker = MakeRustlsConnect::new(self.config);
            let connect = MakeTlsConnect::<Socket>::make_tls_connect(&mut maker, &self.name)?;
            let stream = connect.connect(socket).await;
            let stream = stream.map_err(|error| TlsFault::of_handshake(&error))?;
            Ok(ErrorTap::new(stream, self.last_error))
        })
    }
}
