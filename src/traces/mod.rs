//! Traces: spans of requests, attempts and calls, exported by OTLP over HTTP.
//!
//! - `span` begins a span, and has the context that its children get;
//! - `settings` has the validated settings;
//! - `queue` holds ended spans until they are sent, and drops spans that exceed it;
//! - `collector` sends them;
//! - `losses` counts dropped spans, and warns of them;
//! - this file starts and ends the export.
//!
//! Only this module names `OpenTelemetry`'s crates. It does not make spans of those of `tracing`: those exist for log lines, at a
//! level, within one process, while a span of a trace has a parent in another process. Without an exporter, a [`Span`] only passes
//! on the context that it was given.

mod collector;
mod losses;
mod queue;
mod settings;
mod span;

pub use settings::{InvalidHeader, TraceHeaders, TraceSampler, TraceSettings};
pub use span::{Span, SpanKind, SpanStart};

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::collector::Collector;
use self::losses::Losses;
use self::queue::{QueueProcessor, SpanSender};

/// How long sending the last spans may take at the end of the process.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Begins spans, once an export has started.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// The export of this process's spans.
pub struct TraceExport {
    sending: JoinHandle<()>,
    stop: CancellationToken,
    losses: Arc<Losses>,
}

/// Starts to record spans and to send them in the background. Called at most once in a process, on its runtime.
///
/// # Errors
/// When TLS cannot be set up.
pub fn start(settings: &TraceSettings) -> anyhow::Result<TraceExport> {
    let resource = resource(settings);
    let collector = Collector::new(settings, &resource)?;
    let losses = Arc::new(Losses::default());
    let (processor, ended) = QueueProcessor::new(settings.max_queued, losses.clone());
    let provider = SdkTracerProvider::builder()
        .with_resource(resource)
        .with_sampler(sampler(settings.sampler))
        .with_span_processor(processor)
        .build();
    let _ = TRACER.set(provider.tracer("qtask"));
    info!(
        event = "traces.exporting",
        endpoint = collector.shown(),
        "traces are exported"
    );
    let stop = CancellationToken::new();
    let sender = SpanSender {
        ended,
        collector,
        losses: losses.clone(),
        max_batch: settings.max_batch,
        delay: settings.delay,
        stop: stop.clone(),
    };
    Ok(TraceExport {
        sending: tokio::spawn(sender.run()),
        stop,
        losses,
    })
}

impl TraceExport {
    /// Sends the last spans, for 2 s at most; those that are left are dropped.
    pub async fn finish(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(LAST_SPANS, &mut self.sending)
            .await
            .is_err()
        {
            self.sending.abort();
            self.losses.drop_pending("the process has ended");
        }
        self.losses.report_all();
    }
}

/// The tracer, if spans are exported.
fn tracer() -> Option<&'static SdkTracer> {
    TRACER.get()
}

fn resource(settings: &TraceSettings) -> Resource {
    let attributes = settings.attributes.iter();
    let attributes = attributes.map(|(name, value)| KeyValue::new(name.clone(), value.clone()));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_attributes(attributes)
        .with_service_name(settings.service_name.clone())
        .build()
}

fn sampler(sampler: TraceSampler) -> Sampler {
    let parent_based = |root| Sampler::ParentBased(Box::new(root));
    match sampler {
        TraceSampler::AlwaysOn => Sampler::AlwaysOn,
        TraceSampler::AlwaysOff => Sampler::AlwaysOff,
        TraceSampler::Ratio(ratio) => Sampler::TraceIdRatioBased(ratio),
        TraceSampler::ParentBasedAlwaysOn => parent_based(Sampler::AlwaysOn),
        TraceSampler::ParentBasedAlwaysOff => parent_based(Sampler::AlwaysOff),
        TraceSampler::ParentBasedRatio(ratio) => parent_based(Sampler::TraceIdRatioBased(ratio)),
    }
}
