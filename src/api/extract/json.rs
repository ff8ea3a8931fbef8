//! Parses JSON; errors name the field.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::api::Problem;

/// Parses a JSON object.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let invalid = |detail| Problem::new(StatusCode::BAD_REQUEST, "invalid_json", detail);
    if bytes.is_empty() {
        return Err(invalid(
            "The body is empty; a JSON object is needed.".to_owned(),
        ));
    }
    // serde would accept an array as the fields in the order of their declaration.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(invalid(
            "The body is an array; a JSON object is needed.".to_owned(),
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        if let Some(field) = missing_field(&cause) {
            let place = if path == "." {
                field
            } else {
                format!("{path}.{field}")
            };
            return Problem::validation(BTreeMap::from([(place, "is required".to_owned())]));
        }
        match cause.classify() {
            Category::Data if path == "." => invalid(format!("The body cannot be used: {cause}.")),
            Category::Data => {
                Problem::validation(BTreeMap::from([(path, without_position(&cause))]))
            }
            _ => invalid(format!("The body is not valid JSON: {cause}.")),
        }
    })?;
    json.end()
        .map_err(|error| invalid(format!("The body is not valid JSON: {error}.")))?;
    Ok(value)
}

fn missing_field(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (name, _) = text.strip_prefix("missing field `")?.split_once('`')?;
    Some(name.to_owned())
}

/// The message without line and column, which are of no use for a generated body; the field is named separately.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::submission::Submission;

    fn refusal(body: &str) -> String {
        parse::<Submission>(body.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn json_that_is_broken_is_told_from_json_that_cannot_be_used() {
        assert!(refusal("{\"shots\": 1,}").starts_with("400 invalid_json"));
        assert!(refusal("").starts_with("400 invalid_json"));
        assert!(refusal("{} {}").starts_with("400 invalid_json"));
        assert!(refusal("[]").starts_with("400 invalid_json"));
        assert!(refusal("{\"shots\": \"many\"}").starts_with("422 validation_failed"));
    }

    #[test]
    fn json_nested_a_million_deep_is_refused() {
        let body = format!("{{\"metadata\": {{\"deep\": {}", "[".repeat(1_000_000));
        assert!(refusal(&body).contains("recursion limit"));
    }
}
