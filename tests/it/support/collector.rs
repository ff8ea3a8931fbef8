//! A collector of traces: it receives spans by OTLP over HTTP and records them.

use std::collections::HashMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::wait::{DEADLINE, eventually};

/// A received span.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The name of its service.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its kind: `internal`, `server`, `client`, `producer` or `consumer`.
    pub kind: &'static str,
    /// The id of its trace, in hexadecimal.
    pub trace_id: String,
    /// Its id, in hexadecimal.
    pub span_id: String,
    /// The id of its parent, in hexadecimal; empty for the first of a trace.
    pub parent: String,
    /// The value of `tracestate`.
    pub state: String,
    /// The ids of the spans that it links to.
    pub links: Vec<String>,
    /// Its attributes, as text.
    pub attributes: HashMap<String, String>,
    /// Whether its status is an error.
    pub is_error: bool,
}

impl Exported {
    fn new(service: &str, span: Span) -> Self {
        const KINDS: [&str; 6] = [
            "none", "internal", "server", "client", "producer", "consumer",
        ];
        Self {
            service: service.to_owned(),
            name: span.name,
            kind: KINDS[usize::try_from(span.kind).expect("a kind")],
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            state: span.trace_state,
            links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
            attributes: texts(span.attributes),
            is_error: span.status.is_some_and(|status| status.code == 2),
        }
    }

    /// The value of an attribute; empty if there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The value of `traceparent` for its children.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.span_id)
    }
}

/// A collector on a loopback port, stopped on drop.
#[derive(Debug)]
pub struct Collector {
    scheme: &'static str,
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    /// The status line of each answer; empty if there is none.
    answer: &'static str,
    connections: AtomicUsize,
    received: Mutex<Received>,
}

#[derive(Debug, Default)]
struct Received {
    spans: Vec<Exported>,
    requests: Vec<HashMap<String, String>>,
}

impl Collector {
    /// Accepts all spans.
    pub async fn start() -> Self {
        Self::answering("200 OK").await
    }

    /// Records spans and answers with this status; an empty one leaves requests unanswered.
    pub async fn answering(answer: &'static str) -> Self {
        Self::listen(answer, None).await
    }

    /// Accepts all spans, over TLS.
    pub async fn start_tls(tls: TlsAcceptor) -> Self {
        Self::listen("200 OK", Some(tls)).await
    }

    async fn listen(answer: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            answer,
            connections: AtomicUsize::new(0),
            received: Mutex::default(),
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let accepting = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    shared.connections.fetch_add(1, Ordering::SeqCst);
                    let (shared, tls) = (Arc::clone(&shared), tls.clone());
                    tokio::spawn(async move {
                        match tls {
                            None => serve(stream, &shared).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, &shared).await;
                                }
                            }
                        }
                    });
                }
            }
        });
        Self {
            scheme,
            address,
            shared,
            accepting,
        }
    }

    /// The value of `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// All spans so far.
    pub fn spans(&self) -> Vec<Exported> {
        self.read(|received| received.spans.clone())
    }

    /// The headers of all requests so far, by lower-case name; the path is under `:path`.
    pub fn requests(&self) -> Vec<HashMap<String, String>> {
        self.read(|received| received.requests.clone())
    }

    /// Waits until this many spans of this name have arrived, and returns them in the order of their ends.
    pub async fn wait_for(&self, name: &str, count: usize) -> Vec<Exported> {
        let what = format!("{count} spans `{name}`");
        eventually(DEADLINE, &what, || async {
            let mut spans = self.spans();
            spans.retain(|span| span.name == name);
            (spans.len() >= count).then_some(spans)
        })
        .await
    }

    /// Waits until a span of this name has arrived.
    pub async fn wait_for_one(&self, name: &str) -> Exported {
        self.wait_for(name, 1).await.remove(0)
    }

    fn read<T>(&self, look: impl FnOnce(&Received) -> T) -> T {
        let received = &self.shared.received;
        look(&received.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    while let Some((headers, body)) = read(&mut stream).await {
        let request = ExportTraceServiceRequest::decode(&*body).expect("OTLP in protobuf");
        shared
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(headers, request);
        if shared.answer.is_empty() {
            // Waits until the client disconnects.
            let _ = stream.read_to_end(&mut Vec::new()).await;
            return;
        }
        let answer = format!("HTTP/1.1 {}\r\ncontent-length: 0\r\n\r\n", shared.answer);
        if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

impl Received {
    fn add(&mut self, headers: HashMap<String, String>, request: ExportTraceServiceRequest) {
        self.requests.push(headers);
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.unwrap_or_default();
            let resource = texts(resource.attributes);
            let service = resource.get("service.name").cloned().unwrap_or_default();
            let spans = of_resource.scope_spans.into_iter();
            let spans = spans.flat_map(|scope| scope.spans);
            self.spans
                .extend(spans.map(|span| Exported::new(&service, span)));
        }
    }
}

async fn read(
    stream: &mut BufReader<impl AsyncRead + Unpin>,
) -> Option<(HashMap<String, String>, Vec<u8>)> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::from([(":path".to_owned(), path)]);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((headers, body))
}

fn texts(attributes: Vec<KeyValue>) -> HashMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let attributes = attributes.into_iter();
    attributes.map(|it| (it.key, text(it.value))).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
