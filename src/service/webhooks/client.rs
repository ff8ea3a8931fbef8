//! Sends one webhook to an allowed address.
//!
//! Addresses are checked after the name is resolved, and the connection uses one of the addresses that passed: a name
//! that later resolves to another address reaches nothing else. Redirects are failures; the environment's proxies are
//! not used; no connection is kept, so every call resolves and checks again.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{StatusCode, redirect};
use url::Url;

use super::message::WebhookMessage;
use crate::domain::webhook::WebhookTargets;
use crate::tls::{self, ClientFiles};

/// Why a webhook was not delivered.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WebhookError {
    /// The URL must not be called, now or later.
    #[error("not called: {0}")]
    Forbidden(String),
    /// The receiver did not accept it; a later try may succeed.
    #[error("answered {0}")]
    Answered(StatusCode),
    /// A later try may succeed.
    #[error("{0}")]
    Failed(String),
}

impl WebhookError {
    /// The value of `error.type` in its span.
    pub fn kind(&self) -> String {
        match self {
            Self::Forbidden(_) => "forbidden".to_owned(),
            Self::Answered(status) => status.as_u16().to_string(),
            Self::Failed(_) => "failed".to_owned(),
        }
    }
}

/// Sends webhooks.
pub struct WebhookClient {
    targets: Arc<WebhookTargets>,
    timeout: Duration,
    http: reqwest::Client,
}

impl WebhookClient {
    /// A client that calls these targets only, with a `timeout` from the start of the name resolution to the answer.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        targets: WebhookTargets,
        timeout: Duration,
        trusted: &ClientFiles,
    ) -> anyhow::Result<Self> {
        let targets = Arc::new(targets);
        let http = reqwest::Client::builder()
            .user_agent(concat!("qtask/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(AllowedAddresses(targets.clone()))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .http1_only()
            .pool_max_idle_per_host(0)
            .timeout(timeout)
            .tls_backend_preconfigured(trusted.config()?)
            .build()?;
        Ok(Self {
            targets,
            timeout,
            http,
        })
    }

    /// Sends the message and returns the status of the response. Any success status means that it was delivered; the response body is
    /// not read.
    pub async fn post(&self, url: &str, message: WebhookMessage) -> Result<u16, WebhookError> {
        let url = Url::parse(url).map_err(|error| WebhookError::Forbidden(error.to_string()))?;
        // The resolver receives only names: an IP address in the URL is checked here.
        if let Some(refusal) = self.targets.refusal(&url) {
            return Err(WebhookError::Forbidden(format!("the host {refusal}")));
        }
        let mut request = self.http.post(without_credentials(url));
        for (name, value) in message.headers {
            request = request.header(name, value);
        }
        let answer = request.body(message.body).send().await;
        let status = answer.map_err(|error| self.failure(&error))?.status();
        if status.is_success() {
            Ok(status.as_u16())
        } else {
            Err(WebhookError::Answered(status))
        }
    }

    fn failure(&self, error: &reqwest::Error) -> WebhookError {
        let mut root: &dyn Error = error;
        while let Some(cause) = root.source() {
            root = cause;
            if let Some(refused) = root.downcast_ref::<WebhookError>() {
                return refused.clone();
            }
        }
        if error.is_timeout() {
            return WebhookError::Failed(format!("no answer within {:?}", self.timeout));
        }
        let what = if error.is_connect() {
            "cannot connect"
        } else {
            "no answer"
        };
        let cause = root.to_string();
        let fault = tls::explain(&cause, "QTASK_CA_FILE");
        WebhookError::Failed(format!("{what}: {}", fault.unwrap_or(cause)))
    }
}

/// Removes the user and the password from a URL: they are not sent.
fn without_credentials(mut url: Url) -> Url {
    if url.set_username("").is_ok() {
        let _ = url.set_password(None);
    }
    url
}

/// Resolves names to the addresses that may be called.
struct AllowedAddresses(Arc<WebhookTargets>);

impl Resolve for AllowedAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        let targets = self.0.clone();
        Box::pin(async move { Ok(allowed_addresses(&targets, name.as_str()).await?) })
    }
}

async fn allowed_addresses(targets: &WebhookTargets, name: &str) -> Result<Addrs, WebhookError> {
    // reqwest replaces the port by that of the URL.
    let found = tokio::net::lookup_host((name, 0)).await;
    let found: Vec<SocketAddr> = found
        .map_err(|error| WebhookError::Failed(format!("cannot resolve {name}: {error}")))?
        .collect();
    let is_allowed = |address: &&SocketAddr| targets.allows(name, address.ip());
    let allowed: Vec<SocketAddr> = found.iter().filter(is_allowed).copied().collect();
    match found.first() {
        Some(address) if allowed.is_empty() => Err(WebhookError::Forbidden(format!(
            "{name} resolves to {}, which is not a public address",
            address.ip()
        ))),
        _ => Ok(Box::new(allowed.into_iter())),
    }
}
