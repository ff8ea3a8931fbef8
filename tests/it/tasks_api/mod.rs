//! The endpoints of tasks: what each answers, with every status that it can give; each answer is compared with the
//! description of the API.

mod batch;
mod batch_outages;
mod cancel;
mod include;
mod keys;
mod logs;
mod problems;
mod refusals;
mod settle;

use serde_json::{Value, json};

use crate::support::client::Reply;

fn task() -> Value {
    json!({"circuit": "x", "backend": "mock"})
}

/// Fails unless the answer is 422 and names just these fields.
fn assert_fields(reply: Reply, fields: &[&str]) {
    let body = reply.expect(422);
    assert_eq!(body["code"], "validation_failed", "{body}");
    let errors = body["errors"].as_object().expect("errors");
    let named: Vec<&str> = errors.keys().map(String::as_str).collect();
    assert_eq!(named, fields, "{body}");
}
