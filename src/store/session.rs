//! Opens a session with the first suitable server of an address.

use std::slice;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, NoTls, Notification, SimpleQueryMessage,
};
use tokio_util::task::AbortOnDropHandle;

use super::address::{DatabaseAddress, SessionKind, TlsMode, TlsNegotiation, TlsPolicy};
use super::encrypt::{Handshake, has_tls};
use super::refusal::{ConnectFailure, SessionRefusal, describe};
use super::server_error::{ErrorTap, LastError};
use super::servers::{Server, servers};
use super::socket::{ServerAddress, Socket, addresses, open_socket};

/// Where notifications go, and the error that ends them.
pub(super) type Notifications = UnboundedSender<Result<Notification, String>>;

/// A session that ends when dropped.
pub(super) struct ServerSession {
    pub(super) client: Client,
    /// The last error that the server reported on it.
    pub(super) last_error: LastError,
    pub(super) driver: AbortOnDropHandle<()>,
}

/// Opens a session. Servers are tried in their order, each for an equal share of the time, so that one that does not answer
/// leaves time for the others.
pub(super) async fn open_session(
    address: &DatabaseAddress,
    timeout: Duration,
    notifications: Option<&Notifications>,
) -> Result<ServerSession, ConnectFailure> {
    let config = configure(&address.config, timeout);
    let servers = servers(&config).map_err(ConnectFailure::new)?;
    let kinds: &[SessionKind] = match &address.session {
        SessionKind::PreferStandby => &[SessionKind::Standby, SessionKind::Any],
        kind => slice::from_ref(kind),
    };
    let attempts = u32::try_from(servers.len() * kinds.len()).unwrap_or(u32::MAX);
    let share = timeout / attempts.max(1);
    let mut refusals = Vec::new();
    for kind in kinds {
        refusals.clear();
        for server in &servers {
            let attempt = Attempt {
                server,
                config: &config,
                policy: &address.tls,
                kind: *kind,
                notifications,
            };
            match attempt.run(share).await {
                Ok(session) => return Ok(session),
                Err(refusal) => refusals.push((server.to_string(), refusal)),
            }
        }
    }
    Err(ConnectFailure::of_servers(&refusals, &address.tls))
}

fn configure(config: &Config, timeout: Duration) -> Config {
    let mut config = config.clone();
    config
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(15))
        .tcp_user_timeout(timeout.max(Duration::from_secs(10)));
    if config.get_application_name().is_none() {
        config.application_name("qtask");
    }
    config
}

/// The attempt to open a session with one server.
struct Attempt<'a> {
    server: &'a Server,
    config: &'a Config,
    policy: &'a TlsPolicy,
    kind: SessionKind,
    notifications: Option<&'a Notifications>,
}

