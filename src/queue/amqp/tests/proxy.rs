//! A TCP proxy before the broker that can cut, freeze and refuse connections.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::support::broker_url;

pub(super) struct Proxy {
    pub(super) port: u16,
    frozen: watch::Sender<bool>,
    refusing: watch::Sender<bool>,
    connections: Arc<Mutex<CancellationToken>>,
    /// Notified when a frozen proxy retains bytes.
    kept: Arc<Notify>,
    over: CancellationToken,
}

impl Proxy {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            frozen: watch::Sender::new(false),
            refusing: watch::Sender::new(false),
            connections: Arc::default(),
            kept: Arc::default(),
            over: CancellationToken::new(),
        };
        let (frozen, refusing) = (proxy.frozen.subscribe(), proxy.refusing.subscribe());
        let (connections, over) = (Arc::clone(&proxy.connections), proxy.over.clone());
        let kept = Arc::clone(&proxy.kept);
        let accept = async move {
            while let Ok((client, _)) = listener.accept().await {
                if *refusing.borrow() {
                    continue;
                }
                let cut = connections.lock().unwrap().clone();
                let relay = relay(client, frozen.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    tokio::select! {
                        () = cut.cancelled() => {}
                        () = relay => {}
                    }
                });
            }
        };
        tokio::spawn(async move {
            tokio::select! {
                () = over.cancelled() => {}
                () = accept => {}
            }
        });
        proxy
    }

    /// Closes every connection that is open now.
    pub(super) fn cut(&self) {
        let mut connections = self.connections.lock().unwrap();
        std::mem::take(&mut *connections).cancel();
    }

    /// Forwards no more bytes, in either direction, on any connection.
    pub(super) fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// Waits until a frozen proxy has retained bytes.
    pub(super) async fn has_kept_something(&self) {
        self.kept.notified().await;
    }

    pub(super) fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// Closes new connections at once, or stops doing so.
    pub(super) fn refuse(&self, refuse: bool) {
        self.refusing.send_replace(refuse);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.cancel();
        self.cut();
    }
}

async fn relay(client: TcpStream, frozen: watch::Receiver<bool>, kept: Arc<Notify>) {
    let url = url::Url::parse(&broker_url()).unwrap();
    let address = (
        url.host_str().unwrap().to_owned(),
        url.port().unwrap_or(5672),
    );
    let Ok(broker) = TcpStream::connect(address).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    tokio::select! {
        () = pipe(from_client, to_broker, frozen.clone(), &kept) => {}
        () = pipe(from_broker, to_client, frozen, &kept) => {}
    }
}

async fn pipe(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut frozen: watch::Receiver<bool>,
    kept: &Notify,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if *frozen.borrow() {
            kept.notify_one();
        }
        if frozen.wait_for(|frozen| !frozen).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
