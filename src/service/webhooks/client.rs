//! One call by HTTP, to an address that may be called.
//!
//! The name is looked up here, and the connection goes to one of the very addresses that were found
//! fit: a name that means another address a moment later leads nowhere else. Redirects are answers
//! like any other; proxies of the environment play no part.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_util::task::AbortOnDropHandle;
use url::{Host, Position, Url};

use super::message::WebhookMessage;
use crate::domain::webhook::WebhookTargets;

/// The most bytes of an answer that are looked at: its status and its headers. No body is read.
const MOST_ANSWER_BYTES: usize = 16 << 10;

/// Why a call has not arrived.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// It must not be made, now or later.
    #[error("not called: {0}")]
    Forbidden(String),
    /// It may go better another time.
    #[error("{0}")]
    Failed(String),
}

/// Makes calls.
pub struct WebhookClient {
    targets: WebhookTargets,
    timeout: Duration,
    tls: Option<TlsConnector>,
}

impl WebhookClient {
    /// Calls nobody but these, and waits for an answer no longer than this.
    pub fn new(targets: WebhookTargets, timeout: Duration) -> Self {
        Self {
            targets,
            timeout,
            tls: tls(),
        }
    }

    /// Sends the message; any status of success means that it has arrived.
    pub async fn post(&self, url: &str, message: WebhookMessage) -> Result<(), WebhookError> {
        let status = tokio::time::timeout(self.timeout, self.exchange(url, message))
            .await
            .map_err(|_| WebhookError::Failed(format!("no answer within {:?}", self.timeout)))??;
        if status.is_success() {
            Ok(())
        } else {
            Err(WebhookError::Failed(format!("answered {status}")))
        }
    }

    async fn exchange(
        &self,
        url: &str,
        message: WebhookMessage,
    ) -> Result<StatusCode, WebhookError> {
        let url = Url::parse(url).map_err(|error| WebhookError::Forbidden(error.to_string()))?;
        let host = url
            .host()
            .ok_or_else(|| WebhookError::Forbidden("no host".to_owned()))?;
        let addresses = self
            .addresses(&host, url.port_or_known_default().unwrap_or(80))
            .await?;
        let request = request(&url, message)?;
        let stream = TcpStream::connect(&*addresses)
            .await
            .map_err(|error| WebhookError::Failed(format!("cannot connect: {error}")))?;
        if url.scheme() == "http" {
            return send(stream, request).await;
        }
        let tls = self
            .tls
            .as_ref()
            .ok_or_else(|| WebhookError::Failed("TLS cannot be used".to_owned()))?;
        let stream = tls
            .connect(server_name(&host)?, stream)
            .await
            .map_err(|error| WebhookError::Failed(format!("cannot connect by TLS: {error}")))?;
        send(stream, request).await
    }

    /// Those addresses of a host that may be called.
    async fn addresses(
        &self,
        host: &Host<&str>,
        port: u16,
    ) -> Result<Vec<SocketAddr>, WebhookError> {
        let (name, found) = match *host {
            Host::Ipv4(address) => (address.to_string(), vec![IpAddr::V4(address)]),
            Host::Ipv6(address) => (address.to_string(), vec![IpAddr::V6(address)]),
            Host::Domain(name) => {
                let found = tokio::net::lookup_host((name, port)).await;
                let found = found.map_err(|error| {
                    WebhookError::Failed(format!("cannot find {name}: {error}"))
                })?;
                (name.to_owned(), found.map(|address| address.ip()).collect())
            }
        };
        let allowed: Vec<SocketAddr> = found
            .iter()
            .filter(|address| self.targets.allows(&name, **address))
            .map(|address| SocketAddr::new(*address, port))
            .collect();
        match found.first() {
            Some(address) if allowed.is_empty() => Err(WebhookError::Forbidden(format!(
                "{name} is at {address}, which is not a public address"
            ))),
            _ => Ok(allowed),
        }
    }
}

fn request(url: &Url, message: WebhookMessage) -> Result<Request<Full<Bytes>>, WebhookError> {
    let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
    let mut request = Request::post(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, host)
        .header(USER_AGENT, concat!("qtask/", env!("CARGO_PKG_VERSION")));
    for (name, value) in message.headers {
        request = request.header(name, value);
    }
    request
        .body(Full::new(Bytes::from(message.body)))
        .map_err(|error| WebhookError::Forbidden(error.to_string()))
}

fn server_name(host: &Host<&str>) -> Result<ServerName<'static>, WebhookError> {
    Ok(match *host {
        Host::Ipv4(address) => ServerName::IpAddress(IpAddr::V4(address).into()),
        Host::Ipv6(address) => ServerName::IpAddress(IpAddr::V6(address).into()),
        Host::Domain(name) => ServerName::try_from(name.to_owned())
            .map_err(|error| WebhookError::Forbidden(error.to_string()))?,
    })
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Result<StatusCode, WebhookError> {
    let failed = |error: hyper::Error| WebhookError::Failed(format!("no answer: {error}"));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MOST_ANSWER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender.send_request(request).await.map_err(failed)?;
    Ok(answer.status())
}

/// Trusts the authorities that browsers trust, and those that this machine trusts besides: a container
/// may have none of its own, and a company may have its own.
fn tls() -> Option<TlsConnector> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .ok()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}
