//! Random values that conform to a schema of the OpenAPI document, biased towards the bounds.

use rand::RngExt;
use rand::rngs::StdRng;
use regex_syntax::hir::{Hir, HirKind};
use serde_json::{Map, Number, Value, json};
use uuid::Uuid;

use super::json_schema::{Schemas, lay_over};

/// Maximum nesting depth of values without another bound.
const MAX_DEPTH: usize = 3;
/// Maximum number of characters, repetitions or elements beyond the minimum.
const MAX_MORE: u64 = 6;
/// Characters that often cause defects.
const LETTERS: [char; 18] = [
    'a', 'Z', '0', ' ', '\t', '\n', '"', '\\', '/', '\'', ',', '\u{1}', '\u{7f}', '\u{85}', 'é',
    '\u{2028}', '𝕢', '\u{feff}',
];

/// Generates values.
pub struct Generator<'a> {
    /// The schemas that the values conform to.
    pub schemas: Schemas<'a>,
    /// The source of randomness.
    pub random: StdRng,
}

impl Generator<'_> {
    fn chance(&mut self, percent: u32) -> bool {
        self.random.random_range(0..100) < percent
    }

    fn pick<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.random.random_range(0..values.len())]
    }

    /// A value that the schema allows.
    pub fn value(&mut self, schema: &Value, depth: usize) -> Value {
        let schema = self.whole(schema, depth);
        if let Some(values) = schema["enum"].as_array() {
            return self.pick(values).clone();
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            Value::String(kind) => vec![kind],
            _ if schema["properties"].is_object() => vec!["object"],
            _ => vec![
                "null", "boolean", "integer", "number", "string", "array", "object",
            ],
        };
        match *self.pick(&kinds) {
            "null" => Value::Null,
            "boolean" => json!(self.chance(50)),
            "integer" => self.integer(&schema),
            "number" => self.number(&schema),
            "string" => Value::String(self.text(&schema)),
            "array" => self.array(&schema, depth),
            "object" => self.object(&schema, depth),
            other => panic!("a value of the type {other}"),
        }
    }

    /// Resolves references and picks one of the choices of the schema.
    fn whole(&mut self, schema: &Value, depth: usize) -> Value {
        let mut schema = schema.clone();
        loop {
            let members = schema.as_object_mut().expect("a schema");
            if let Some(reference) = members.remove("$ref") {
                let mut referred = self.schemas.resolve(&json!({"$ref": reference})).clone();
                lay_over(&mut referred, &schema);
                schema = referred;
            } else if let Some(parts) = members.remove("allOf") {
                for part in parts.as_array().expect("schemas") {
                    let part = self.schemas.resolve(part).clone();
                    lay_over(&mut schema, &part);
                }
            } else if let Some(choices) = members.remove("oneOf").or(members.remove("anyOf")) {
                let choices = choices.as_array().expect("schemas");
                // The first choice does not nest.
                let choice = if depth > MAX_DEPTH {
                    &choices[0]
                } else {
                    self.pick(choices)
                };
                lay_over(&mut schema, &choice.clone());
            } else {
                return schema;
            }
        }
    }

    fn integer(&mut self, schema: &Value) -> Value {
        let bound = |name: &str| schema[name].as_i64();
        let least = bound("minimum").unwrap_or(-1_000_000);
        // Larger integers fit only into a u64.
        let most = match &schema["maximum"] {
            Value::Number(number) => number.as_i64().unwrap_or(i64::MAX),
            _ => 1_000_000,
        };
        let any = self.random.random_range(least..=most);
        let number = *self.pick(&[least, most, any, any, any]);
        let exact = number != 0 && number.unsigned_abs() < 1 << 53;
        if exact && self.chance(30) {
            let written = *self.pick(&["{}.0", "{}.00", "{}0e-1", "{}e0"]);
            let written = written.replace("{}", &number.to_string());
            return serde_json::from_str(&written).expect("a number");
        }
        json!(number)
    }

    fn number(&mut self, schema: &Value) -> Value {
        let bound = |name: &str, other: f64| schema[name].as_f64().unwrap_or(other);
        let (least, most) = (bound("minimum", -1e6), bound("maximum", 1e6));
        let any = self.random.random_range(least..=most);
        let number = *self.pick(&[least, most, any, any.trunc().clamp(least, most)]);
        Number::from_f64(number).map_or(json!(0), Value::Number)
    }

    fn text(&mut self, schema: &Value) -> String {
        match schema["format"].as_str() {
            Some("uuid") => return Uuid::now_v7().to_string(),
            Some("date-time") => return self.time(),
            Some("uri") => {
                let known = [
                    "https://example.org",
                    "http://Example.org:81/a?b=c#d",
                    "HTTPS://1.1.1.1/é",
                ];
                return (*self.pick(&known)).to_owned();
            }
            _ => {}
        }
        let bound = |name: &str| schema[name].as_u64();
        let least = bound("minLength").unwrap_or(0);
        let most = bound("maxLength").unwrap_or(u64::MAX);
        let Some(pattern) = schema["pattern"].as_str() else {
            let length = self.random.random_range(least..=most.min(least + MAX_MORE));
            return (0..length).map(|_| *self.pick(&LETTERS)).collect();
        };
        let pattern = regex_syntax::parse(pattern).expect("a pattern");
        loop {
            let mut text = String::new();
            self.sample(&pattern, &mut text);
            if (least..=most).contains(&(text.chars().count() as u64)) {
                return text;
            }
        }
    }

    fn sample(&mut self, pattern: &Hir, text: &mut String) {
        match pattern.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => {
                text.push_str(std::str::from_utf8(&literal.0).expect("text"));
            }
            HirKind::Class(class) => {
                let regex_syntax::hir::Class::Unicode(class) = class else {
                    panic!("a class of bytes");
                };
                let fits = |letter: &&char| {
                    class
                        .iter()
                        .any(|range| (range.start()..=range.end()).contains(*letter))
                };
                let known: Vec<char> = LETTERS.iter().filter(fits).copied().collect();
                let range = self.pick(class.ranges());
                let ends = [range.start(), range.end()];
                let letter = if known.is_empty() || self.chance(30) {
                    *self.pick(&ends)
                } else {
                    *self.pick(&known)
                };
                text.push(letter);
            }
            HirKind::Repetition(repetition) => {
                let least = u64::from(repetition.min);
                let most = repetition
                    .max
                    .map_or(u64::MAX, u64::from)
                    .min(least + MAX_MORE);
                for _ in 0..self.random.random_range(least..=most) {
                    self.sample(&repetition.sub, text);
                }
            }
            HirKind::Capture(capture) => self.sample(&capture.sub, text),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.sample(part, text)),
            HirKind::Alternation(parts) => {
                let part = self.pick(parts).clone();
                self.sample(&part, text);
            }
        }
    }

    fn time(&mut self) -> String {
        let mut digits = |range: std::ops::Range<u32>| self.random.random_range(range);
        let day = format!(
            "{:04}-{:02}-{:02}",
            digits(1970..2100),
            digits(1..13),
            digits(1..29)
        );
        let time = format!(
            "{:02}:{:02}:{:02}",
            digits(0..24),
            digits(0..60),
            digits(0..60)
        );
        let fraction = *self.pick(&["", ".5", ".123456789", ".000"]);
        let offset = *self.pick(&["Z", "+00:00", "-11:30", "+14:00"]);
        format!("{day}T{time}{fraction}{offset}")
    }

    fn array(&mut self, schema: &Value, depth: usize) -> Value {
        let bound = |name: &str| schema[name].as_u64();
        let least = bound("minItems").unwrap_or(0);
        let most = bound("maxItems").unwrap_or(u64::MAX).min(least + 3);
        let most = if depth > MAX_DEPTH { least } else { most };
        let items = schema.get("items").cloned().unwrap_or_else(|| json!({}));
        let length = self.random.random_range(least..=most);
        (0..length).map(|_| self.value(&items, depth + 1)).collect()
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array().into_iter().flatten();
        let required: Vec<&str> = required.filter_map(Value::as_str).collect();
        let mut object = Map::new();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if required.contains(&name.as_str()) || self.chance(30) {
                object.insert(name.clone(), self.value(schema, depth + 1));
            }
        }
        let others = &schema["additionalProperties"];
        let is_closed = *others == json!(false) || (others.is_null() && !object.is_empty());
        if !is_closed && depth <= MAX_DEPTH {
            let others = if others.is_object() {
                others.clone()
            } else {
                json!({})
            };
            let names = schema
                .get("propertyNames")
                .cloned()
                .unwrap_or_else(|| json!({}));
            let least = schema["minProperties"].as_u64().unwrap_or(0);
            for _ in 0..self.random.random_range(least..3) {
                let name = self.text(&names);
                if !object.contains_key(&name) {
                    object.insert(name, self.value(&others, depth + 1));
                }
            }
        }
        without_what_is_excluded(&mut object, &schema["not"]);
        Value::Object(object)
    }
}

/// Supports `not` only with `required`: members that must not all be present.
fn without_what_is_excluded(object: &mut Map<String, Value>, excluded: &Value) {
    let names = excluded["required"].as_array().into_iter().flatten();
    let names: Vec<&str> = names.filter_map(Value::as_str).collect();
    if let Some(last) = names.last()
        && names.iter().all(|name| object.contains_key(*name))
    {
        object.remove(*last);
    }
}
