//! Reads JSON answers; a missing value fails the test with the answer in the message.

use std::collections::BTreeSet;

use reqwest::header::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

/// The names of an object's fields.
pub fn keys(object: &Value) -> BTreeSet<&str> {
    let object = object
        .as_object()
        .unwrap_or_else(|| panic!("not an object: {object}"));
    object.keys().map(String::as_str).collect()
}

/// A field that is a string.
pub fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{field}` in {object}"))
}

/// The field `task_id`.
pub fn id_of(object: &Value) -> Uuid {
    text(object, "task_id").parse().expect("a UUID")
}

/// A header as text.
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers
        .get(name)
        .unwrap_or_else(|| panic!("no header {name} in {headers:?}"));
    value.to_str().expect("a header of text")
}
