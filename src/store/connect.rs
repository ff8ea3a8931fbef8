//! How connections are opened and set up.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use rand::seq::SliceRandom;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_postgres::config::{Host, LoadBalanceHosts, TargetSessionAttrs};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tokio_util::task::AbortOnDropHandle;

use super::server_error::{ErrorTap, LastError};

/// How long a migration may be idle between two statements of a transaction. No other transaction has several statements.
const IDLE_IN_TRANSACTION: Duration = Duration::from_mins(1);

/// A pooled connection. Dropped, it closes at once, also in the middle of a statement.
pub(super) struct PooledConnection {
    pub(super) diesel: AsyncPgConnection,
    /// The last error that the server reported on it.
    pub(super) last_error: LastError,
    _driver: AbortOnDropHandle<()>,
}

/// Opens a connection whose errors are known by SQLSTATE.
///
/// tokio-postgres opens sockets itself or takes an open one; only the second can be read through [`ErrorTap`]. Hosts, addresses
/// and ports are tried as in libpq.
pub(super) async fn connect_pooled(
    url: &str,
    timeout: Duration,
) -> Result<PooledConnection, ConnectionError> {
    let config = configure(url, timeout)?;
    within(timeout, async {
        let (client, last_error, driver) = open_any(&config)
            .await
            .map_err(ConnectionError::BadConnection)?;
        let mut diesel = AsyncPgConnection::try_from(client).await?;
        set_up(&mut diesel, timeout).await?;
        Ok(PooledConnection {
            diesel,
            last_error,
            _driver: driver,
        })
    })
    .await
}

/// Opens a connection that can listen for notifications.
pub(super) async fn connect(
    url: &str,
    timeout: Duration,
) -> Result<AsyncPgConnection, ConnectionError> {
    let config = configure(url, timeout)?;
    within(timeout, async {
        let (client, link) = config
            .connect(NoTls)
            .await
            .map_err(|error| ConnectionError::BadConnection(describe(&error)))?;
        let mut connection =
            AsyncPgConnection::try_from_client_and_connection(client, link).await?;
        set_up(&mut connection, timeout).await?;
        Ok(connection)
    })
    .await
}

async fn within<T>(
    timeout: Duration,
    connecting: impl Future<Output = Result<T, ConnectionError>>,
) -> Result<T, ConnectionError> {
    tokio::time::timeout(timeout, connecting)
        .await
        .map_err(|_| ConnectionError::BadConnection(format!("no connection within {timeout:?}")))?
}

fn configure(url: &str, timeout: Duration) -> Result<Config, ConnectionError> {
    let mut config: Config = url
        .parse()
        .map_err(|error| ConnectionError::BadConnection(describe(&error)))?;
    config
        .connect_timeout(timeout)
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(15));
    config.tcp_user_timeout(timeout.max(Duration::from_secs(10)));
    if config.get_application_name().is_none() {
        config.application_name("qtask");
    }
    Ok(config)
}

/// Small arrays are joined to large tables: without statistics the planner would choose a sequential scan. Lists read an index in
/// its order and stop: a bitmap scan would read the whole range and sort it, which the planner takes for cheap where it has no
/// statistics. The costs that these settings produce must not trigger JIT compilation: a sweep over two small tables spent 0.2 s
/// of CPU on it.
async fn set_up(
    connection: &mut AsyncPgConnection,
    timeout: Duration,
) -> Result<(), ConnectionError> {
    let settings = format!(
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET statement_timeout = {};
         SET idle_in_transaction_session_timeout = {}",
        timeout.as_millis(),
        IDLE_IN_TRANSACTION.as_millis()
    );
    connection
        .batch_execute(&settings)
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)
}

type Session = (Client, LastError, AbortOnDropHandle<()>);

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// A session with the first server of the configuration that accepts one.
async fn open_any(config: &Config) -> Result<Session, String> {
    let mut refusal = "the URL names no host".to_owned();
    for (host, port) in servers(config)? {
        match open(&host, port, config).await {
            Ok(session) => return Ok(session),
            Err(reason) => refusal = reason,
        }
    }
    Err(refusal)
}

/// The servers of the configuration in the order in which they are tried. An address given by `hostaddr` replaces the host.
fn servers(config: &Config) -> Result<Vec<(Host, u16)>, String> {
    let (hosts, addresses, ports) = (
        config.get_hosts(),
        config.get_hostaddrs(),
        config.get_ports(),
    );
    let count = hosts.len().max(addresses.len());
    if !hosts.is_empty() && !addresses.is_empty() && hosts.len() != addresses.len() {
        return Err("the URL has a different number of host and hostaddr".to_owned());
    }
    if ports.len() > 1 && ports.len() != count {
        return Err("the URL has a different number of hosts and ports".to_owned());
    }
    let server = |index| {
        let address = addresses.get(index);
        let host = address
            .map(|address: &IpAddr| Host::Tcp(address.to_string()))
            .or_else(|| hosts.get(index).cloned())?;
        let port = ports.get(index).or(ports.first()).copied();
        Some((host, port.unwrap_or(5432)))
    };
    let mut servers: Vec<_> = (0..count).filter_map(server).collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        servers.shuffle(&mut rand::rng());
    }
    Ok(servers)
}

