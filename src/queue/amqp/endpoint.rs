//! One broker: its address, its login, its TLS, and how a connection to it is opened.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::security::SecurityCredentials;
use amqprs::tls::TlsAdaptor;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::tls::{self, ClientFiles, TlsFileError};

/// The settings that add authorities to trust, as error messages name them.
const TRUST_SETTINGS: &str = "QTASK_CA_FILE, or by cacertfile in the URL";

/// How long the broker stays silent before it closes a connection whose login it refuses (`SILENT_CLOSE_DELAY` in its
/// `rabbit_reader`).
const REFUSAL_DELAY: Duration = Duration::from_secs(3);

/// How much earlier its end may be noticed here.
const CLOCK_MARGIN: Duration = Duration::from_millis(200);

/// A broker.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// A name or an IP address; an IPv6 address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Login,
    pub(super) vhost: String,
    pub(super) tls: Option<EndpointTls>,
}

/// How the broker identifies the client.
#[derive(Clone)]
pub(super) enum Login {
    /// By user and password (SASL PLAIN).
    Plain(String, String),
    /// By the client certificate (SASL EXTERNAL).
    External,
}

/// TLS of a broker.
#[derive(Clone)]
pub(super) struct EndpointTls {
    /// The name that is sent (SNI) and that the broker's certificate must have.
    pub(super) server_name: String,
    pub(super) files: ClientFiles,
}

/// What a connection tells the broker, whichever it is.
pub(super) struct Introduction {
    pub(super) connection_name: String,
    pub(super) heartbeat_seconds: u16,
}

impl Endpoint {
    /// The address without credentials, for logs: `host:port/vhost`.
    pub(super) fn address(&self) -> String {
        let Self {
            host, port, vhost, ..
        } = self;
        let (open, close) = if host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        match vhost.as_str() {
            "/" => format!("{open}{host}{close}:{port}"),
            vhost => format!("{open}{host}{close}:{port}/{vhost}"),
        }
    }

    /// The user, for debugging output.
    pub(super) fn user(&self) -> &str {
        match &self.login {
            Login::Plain(user, _) => user,
            Login::External => "(client certificate)",
        }
    }

    /// Reads the certificates and keys once, so that unusable ones are refused at start.
    pub(super) fn check_files(&self) -> Result<(), TlsFileError> {
        let Some(tls) = &self.tls else { return Ok(()) };
        tls.files.config().map(|_| ())
    }

    /// Opens a connection before `deadline`. Tries the addresses of the host in turn, each for a fair share of the
    /// time left. Returns a reason for each address that failed.
    pub(super) async fn open(
        &self,
        introduction: &Introduction,
        deadline: Instant,
    ) -> Result<Connection, Vec<String>> {
        let failed = |reason: String| format!("{}: {reason}", self.address());
        let begun = Instant::now();
        let lookup = lookup_host((self.host.as_str(), self.port));
        let addresses: Vec<SocketAddr> = match timeout_at(deadline, lookup).await {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => return Err(vec![failed(format!("name not resolved: {error}"))]),
            Err(_) => {
                let reason = no_answer("the name was not resolved", deadline - begun);
                return Err(vec![failed(reason)]);
            }
        };
        if addresses.is_empty() {
            return Err(vec![failed("the name has no address".to_owned())]);
        }
        let mut reasons = Vec::new();
        for (index, address) in addresses.iter().enumerate() {
            let limit = share(deadline, addresses.len() - index);
            match self.open_at(*address, introduction, limit).await {
                Ok(connection) => return Ok(connection),
                Err(reason) if addresses.len() == 1 => reasons.push(failed(reason)),
                Err(reason) => reasons.push(failed(format!("{}: {reason}", address.ip()))),
            }
        }
        Err(reasons)
    }

