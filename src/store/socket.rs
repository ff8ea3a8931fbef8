//! Sockets to PostgreSQL.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::refusal::SessionRefusal;
use super::servers::Server;

/// An open socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

/// An address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ServerAddress {
    /// An address and a port.
    Tcp(SocketAddr),
    /// The path of a socket; TLS is never used over it, as in libpq.
    Unix(PathBuf),
}

/// All addresses of the server, at least one.
pub(super) async fn addresses(server: &Server) -> Result<Vec<ServerAddress>, SessionRefusal> {
    let host = match &server.host {
        Host::Tcp(host) => host,
        Host::Unix(directory) => {
            let path = directory.join(format!(".s.PGSQL.{}", server.port));
            return Ok(vec![ServerAddress::Unix(path)]);
        }
    };
    if let Ok(address) = host.parse::<IpAddr>() {
        let address = SocketAddr::new(address, server.port);
        return Ok(vec![ServerAddress::Tcp(address)]);
    }
    let name = host.clone();
    let looking_up = tokio::task::spawn_blocking(move || look_up(&name));
    let found = looking_up
        .await
        .map_err(|error| SessionRefusal::Unreachable(error.to_string()))?;
    let reason = |error: String| format!("error connecting to server: {host}: {error}");
    let found = found.map_err(|error| {
        let kind = error.kind();
        let error = reason(io::Error::from(error).to_string());
        match kind {
            // Not for a temporary failure, nor for a name without addresses: a service that has no server yet.
            LookupErrorKind::NoName => SessionRefusal::UnknownHost(error),
            _ => SessionRefusal::Unreachable(error),
        }
    })?;
    if found.is_empty() {
        return Err(SessionRefusal::Unreachable(reason("no address".to_owned())));
    }
    let with_port = |mut address: SocketAddr| {
        address.set_port(server.port);
        ServerAddress::Tcp(address)
    };
    Ok(found.into_iter().map(with_port).collect())
}

/// Asks the system's resolver. The standard library has the same answer without its kind.
fn look_up(name: &str) -> Result<Vec<SocketAddr>, LookupError> {
    let hints = AddrInfoHints {
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let found = dns_lookup::getaddrinfo(Some(name), None, Some(hints))?;
    Ok(found
        .filter_map(|found| Some(found.ok()?.sockaddr))
        .collect())
}

pub(super) async fn open_socket(address: &ServerAddress, config: &Config) -> io::Result<Socket> {
    match address {
        ServerAddress::Tcp(tcp) => {
            let stream = TcpStream::connect(tcp).await?;
            keep_alive(&stream, config)?;
            Ok(Socket::Tcp(stream))
        }
        ServerAddress::Unix(path) => Ok(Socket::Unix(UnixStream::connect(path).await?)),
    }
}

fn keep_alive(stream: &TcpStream, config: &Config) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(config.get_tcp_user_timeout().copied())?;
    let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
    if let Some(interval) = config.get_keepalives_interval() {
        keepalive = keepalive.with_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        keepalive = keepalive.with_retries(retries);
    }
    socket.set_tcp_keepalive(&keepalive)
}
