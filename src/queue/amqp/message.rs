//! The message that announces a task.

use amqprs::{BasicProperties, FieldName, FieldTable, FieldValue, LongStr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::topology::MAX_PRIORITY;
use crate::domain::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};

/// A task to announce on its backend's queue. The row in the database is authoritative; the message is a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The task; also the AMQP `message-id`.
    pub task_id: Uuid,
    /// The backend, which is the routing key: see [`queue_name`](super::queue_name).
    pub backend: String,
    /// Priority from 0 (last) to 10 (first); a larger value counts as 10.
    pub priority: u8,
    /// Copied into the worker's logs.
    pub correlation_id: String,
    /// The span that publishes it.
    pub trace: Option<TraceContext>,
}

/// One hour. Messages must not accumulate in a queue without consumers (workers that claim over HTTP do not
/// consume); the sweep publishes a new message for a task that still waits.
const EXPIRATION_MS: &str = "3600000";

#[derive(Serialize)]
struct Body<'a> {
    task_id: Uuid,
    backend: &'a str,
    correlation_id: &'a str,
}

/// The fields of a body that a consumer reads; all others are ignored.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) task_id: Option<Uuid>,
    #[serde(default)]
    pub(super) correlation_id: Option<String>,
    /// From the headers.
    #[serde(skip)]
    pub(super) trace: Option<TraceContext>,
}

impl OutgoingMessage {
    /// The body: `{"task_id": ..., "backend": ..., "correlation_id": ...}`.
    pub(super) fn body(&self) -> Vec<u8> {
        let body = Body {
            task_id: self.task_id,
            backend: &self.backend,
            correlation_id: &self.correlation_id,
        };
        // Strings and a UUID always serialize. A consumer acks an empty body as malformed.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// Persistent, with the task as `message-id`, and no other properties: measured on `RabbitMQ` 3.10,
    /// `content-type` and `correlation-id` cost a third of the publishes per second on a queue
    /// with priorities, and the body contains both. The trace context is in the headers, where other programs look for it.
    pub(super) fn properties(&self) -> BasicProperties {
        let mut properties = BasicProperties::default();
        properties
            .with_persistence(true)
            .with_message_id(&self.task_id.to_string())
            .with_priority(self.priority.min(MAX_PRIORITY))
            .with_expiration(EXPIRATION_MS);
        if let Some(trace) = &self.trace {
            properties.with_headers(trace_headers(trace));
        }
        properties
    }
}

impl Received {
    /// Parses a body; `None` unless it is JSON with a valid `task_id`.
    pub(super) fn parse(body: &[u8], properties: &BasicProperties) -> Self {
        let mut received: Self = serde_json::from_slice(body).unwrap_or_default();
        if received.correlation_id.is_none() {
            received.correlation_id = properties.correlation_id().cloned();
        }
        received.trace = properties.headers().and_then(trace_context);
        received
    }
}

fn trace_headers(trace: &TraceContext) -> FieldTable {
    let mut headers = FieldTable::new();
    let texts = [
        (TRACEPARENT, Some(trace.to_string())),
        (TRACESTATE, trace.state().map(str::to_owned)),
    ];
    for (name, text) in texts {
        let text = text.and_then(|text| LongStr::try_from(text).ok());
        if let (Ok(name), Some(text)) = (FieldName::try_from(name), text) {
            headers.insert(name, FieldValue::S(text));
        }
    }
    headers
}

fn trace_context(headers: &FieldTable) -> Option<TraceContext> {
    let text = |name: &str| match headers.get(&FieldName::try_from(name).ok()?)? {
        FieldValue::S(text) => Some(text.as_ref().as_str()),
        _ => None,
    };
    TraceContext::parse(text(TRACEPARENT)?, text(TRACESTATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(correlation_id: &str) -> OutgoingMessage {
        OutgoingMessage {
            task_id: Uuid::now_v7(),
            backend: "aer".to_owned(),
            priority: 200,
            correlation_id: correlation_id.to_owned(),
            trace: None,
        }
    }

    #[test]
    fn a_trace_context_travels_in_the_headers() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for state in [None, Some("a=1")] {
            let mut sent = message("c");
            sent.trace = TraceContext::parse(parent, state);
            let received = Received::parse(&sent.body(), &sent.properties());
            assert_eq!(received.trace, sent.trace);
        }
        let sent = message("c");
        assert_eq!(sent.properties().headers(), None);
    }

    #[test]
    fn a_message_is_read_back_as_it_was_written() {
        let sent = message("c \"1\"");
        let received = Received::parse(&sent.body(), &sent.properties());
        assert_eq!(received.task_id, Some(sent.task_id));
        assert_eq!(received.correlation_id.as_deref(), Some("c \"1\""));
        assert_eq!(sent.properties().priority(), Some(MAX_PRIORITY));
    }

    #[test]
    fn a_correlation_id_may_be_longer_than_a_property() {
        let sent = message(&"x".repeat(300));
        let received = Received::parse(&sent.body(), &sent.properties());
        assert_eq!(received.correlation_id, Some(sent.correlation_id));
    }

    #[test]
    fn a_correlation_id_of_another_client_is_taken_from_its_property() {
        let mut properties = BasicProperties::default();
        properties.with_correlation_id("theirs");
        let received = Received::parse(b"{}", &properties);
        assert_eq!(received.correlation_id.as_deref(), Some("theirs"));
    }

    #[test]
    fn garbage_has_no_task() {
        for body in [
            &b""[..],
            b"{",
            b"[]",
            b"{\"task_id\": 7}",
            b"\xff\xfe",
            b"{}",
        ] {
            let received = Received::parse(body, &BasicProperties::default());
            assert_eq!(received.task_id, None);
        }
    }
}
