//! Sends batches of spans by OTLP over HTTP, as protobuf.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;
use prost::bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};
use tokio::time::{Instant, sleep, timeout_at};
use url::{Host, Url};

use super::settings::TraceSettings;
use crate::domain::backoff::Backoff;
use crate::tls;

/// Maximum size of an answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// Delays between the repetitions of a request.
const RETRY: Backoff = Backoff {
    base: Duration::from_millis(500),
    cap: Duration::from_secs(5),
};

/// The receiver of spans.
pub struct Collector {
    http: reqwest::Client,
    endpoint: Url,
    resource: ResourceAttributesWithSchema,
    timeout: Duration,
}

/// Why a request failed.
enum SendError {
    /// A repetition may succeed, after the time that the collector names.
    Transient(String, Option<Duration>),
    /// A repetition would fail, too.
    Permanent(String),
}

impl Collector {
    /// A client of the collector that the settings name.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: &TraceSettings, resource: &Resource) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("qtask/", env!("CARGO_PKG_VERSION")))
            .default_headers(settings.headers.0.clone())
            .redirect(redirect::Policy::none())
            .http1_only()
            .pool_max_idle_per_host(1)
            .tls_backend_preconfigured(settings.trusted.config()?);
        if is_this_machine(&settings.endpoint) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build()?,
            endpoint: settings.endpoint.clone(),
            resource: resource.into(),
            timeout: settings.timeout,
        })
    }

    /// The address without user, password and query, which may contain secrets.
    pub fn shown(&self) -> String {
        let mut url = self.endpoint.clone();
        url.set_query(None);
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.to_string()
    }

    /// Sends a batch and returns how many of its spans the collector rejected. Repeats the request within the timeout if the
    /// collector is unreachable or asks for a repetition.
    ///
    /// # Errors
    /// The reason, for operators, when the collector did not take the batch.
    pub async fn send(&self, batch: Vec<SpanData>) -> Result<usize, String> {
        let deadline = Instant::now() + self.timeout;
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let body = Bytes::from(body);
        let mut failures = 0;
        loop {
            let answered = timeout_at(deadline, self.post(body.clone())).await;
            let (reason, after) = match answered {
                Ok(Ok(rejected)) => return Ok(rejected),
                Ok(Err(SendError::Permanent(reason))) => return Err(reason),
                Ok(Err(SendError::Transient(reason, after))) => (reason, after),
                Err(_) => return Err(format!("no answer within {:?}", self.timeout)),
            };
            failures += 1;
            let delay = after.unwrap_or_else(|| RETRY.delay(failures));
            if Instant::now() + delay >= deadline {
                return Err(reason);
            }
            sleep(delay).await;
        }
    }

    async fn post(&self, body: Bytes) -> Result<usize, SendError> {
        let request = self.http.post(self.endpoint.clone());
        let request = request.header(CONTENT_TYPE, "application/x-protobuf");
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| SendError::Transient(no_answer(&error), None))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(rejected_spans(answer).await);
        }
        let reason = format!("the collector answered {status}");
        if is_transient(status) {
            Err(SendError::Transient(reason, retry_after(&answer)))
        } else {
            Err(SendError::Permanent(reason))
        }
    }
}

/// The number of spans that the answer calls rejected; 0 if it is not OTLP's.
async fn rejected_spans(mut answer: Response) -> usize {
    let mut body = Vec::new();
    while let Ok(Some(part)) = answer.chunk().await {
        if body.len() + part.len() > MAX_ANSWER_BYTES {
            return 0;
        }
        body.extend_from_slice(&part);
    }
    let answer = ExportTraceServiceResponse::decode(&*body).unwrap_or_default();
    let partial = answer.partial_success.unwrap_or_default();
    usize::try_from(partial.rejected_spans).unwrap_or_default()
}

/// The statuses after which OTLP allows a repetition.
fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn retry_after(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(
        seconds.trim().parse::<u32>().ok()?.into(),
    ))
}

/// The innermost cause, which is the specific one.
fn no_answer(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let cause = innermost.to_string();
    let fault = tls::explain(&cause, "QTASK_CA_FILE");
    format!(
        "the collector cannot be reached: {}",
        fault.unwrap_or(cause)
    )
}

/// Whether proxies of the environment cannot reach it.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}
