//! A minimal validator of answers against the schemas of the OpenAPI document.

use serde_json::Value;
use uuid::Uuid;

/// The JSON Schemas of the document. Supports the keywords that the document uses.
pub struct Schemas<'a>(pub &'a Value);

impl Schemas<'_> {
    /// The schema, or the one that it references.
    pub fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let Some(path) = schema["$ref"].as_str() else {
            return schema;
        };
        let pointer = path
            .strip_prefix('#')
            .expect("a reference within the document");
        self.0
            .pointer(pointer)
            .unwrap_or_else(|| panic!("{path} leads nowhere"))
    }

    /// All schemas that an object of this schema combines.
    fn parts<'s>(&'s self, schema: &'s Value) -> Vec<&'s Value> {
        let schema = self.resolve(schema);
        let all = schema["allOf"].as_array().into_iter().flatten();
        std::iter::once(schema)
            .chain(all.flat_map(|part| self.parts(part)))
            .collect()
    }

    /// The parts of the value that the schema does not allow or does not mention; empty if the value conforms.
    pub fn complaints(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let schema = self.resolve(schema);
        let choices = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
        if let Some(choices) = choices {
            let whole = |choice: &Value| {
                let mut whole = schema.clone();
                let members = whole.as_object_mut().expect("a schema");
                members.remove("oneOf").or(members.remove("anyOf"));
                lay_over(&mut whole, self.resolve(choice));
                whole
            };
            let fits = choices
                .iter()
                .any(|choice| self.complaints(&whole(choice), value, at).is_empty());
            return if fits {
                Vec::new()
            } else {
                vec![format!("{at}: {value} is none of {choices:?}")]
            };
        }
        let mut found = Self::plain_complaints(schema, value, at);
        if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
            found.extend(
                items
                    .iter()
                    .flat_map(|item| self.complaints(schema, item, &format!("{at}[]"))),
            );
        }
        if let Some(fields) = value.as_object() {
            let parts = self.parts(schema);
            let required = parts
                .iter()
                .filter_map(|part| part["required"].as_array())
                .flatten();
            let missing = required
                .filter_map(Value::as_str)
                .filter(|name| !fields.contains_key(*name));
            found.extend(missing.map(|name| format!("{at}.{name} is missing")));
            let described = parts.iter().any(|part| part["properties"].is_object());
            for (name, field) in fields {
                let place = format!("{at}.{name}");
                match parts.iter().find_map(|part| part["properties"].get(name)) {
                    Some(schema) => found.extend(self.complaints(schema, field, &place)),
                    None if described => found.push(format!("{place} is not described")),
                    None => {}
                }
            }
        }
        found
    }

    fn plain_complaints(schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut found = Vec::new();
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "number",
            Value::Number(_) => "integer",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let allowed: Vec<&str> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            other => other.as_str().into_iter().collect(),
        };
        let is_number = kind == "integer" && allowed.contains(&"number");
        if !allowed.is_empty() && !allowed.contains(&kind) && !is_number {
            found.push(format!("{at}: {value} is not of {allowed:?}"));
        }
        if schema["enum"]
            .as_array()
            .is_some_and(|names| !names.contains(value))
        {
            found.push(format!("{at}: {value} is none of {}", schema["enum"]));
        }
        match (schema["format"].as_str(), value.as_str()) {
            (Some("uuid"), Some(id)) if id.parse::<Uuid>().is_err() => {
                found.push(format!("{at}: {id} is no UUID"));
            }
            (Some("date-time"), Some(_)) => assert_time(value),
            _ => {}
        }
        found
    }
}

/// Merges `top` into a schema: members of the same name are replaced, objects merged recursively.
pub fn lay_over(below: &mut Value, top: &Value) {
    match (below, top) {
        (Value::Object(below), Value::Object(top)) => {
            for (name, value) in top {
                let below = below.entry(name).or_insert(Value::Null);
                match (below.as_array_mut(), value.as_array()) {
                    // Required members are the union of both.
                    (Some(below), Some(more)) if name == "required" => {
                        below.extend_from_slice(more);
                    }
                    _ => lay_over(below, value),
                }
            }
        }
        (below, top) => *below = top.clone(),
    }
}

/// `2025-12-28T14:30:00.123Z`: UTC, with milliseconds.
pub fn assert_time(value: &Value) {
    let time = value
        .as_str()
        .unwrap_or_else(|| panic!("not a time: {value}"));
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{time}");
}
