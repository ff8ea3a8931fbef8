//! HTTP/1.1 over one connection, byte by byte: for what no HTTP client does.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use qtask::tls::{Roots, client_config};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::App;
use super::certificates::Authority;
use super::wait::DEADLINE;

/// A connection with or without TLS.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct RawReply {
    /// Its status.
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    /// Its body.
    pub body: Vec<u8>,
}

impl RawReply {
    /// The `code` of a problem document.
    pub fn code(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// The socket address of the first API.
pub fn address(app: &App) -> SocketAddr {
    let url = app.url(0, "");
    let (_, address) = url.split_once("://").expect("a URL");
    address.parse().expect("an address")
}

/// Connects from an address of this machine, such as `127.0.0.2`.
pub async fn connect_from(source: IpAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source, 0))?;
    socket.connect(to).await
}

/// Connects with TLS, as a client that trusts this authority and expects this name.
pub async fn connect_tls(
    app: &App,
    authority: &Authority,
    name: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let roots = Roots::only(&authority.file()).expect("an authority");
    let mut config = client_config(&roots, None).expect("a configuration");
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(address(app)).await?;
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    timeout(DEADLINE, connecting).await.expect("an end")
}

/// Sends a GET, and does not read its answer.
pub async fn ask(stream: &mut impl Connection, path: &str) -> io::Result<()> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await
}

/// Reads one answer, which must have a `Content-Length`.
pub async fn answer(stream: &mut impl Connection) -> io::Result<RawReply> {
    timeout(DEADLINE, read_answer(stream))
        .await
        .expect("an answer in time")
}

/// Sends a GET and reads its answer.
pub async fn get(stream: &mut impl Connection, path: &str) -> io::Result<RawReply> {
    ask(stream, path).await?;
    answer(stream).await
}

/// Reads the head of an answer, in lower case.
pub async fn head(stream: &mut impl Connection) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(DEADLINE, stream.read_u8()).await??);
    }
    Ok(String::from_utf8_lossy(&head).to_lowercase())
}

async fn read_answer(stream: &mut impl Connection) -> io::Result<RawReply> {
    let head = head(stream).await?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.expect("a length")];
    stream.read_exact(&mut body).await?;
    Ok(RawReply {
        status: status.expect("a status"),
        head,
        body,
    })
}

/// Waits for the end of a connection, and returns what came before.
pub async fn rest(stream: &mut impl Connection) -> Vec<u8> {
    let mut rest = Vec::new();
    // An end by a reset is an end, too.
    let ended = timeout(DEADLINE, stream.read_to_end(&mut rest)).await;
    let _ = ended.expect("the end of the connection");
    rest
}
