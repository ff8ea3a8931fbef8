//! The body of a webhook, and its signature.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use time::OffsetDateTime;

use crate::domain::timestamp::rfc3339_milliseconds;
use crate::domain::trace_context::{TRACEPARENT, TRACESTATE, TraceContext};
use crate::store::DueWebhook;

/// A result larger than this, as text, is omitted; the receiver can read it from the API.
pub const MOST_RESULT_BYTES: i32 = 256 << 10;

/// A body and its headers.
pub struct WebhookMessage {
    /// JSON.
    pub body: String,
    /// Names and values of the headers, without those that every request has.
    pub headers: Vec<(&'static str, String)>,
}

impl WebhookMessage {
    /// The message about the end of a task, with the current time and the span of the call.
    pub fn new(
        due: &DueWebhook,
        result: Option<Value>,
        secret: Option<&str>,
        trace: Option<&TraceContext>,
    ) -> Self {
        let body = body(due, result).to_string();
        let timestamp = OffsetDateTime::now_utc().unix_timestamp().to_string();
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-qtask-delivery", due.delivery_id.to_string()),
        ];
        if let Some(signature) = secret.and_then(|secret| sign(secret, &timestamp, &body)) {
            headers.push(("x-qtask-signature", signature));
        }
        headers.push(("x-qtask-timestamp", timestamp));
        if let Some(trace) = trace {
            headers.push((TRACEPARENT, trace.to_string()));
            headers.extend(trace.state().map(|state| (TRACESTATE, state.to_owned())));
        }
        Self { body, headers }
    }
}

fn body(due: &DueWebhook, result: Option<Value>) -> Value {
    let mut body = json!({
        "task_id": due.task_id,
        "status": due.status,
        "kind": if due.is_circuit { "circuit" } else { "problem" },
        "completed_at": rfc3339_milliseconds(due.completed_at),
        "attempt": due.attempt,
        "correlation_id": due.correlation_id,
    });
    let optional = [
        ("name", due.name.clone().map(Value::from)),
        ("error_code", due.error_code.clone().map(Value::from)),
        ("error_message", due.error_message.clone().map(Value::from)),
        ("result", result),
    ];
    if let Value::Object(fields) = &mut body {
        let given = optional.into_iter();
        fields.extend(given.filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    body
}

/// HMAC-SHA256 (RFC 2104) over the time and the body, so that neither can be changed, and an old request
/// cannot be replayed as a new one.
fn sign(secret: &str, timestamp: &str, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    let mut signature = "v1=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").ok()?;
    }
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_any_other_implementation() {
        // printf '%s' '1700000000.{"a":1}' | openssl dgst -sha256 -hmac sesame
        let expected = "v1=961ee441db69fca5ccc174d9488a77f3c0397cd3ce633bd80dbc6e3320242468";
        assert_eq!(sign("sesame", "1700000000", "{\"a\":1}").unwrap(), expected);
    }
}