    async fn open_at(
        &self,
        address: SocketAddr,
        introduction: &Introduction,
        limit: Duration,
    ) -> Result<Connection, String> {
        let arguments = self.arguments(address, introduction)?;
        let began = Instant::now();
        // A task of its own: amqprs panics if the caller is dropped between a command to its reader and the reply.
        let opening =
            tokio::spawn(async move { timeout(limit, Connection::open(&arguments)).await });
        match opening.await {
            Ok(Ok(Ok(connection))) => Ok(connection),
            Ok(Ok(Err(error))) => Err(self.explain(&error.to_string(), began.elapsed())),
            Ok(Err(_)) if limit <= REFUSAL_DELAY => Err(format!(
                "{} (RabbitMQ takes {} s to refuse a wrong user name or password)",
                no_answer("no answer", limit),
                REFUSAL_DELAY.as_secs()
            )),
            Ok(Err(_)) => Err(no_answer("no answer", limit)),
            Err(_) => Err("the client's task ended early".to_owned()),
        }
    }

    fn arguments(
        &self,
        address: SocketAddr,
        introduction: &Introduction,
    ) -> Result<OpenConnectionArguments, String> {
        // As text, an address of version 6 has its brackets and its zone.
        let text = address.to_string();
        let host = text
            .rsplit_once(':')
            .map_or(text.as_str(), |(host, _)| host);
        let mut arguments = OpenConnectionArguments::new(host, address.port(), "", "");
        arguments
            .credentials(match &self.login {
                Login::Plain(user, password) => SecurityCredentials::new_plain(user, password),
                Login::External => SecurityCredentials::new_external(),
            })
            .virtual_host(&self.vhost)
            .heartbeat(introduction.heartbeat_seconds)
            .connection_name(&introduction.connection_name);
        if let Some(EndpointTls { server_name, files }) = &self.tls {
            let config = files.config().map_err(|error| error.to_string())?;
            let connector = TlsConnector::from(Arc::new(config));
            arguments.tls_adaptor(TlsAdaptor::new(connector, server_name.clone()));
        }
        Ok(arguments)
    }

    /// The broker closes the socket without an AMQP error when it refuses a password (the library does not
    /// announce `authentication_failure_close`), so the network error needs an explanation.
    fn explain(&self, error: &str, took: Duration) -> String {
        if let Some(text) = reply_text(error) {
            return format!("{text}{}", remedy(text));
        }
        let is_any = |texts: &[&str]| texts.iter().any(|text| error.contains(text));
        let has_tls = self.tls.is_some();
        if has_tls && let Some(fault) = tls::explain(error, TRUST_SETTINGS) {
            return fault;
        }
        if !has_tls && is_any(&["interrupted", "framing error"]) {
            return format!(
                "the answer is not AMQP; does this port expect TLS (amqps://)? ({error})"
            );
        }
        if !is_any(&[
            "handshake eof",
            "peer shutdown",
            "interrupted",
            "reset by peer",
            "roken pipe",
        ]) {
            return error.to_owned();
        }
        if took + CLOCK_MARGIN >= REFUSAL_DELAY && !has_tls {
            return format!(
                "wrong user name or password (the broker closed the connection after {} s): set RABBITMQ_USER and RABBITMQ_PASSWORD, or \
                 those in RABBITMQ_URL, to a user of the broker, or change the user's password with rabbitmqctl change_password",
                took.as_secs()
            );
        }
        let other = if has_tls {
            "no client certificate or one that it refuses"
        } else {
            "a port that expects TLS (amqps://)"
        };
        format!(
            "{error} (wrong user name or password, {other}, or the broker is starting or stopping)"
        )
    }
}

/// The text with which the broker closed the connection, in an error of the client library: it shows the method's fields.
fn reply_text(error: &str) -> Option<&str> {
    let (_, field) = error.split_once("reply_text: ShortStr(")?;
    let (_, text) = field.split_once('"')?;
    text.rsplit_once("\"), class_id").map(|(text, _)| text)
}

/// The next step after a refusal of the broker.
fn remedy(reply_text: &str) -> &'static str {
    if reply_text.contains("vhost") && reply_text.contains("not found") {
        "; create it with rabbitmqctl add_vhost, or correct RABBITMQ_VHOST or the path of RABBITMQ_URL"
    } else if reply_text.contains("access to vhost") {
        "; grant it with rabbitmqctl set_permissions"
    } else {
        ""
    }
}

/// A fair share of the time that is left for one of `candidates`.
pub(super) fn share(deadline: Instant, candidates: usize) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    left / u32::try_from(candidates.max(1)).unwrap_or(u32::MAX)
}

fn no_answer(what: &str, limit: Duration) -> String {
    format!("{what} within {} ms", limit.as_millis())
}
