//! Checks of single fields; each records errors under the field's name.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use url::Url;

use super::backend::{MAX_NAME_LENGTH, is_valid_name};
use super::stored_size::stored_size;
use super::webhook::WebhookTargets;

/// All errors of a request: field to message.
pub type FieldErrors = BTreeMap<String, String>;

/// Returns the errors as `Err`, if there are any.
pub fn refuse_if_any(errors: FieldErrors) -> Result<(), FieldErrors> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors)
    }
}

/// Returns the value or its default, converted to the type of the column.
pub fn in_range<T: TryFrom<i64> + Default>(
    errors: &mut FieldErrors,
    field: &str,
    value: Option<i64>,
    range: RangeInclusive<i64>,
    default: i64,
) -> T {
    let value = value.unwrap_or(default);
    if !range.contains(&value) {
        let message = format!(
            "must be between {} and {}, got {value}",
            range.start(),
            range.end()
        );
        errors.insert(field.to_owned(), message);
    }
    T::try_from(value).unwrap_or_default()
}

/// Checks for a text of 1 to `most` characters without control characters.
pub fn text(errors: &mut FieldErrors, field: &str, value: &str, most: usize) {
    let length = value.chars().count();
    if value.trim().is_empty() {
        errors.insert(field.to_owned(), "must not be empty".to_owned());
    } else if length > most {
        let message = format!("has {length} characters; at most {most} are allowed");
        errors.insert(field.to_owned(), message);
    } else if value.contains(char::is_control) {
        let message = "must not contain control characters".to_owned();
        errors.insert(field.to_owned(), message);
    }
}

/// Maximum number of tags of a task.
const MAX_TAGS: usize = 32;
/// Maximum length of a tag, in characters.
const MAX_TAG_LENGTH: usize = 64;

/// Checks the tags of a task.
pub fn tags(errors: &mut FieldErrors, tags: &[String]) {
    if tags.len() > MAX_TAGS {
        let message = format!("has {} entries; at most {MAX_TAGS} are allowed", tags.len());
        errors.insert("tags".to_owned(), message);
        return;
    }
    for (index, tag) in tags.iter().enumerate() {
        text(errors, &format!("tags[{index}]"), tag, MAX_TAG_LENGTH);
    }
}

/// Checks the name of a backend or a worker.
pub fn name(errors: &mut FieldErrors, field: &str, what: &str, value: &str) {
    if !is_valid_name(value) {
        let message = format!(
            "`{}` cannot name a {what}: use up to {MAX_NAME_LENGTH} letters, digits, `.`, `_`, `-`",
            excerpt(value)
        );
        errors.insert(field.to_owned(), message);
    }
}

/// Checks an object of the client, which is stored unchanged.
pub fn object(errors: &mut FieldErrors, field: &str, value: &Map<String, Value>, most: usize) {
    if let Err(message) = check_object(value, most) {
        errors.insert(field.to_owned(), message);
    }
}

/// Maximum number of dimensions of an array in OpenQASM.
const MAX_INPUT_DIMENSIONS: usize = 7;

/// Checks values of the `input` declarations of a circuit.
pub fn inputs(errors: &mut FieldErrors, field: &str, value: &Map<String, Value>, most: usize) {
    let checked = check_object(value, most).and_then(|()| value.iter().try_for_each(check_input));
    if let Err(message) = checked {
        errors.insert(field.to_owned(), message);
    }
}

fn check_input((name, value): (&String, &Value)) -> Result<(), String> {
    let shown = excerpt(name);
    let mut letters = name.chars();
    let starts = letters
        .next()
        .is_some_and(|c| c == '_' || c.is_alphabetic());
    if !starts || !letters.all(|c| c == '_' || c.is_alphanumeric()) {
        return Err(format!(
            "`{shown}` cannot name an input: use letters, digits and `_`, no digit first"
        ));
    }
    if is_input(value, MAX_INPUT_DIMENSIONS) {
        return Ok(());
    }
    Err(format!(
        "`{shown}` must be a number, true or false, a text of bits such as \"0110\", or lists of those"
    ))
}

