//! A TCP proxy between qtask and a service, which injects network faults.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::wait::{DEADLINE, eventually};

/// How the proxy treats connections, existing and new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Forwards bytes.
    Pass,
    /// Closes connections, new ones included.
    Cut,
    /// Keeps and accepts connections, but forwards no bytes.
    Frozen,
}

/// A proxy on a loopback port, stopped on drop.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy in front of `127.0.0.1:target`.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let mode = watch::Sender::new(Mode::Pass);
        let accepting = tokio::spawn(accept(listener, target, mode.subscribe()));
        Self {
            port,
            mode,
            accepting,
        }
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections, and each new one on accept.
    pub fn cut(&self) {
        self.mode.send_replace(Mode::Cut);
    }

    /// Blocks all bytes in both directions and keeps the connections open: simulates a peer that vanished.
    pub fn freeze(&self) {
        self.mode.send_replace(Mode::Frozen);
    }

    /// Closes all connections, discards the bytes that they hold, and forwards those of new ones.
    pub async fn reset(&self) {
        self.cut();
        // Each connection has receivers of its own, beside the one for new connections.
        let closed = || async { (self.mode.receiver_count() == 1).then_some(()) };
        eventually(DEADLINE, "the end of all connections", closed).await;
        self.resume();
    }

    /// Forwards bytes again, the blocked ones first.
    pub fn resume(&self) {
        self.mode.send_replace(Mode::Pass);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, target: u16, mode: watch::Receiver<Mode>) {
    let mut links = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while links.try_join_next().is_some() {}
        links.spawn(link(client, target, mode.clone()));
    }
}

/// Forwards one connection, until either side closes it or the proxy is cut.
async fn link(client: TcpStream, target: u16, mode: watch::Receiver<Mode>) {
    let mut cut = mode.clone();
    tokio::select! {
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
        () = carry(client, target, mode) => {}
    }
}

async fn carry(client: TcpStream, target: u16, mode: watch::Receiver<Mode>) {
    if !passing(&mut mode.clone()).await {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", target)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        copy(from_client, to_server, mode.clone()),
        copy(from_server, to_client, mode)
    );
}

/// Copies one direction until end of file, and then closes the write side of the target.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut mode: watch::Receiver<Mode>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        let go_on =
            count > 0 && passing(&mut mode).await && to.write_all(&buffer[..count]).await.is_ok();
        if !go_on {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// Waits until bytes may pass; returns false when the proxy was dropped.
async fn passing(mode: &mut watch::Receiver<Mode>) -> bool {
    mode.wait_for(|mode| *mode == Mode::Pass).await.is_ok()
}