async fn open(host: &Host, port: u16, config: &Config) -> Result<Session, String> {
    let name = match host {
        Host::Tcp(name) => name,
        Host::Unix(directory) => {
            return open_unix(directory.join(format!(".s.PGSQL.{port}")), config).await;
        }
    };
    let addresses = lookup_host((name.as_str(), port))
        .await
        .map_err(|error| format!("error connecting to server: {name}: {error}"))?;
    let mut refusal = format!("error connecting to server: {name} has no address");
    for address in addresses {
        let opened = async {
            let stream = connecting(config, TcpStream::connect(address)).await?;
            keep_alive(&stream, config).map_err(|error| connect_error(&error))?;
            start(Box::new(stream), config).await
        };
        match opened.await {
            Ok(session) => return Ok(session),
            Err(reason) => refusal = reason,
        }
    }
    Err(refusal)
}

async fn open_unix(path: PathBuf, config: &Config) -> Result<Session, String> {
    let stream = connecting(config, UnixStream::connect(path)).await?;
    start(Box::new(stream), config).await
}

fn connect_error(error: &std::io::Error) -> String {
    format!("error connecting to server: {error}")
}

async fn connecting<S>(
    config: &Config,
    socket: impl Future<Output = std::io::Result<S>>,
) -> Result<S, String> {
    let limit = config.get_connect_timeout().copied();
    let opened = tokio::time::timeout(limit.unwrap_or(Duration::MAX), socket);
    opened
        .await
        .map_err(|_| "error connecting to server: timed out".to_owned())?
        .map_err(|error| connect_error(&error))
}

fn keep_alive(stream: &TcpStream, config: &Config) -> std::io::Result<()> {
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

/// Starts a session over an open socket, if the server is of the kind that `target_session_attrs` asks for.
async fn start(socket: Box<dyn Socket>, config: &Config) -> Result<Session, String> {
    let (tap, last_error) = ErrorTap::new(socket);
    let (client, link) = config
        .connect_raw(tap, NoTls)
        .await
        .map_err(|error| describe(&error))?;
    // The statement that waits for the connection learns why it has ended.
    let driver = AbortOnDropHandle::new(tokio::spawn(async move { drop(link.await) }));
    let wanted = config.get_target_session_attrs();
    if wanted != TargetSessionAttrs::Any {
        let is_read_only = shows_read_only(&client).await?;
        match wanted {
            TargetSessionAttrs::ReadWrite if is_read_only => {
                return Err("error connecting to server: database does not allow writes".to_owned());
            }
            TargetSessionAttrs::ReadOnly if !is_read_only => {
                return Err("error connecting to server: database is not read only".to_owned());
            }
            _ => {}
        }
    }
    Ok((client, last_error, driver))
}

async fn shows_read_only(client: &Client) -> Result<bool, String> {
    let rows = client
        .simple_query("SHOW transaction_read_only")
        .await
        .map_err(|error| describe(&error))?;
    Ok(rows.iter().any(
        |row| matches!(row, SimpleQueryMessage::Row(row) if row.try_get(0).is_ok_and(|shown| shown == Some("on"))),
    ))
}

/// The error with its causes: tokio-postgres alone says only "error connecting to server".
fn describe(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(url: &str) -> Result<Vec<String>, String> {
        let servers = servers(&url.parse().unwrap())?;
        let shown = servers.into_iter().map(|(host, port)| match host {
            Host::Tcp(name) => format!("{name}:{port}"),
            Host::Unix(directory) => format!("{}:{port}", directory.display()),
        });
        Ok(shown.collect())
    }

    #[test]
    fn servers_are_tried_in_the_order_of_the_url() {
        let cases: [(&str, &[&str]); 5] = [
            ("postgresql://u@h/d", &["h:5432"]),
            ("postgresql://u@a,b:1/d", &["a:5432", "b:1"]),
            ("host=a,b port=7 user=u", &["a:7", "b:7"]),
            ("host=a hostaddr=127.0.0.2 user=u", &["127.0.0.2:5432"]),
            ("host=/run/pg user=u", &["/run/pg:5432"]),
        ];
        for (url, expected) in cases {
            assert_eq!(tried(url).unwrap(), expected, "{url}");
        }
        let mut shuffled = tried("host=a,b,c user=u load_balance_hosts=random").unwrap();
        shuffled.sort_unstable();
        assert_eq!(shuffled, ["a:5432", "b:5432", "c:5432"]);
    }

    #[test]
    fn lists_of_different_lengths_are_refused() {
        for url in [
            "host=a,b port=1,2,3 user=u",
            "host=a,b hostaddr=127.0.0.1 user=u",
        ] {
            assert!(
                tried(url).unwrap_err().contains("different number"),
                "{url}"
            );
        }
        assert!(tried("user=u").unwrap().is_empty());
    }
}
