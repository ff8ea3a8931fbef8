//! HTTP requests to the service, with timeouts and size limits.

use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Method, RequestBuilder, Response, redirect};
use url::Url;

use super::address;
use super::error::{ClientError, Refusal};
use super::service_access::{ServiceAccess, is_this_machine};
use crate::domain::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};
use crate::tls;

/// Connect timeout.
const CONNECT: Duration = Duration::from_secs(5);
/// Timeout of a request that does not long-poll.
pub const LIMIT: Duration = Duration::from_secs(30);
/// Maximum size of an answer, in bytes: fits one million shots with the outcome of each.
const LARGEST: usize = 256 << 20;

/// The service.
#[derive(Debug)]
pub struct Api {
    client: reqwest::Client,
    base: Url,
}

impl Api {
    /// A client for this address; the token is sent with every request and never shown.
    ///
    /// # Errors
    /// When a secret would go over plain http to another machine, or a file of TLS is unreadable.
    pub fn new(base: Url, access: &ServiceAccess) -> Result<Self, ClientError> {
        access.check_secrets(&base)?;
        let mut headers = HeaderMap::new();
        if let Some(token) = &access.token {
            headers.insert(AUTHORIZATION, bearer(token)?);
        }
        if let Some(trace) = &access.trace {
            headers.extend(trace_headers(trace));
        }
        let files = access.files.config();
        let tls = files.map_err(|error| ClientError::Usage(error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("qtask/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            .connect_timeout(CONNECT)
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none());
        if is_this_machine(&base) {
            builder = builder.no_proxy();
        }
        let client = builder
            .build()
            .map_err(|error| ClientError::Unreachable(cause(&error)))?;
        Ok(Self { client, base })
    }

    /// The address without its password.
    pub fn shown(&self) -> String {
        address::shown(&self.base)
    }

    /// Builds a request for the path made of these segments.
    pub fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> RequestBuilder {
        let mut url = self.base.clone();
        url.set_query(None);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.client.request(method, url).timeout(LIMIT)
    }

    /// Fetches the document at a path.
    pub async fn get(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<String, ClientError> {
        self.fetch(self.request(Method::GET, path, query)).await
    }

    /// Posts JSON with an idempotency key, so that the request can be repeated.
    pub async fn post(&self, path: &[&str], body: &str, key: &str) -> Result<String, ClientError> {
        let request = self
            .request(Method::POST, path, &[])
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", key)
            .body(body.to_owned());
        self.fetch(request).await
    }

    /// Sends a request and reads the whole answer.
    pub async fn fetch(&self, request: RequestBuilder) -> Result<String, ClientError> {
        let response = self.send(request).await?;
        self.read(response).await
    }

    /// Sends a request; an error status is an error.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        if status.is_redirection() {
            let to = header(LOCATION).unwrap_or("somewhere else");
            return Err(ClientError::Usage(format!(
                "{} redirects to {to}: set QTASK_URL or --url to the service itself",
                self.shown()
            )));
        }
        let retry_after = header(RETRY_AFTER).and_then(|value| value.parse().ok());
        let body = self.read(response).await.unwrap_or_default();
        let retry_after = retry_after.map(Duration::from_secs);
        Err(ClientError::Refused(Box::new(Refusal::new(
            status,
            retry_after,
            &body,
        ))))
    }

    async fn read(&self, mut response: Response) -> Result<String, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            if body.len() + chunk.len() > LARGEST {
                let message = format!(
                    "{}: the answer is larger than {} MiB",
                    self.shown(),
                    LARGEST >> 20
                );
                return Err(ClientError::BadAnswer(message));
            }
            body.extend_from_slice(&chunk);
        }
        String::from_utf8(body).map_err(|_| {
            ClientError::BadAnswer(format!("{}: the answer is not text", self.shown()))
        })
    }

    /// The error of a request without an answer.
    pub fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        let cause = if error.is_timeout() {
            "no answer in time".to_owned()
        } else {
            cause(error)
        };
        if let Some(fault) = tls::explain(&cause, "--ca-file or QTASK_CA_FILE") {
            return ClientError::Untrusted(format!("{}: {fault}", self.shown()));
        }
        ClientError::Unreachable(format!("{} cannot be reached: {cause}", self.shown()))
    }

    /// The error of an answer that does not conform to the API.
    pub fn bad_answer(&self, error: &serde_json::Error) -> ClientError {
        let message = format!(
            "{} gave an answer that is not qtask's: {error}",
            self.shown()
        );
        ClientError::BadAnswer(message)
    }
}

/// Requests an event stream, with a total timeout of a year instead of the client's.
pub fn for_events(request: RequestBuilder) -> RequestBuilder {
    request
        .header(ACCEPT, "text/event-stream")
        .timeout(Duration::from_hours(24 * 365))
}

/// The headers by which the service continues the trace.
fn trace_headers(trace: &TraceContext) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let texts = [
        (TRACEPARENT, Some(trace.to_string())),
        (TRACESTATE, trace.state().map(str::to_owned)),
    ];
    texts.into_iter().filter_map(|(name, text)| {
        let value = HeaderValue::try_from(text?).ok()?;
        Some((HeaderName::from_static(name), value))
    })
}

fn bearer(token: &str) -> Result<HeaderValue, ClientError> {
    let value = HeaderValue::from_str(&format!("Bearer {token}"));
    let mut value = value.map_err(|_| {
        ClientError::Usage("QTASK_TOKEN has characters that no header can carry".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The innermost cause, which is the specific one.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(base: &str, query: &[(&str, String)]) -> String {
        crate::tls::install_provider();
        let api = Api::new(Url::parse(base).unwrap(), &ServiceAccess::default()).unwrap();
        api.request(Method::GET, &["tasks", "a b"], query)
            .build()
            .unwrap()
            .url()
            .to_string()
    }

    #[test]
    fn paths_stand_below_the_address_given() {
        assert_eq!(path("http://h:1", &[]), "http://h:1/tasks/a%20b");
        assert_eq!(
            path("http://h:1/behind/proxy/", &[]),
            "http://h:1/behind/proxy/tasks/a%20b"
        );
        let query = [("status", "failed".to_owned()), ("name", "a&b".to_owned())];
        assert_eq!(
            path("http://h:1", &query),
            "http://h:1/tasks/a%20b?status=failed&name=a%26b"
        );
    }

    #[test]
    fn a_token_is_never_shown() {
        crate::tls::install_provider();
        let new = |token: &str| {
            let access = ServiceAccess {
                token: Some(token.to_owned()),
                ..ServiceAccess::default()
            };
            Api::new(Url::parse("https://h").unwrap(), &access)
        };
        let api = new("sesame").unwrap();
        assert!(!format!("{api:?}").contains("sesame"));
        let error = new("ses\name").unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(!error.to_string().contains("ses"), "{error}");
    }
}