/// Whether this is a value, or lists of values nested at most `depth` deep.
fn is_input(value: &Value, depth: usize) -> bool {
    match value {
        Value::Number(_) | Value::Bool(_) | Value::String(_) => true,
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_input(item, depth - 1)),
        Value::Null | Value::Object(_) => false,
    }
}

fn check_object(value: &Map<String, Value>, most: usize) -> Result<(), String> {
    if has_nul(value) {
        return Err("must not contain the NUL character".to_owned());
    }
    let bytes = stored_size(value);
    if bytes > most {
        return Err(format!(
            "has {bytes} bytes as JSON with its numbers written out; at most {most} are allowed"
        ));
    }
    Ok(())
}

/// Checks a URL that is valid and that a webhook may call.
pub fn http_url(errors: &mut FieldErrors, field: &str, value: &str, targets: &WebhookTargets) {
    const MOST: usize = 2_000;
    let parsed = Url::parse(value);
    let message = match &parsed {
        _ if value.len() > MOST => format!("is longer than {MOST} bytes"),
        // The URL parser removes them silently.
        _ if value.contains(char::is_control) => "must not contain control characters".to_owned(),
        _ if value.trim() != value => "must not begin or end with a space".to_owned(),
        Err(error) => format!("is not a URL: {error}"),
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            format!("must be http:// or https://, not {}://", url.scheme())
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            "must not carry a user or a password: everyone who can read the task sees it".to_owned()
        }
        Ok(url) => match targets.refusal(url) {
            None => return,
            Some(message) => message,
        },
    };
    errors.insert(field.to_owned(), message);
}

/// Whether the object contains a NUL character, which PostgreSQL's jsonb cannot store.
pub fn has_nul(object: &Map<String, Value>) -> bool {
    object
        .iter()
        .any(|(key, value)| key.contains('\0') || value_has_nul(value))
}

/// Whether the value contains a NUL character.
pub fn value_has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(value_has_nul),
        Value::Object(object) => has_nul(object),
        _ => false,
    }
}

/// The beginning of a text for messages, with control characters replaced.
pub fn excerpt(text: &str) -> String {
    let printable = text.chars().take(MAX_NAME_LENGTH);
    printable
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// Whether a text is the name of a host. Names of containers may have underscores.
pub fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_to_call_is_http_and_carries_no_password() {
        let refusal = |url: &str| {
            let mut errors = FieldErrors::new();
            http_url(&mut errors, "callback_url", url, &WebhookTargets::default());
            errors.remove("callback_url").unwrap_or_default()
        };
        assert_eq!(refusal("https://example.org/done?x=1"), "");
        assert!(refusal("http://10.0.0.1/done").contains("public address"));
        assert!(refusal("ftp://example.org").contains("not ftp://"));
        for hidden in [
            "https://example.org/\r\nx",
            "https://exa\tmple.org/",
            "https://example.org/\u{7f}",
        ] {
            assert!(refusal(hidden).contains("control"), "{hidden:?}");
        }
        assert!(refusal(" https://example.org/").contains("begin or end"));
        assert!(refusal("example.org").contains("not a URL"));
        assert!(refusal("https://user:secret@example.org").contains("password"));
        assert!(refusal(&format!("https://h/{}", "x".repeat(2_000))).contains("longer"));
    }

    #[test]
    fn a_text_is_short_and_visible() {
        let refusal = |value: &str| {
            let mut errors = FieldErrors::new();
            text(&mut errors, "name", value, 5);
            errors.remove("name").unwrap_or_default()
        };
        assert_eq!(refusal("fünf5"), "");
        assert!(refusal(" ").contains("empty"));
        assert!(refusal("123456").contains("6 characters"));
        assert!(refusal("a\u{1b}b").contains("control"));
    }
}