impl Attempt<'_> {
    async fn run(&self, limit: Duration) -> Result<ServerSession, SessionRefusal> {
        let deadline = tokio::time::Instant::now() + limit;
        let timed_out = |_| SessionRefusal::Unreachable(format!("no connection within {limit:?}"));
        let addresses = tokio::time::timeout_at(deadline, addresses(self.server))
            .await
            .map_err(timed_out)??;
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        let share = left / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut refusal = SessionRefusal::Unreachable("the server has no address".to_owned());
        for address in &addresses {
            let opened = tokio::time::timeout(share, self.open(address)).await;
            match opened.map_err(timed_out).flatten() {
                Ok(session) => return Ok(session),
                Err(reason) => refusal = reason,
            }
        }
        Err(refusal)
    }

    /// As `sslmode` demands. Unlike libpq, it does not send a wrong password twice.
    async fn open(&self, address: &ServerAddress) -> Result<ServerSession, SessionRefusal> {
        let mode = match address {
            ServerAddress::Tcp(_) => self.policy.mode,
            ServerAddress::Unix(_) => TlsMode::Disable,
        };
        let first = match mode {
            TlsMode::Disable | TlsMode::Allow => self.open_plain(self.socket(address).await?).await,
            _ => self.open_encrypted(address).await,
        };
        let first = match first {
            Err(refusal) if refusal.may_depend_on_tls() => refusal,
            result => return result,
        };
        // The other of the two.
        let second = match mode {
            TlsMode::Allow => self.open_encrypted(address).await,
            TlsMode::Prefer => self.open_plain(self.socket(address).await?).await,
            _ => return Err(first),
        };
        second.map_err(|second| SessionRefusal::Twice(first.into(), second.into()))
    }

    async fn open_plain(&self, socket: Socket) -> Result<ServerSession, SessionRefusal> {
        let mut config = self.config.clone();
        config.ssl_mode(SslMode::Disable);
        let last_error = LastError::default();
        let tap = ErrorTap::new(socket, last_error.clone());
        let (client, link) = config
            .connect_raw(tap, NoTls)
            .await
            .map_err(|error| SessionRefusal::of_login(&error, false))?;
        self.start(client, link, last_error).await
    }

    async fn open_encrypted(
        &self,
        address: &ServerAddress,
    ) -> Result<ServerSession, SessionRefusal> {
        let tls = self.policy.client_config();
        let tls = tls.map_err(|error| SessionRefusal::Unreachable(format!("TLS: {error}")))?;
        let mut socket = self.socket(address).await?;
        if self.policy.negotiation == TlsNegotiation::Postgres
            && !has_tls(&mut socket)
                .await
                .map_err(|error| unreachable(&error))?
        {
            return match self.policy.mode {
                TlsMode::Prefer => self.open_plain(socket).await,
                _ => Err(SessionRefusal::NoTls),
            };
        }
        let mut config = self.config.clone();
        // The question has been asked.
        config
            .ssl_mode(SslMode::Require)
            .ssl_negotiation(SslNegotiation::Direct);
        let last_error = LastError::default();
        let handshake = Handshake {
            name: self.server.name.clone(),
            config: tls,
            last_error: last_error.clone(),
        };
        let (client, link) = config
            .connect_raw(socket, handshake)
            .await
            .map_err(|error| SessionRefusal::of_login(&error, true))?;
        self.start(client, link, last_error).await
    }

    async fn socket(&self, address: &ServerAddress) -> Result<Socket, SessionRefusal> {
        let opened = open_socket(address, self.config).await;
        opened.map_err(|error| unreachable(&error))
    }

    async fn start<S, T>(
        &self,
        client: Client,
        link: Connection<S, T>,
        last_error: LastError,
    ) -> Result<ServerSession, SessionRefusal>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: TlsStream + Unpin + Send + 'static,
    {
        let driver = drive(link, self.notifications.cloned());
        let session = ServerSession {
            client,
            last_error,
            driver: AbortOnDropHandle::new(tokio::spawn(driver)),
        };
        check_kind(&session.client, self.kind).await?;
        Ok(session)
    }
}

fn unreachable(error: &std::io::Error) -> SessionRefusal {
    SessionRefusal::Unreachable(format!("error connecting to server: {error}"))
}

/// Sends and receives for the client. The statement that waits for the connection learns why it has ended.
async fn drive<S, T>(mut link: Connection<S, T>, notifications: Option<Notifications>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: TlsStream + Unpin,
{
    let Some(notifications) = notifications else {
        drop(link.await);
        return;
    };
    let mut messages = stream::poll_fn(|context| link.poll_message(context));
    while let Some(message) = messages.next().await {
        match message {
            Ok(AsyncMessage::Notification(notification)) => {
                // An error says that the receiver was dropped, and with it this future.
                let _ = notifications.send(Ok(notification));
            }
            Ok(_) => {}
            Err(error) => {
                let _ = notifications.send(Err(describe(&error)));
                return;
            }
        }
    }
}

/// Refuses a session of another kind than `target_session_attrs` asks for.
async fn check_kind(client: &Client, kind: SessionKind) -> Result<(), SessionRefusal> {
    let (sql, refused, reason) = match kind {
        SessionKind::Any | SessionKind::PreferStandby => return Ok(()),
        SessionKind::ReadWrite => (READ_ONLY, "on", "database does not allow writes"),
        SessionKind::ReadOnly => (READ_ONLY, "off", "database is not read only"),
        SessionKind::Primary => (IN_RECOVERY, "t", "server is not the primary"),
        SessionKind::Standby => (IN_RECOVERY, "f", "server is not a standby"),
    };
    let rows = client.simple_query(sql).await;
    let rows = rows.map_err(|error| SessionRefusal::of_login(&error, true))?;
    let is_refused = rows.iter().any(|row| match row {
        SimpleQueryMessage::Row(row) => row.try_get(0).is_ok_and(|shown| shown == Some(refused)),
        _ => false,
    });
    if is_refused {
        return Err(SessionRefusal::Unsuitable(reason));
    }
    Ok(())
}

const READ_ONLY: &str = "SHOW transaction_read_only";
const IN_RECOVERY: &str = "SELECT pg_catalog.pg_is_in_recovery()";
