//! The validated settings of the export.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::tls::ClientFiles;

/// Which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TraceSampler {
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// This part of all traces, from 0 to 1.
    Ratio(f64),
    /// Those that the caller records, and all that begin here.
    ParentBasedAlwaysOn,
    /// Those that the caller records, and none that begin here.
    ParentBasedAlwaysOff,
    /// Those that the caller records, and this part of those that begin here.
    ParentBasedRatio(f64),
}

/// Headers of each request to the collector; they may contain secrets.
#[derive(Clone, Default)]
pub struct TraceHeaders(pub(super) HeaderMap);

/// A name or a value that no header can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no header can have this name or value")]
pub struct InvalidHeader;

impl TraceHeaders {
    /// Adds a header.
    pub fn add(&mut self, name: &str, value: &str) -> Result<(), InvalidHeader> {
        let name = HeaderName::try_from(name).map_err(|_| InvalidHeader)?;
        let mut value = HeaderValue::try_from(value).map_err(|_| InvalidHeader)?;
        value.set_sensitive(true);
        self.0.append(name, value);
        Ok(())
    }

    /// The value of a header.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.to_str().ok()
    }
}

impl fmt::Debug for TraceHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceHeaders").finish_non_exhaustive()
    }
}

/// Where spans are sent, and which.
#[derive(Clone)]
pub struct TraceSettings {
    /// The URL that receives spans.
    pub endpoint: Url,
    /// Headers of each request.
    pub headers: TraceHeaders,
    /// Timeout of a batch, including its repetitions.
    pub timeout: Duration,
    /// The name of the service in traces.
    pub service_name: String,
    /// Further attributes of the resource.
    pub attributes: Vec<(String, String)>,
    /// Which traces are recorded.
    pub sampler: TraceSampler,
    /// Maximum number of ended spans that wait to be sent.
    pub max_queued: usize,
    /// Maximum number of spans in one request.
    pub max_batch: usize,
    /// How long an ended span may wait for others.
    pub delay: Duration,
    /// The authorities that the collector's certificate may come from.
    pub trusted: ClientFiles,
}

impl fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceSettings")
            .field("service_name", &self.service_name)
            .finish_non_exhaustive()
    }
}
