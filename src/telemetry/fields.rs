//! The fields of an event or a span, with values of a bounded length.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};

/// Maximum length of one value, in bytes; longer values are truncated and marked.
pub const MAX_VALUE_BYTES: usize = 8 << 10;
/// The field that holds an event's message.
const MESSAGE: &str = "message";
/// Prefix of the fields that the `log` facade adds; all but the target duplicate the event's metadata.
const LOG_PREFIX: &str = "log.";
const LOG_TARGET: &str = "log.target";

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// Any value that is neither a number nor a boolean.
    Text(String),
    /// A number or a boolean, in JSON notation.
    Literal(String),
}

/// Fields in the order of their recording, each name once.
#[derive(Debug, Default)]
pub struct Fields {
    /// The event's message.
    pub message: String,
    /// The target of an event that came through the `log` facade.
    pub log_target: Option<String>,
    /// All other fields.
    pub named: Vec<(&'static str, FieldValue)>,
}

impl Fields {
    /// Adds the fields of `others` whose names are not present yet.
    pub fn add_missing(&mut self, others: &Self) {
        for (name, value) in &others.named {
            if !self.has(name) {
                self.named.push((name, value.clone()));
            }
        }
    }

    fn has(&self, name: &str) -> bool {
        self.named.iter().any(|(known, _)| *known == name)
    }

    fn text(&mut self, field: &Field, value: String) {
        match field.name() {
            MESSAGE => self.message = value,
            LOG_TARGET => self.log_target = Some(value),
            name if name.starts_with(LOG_PREFIX) => {}
            _ => self.set(field, FieldValue::Text(value)),
        }
    }

    fn set(&mut self, field: &Field, value: FieldValue) {
        let name = field.name();
        let name = name.strip_prefix("r#").unwrap_or(name);
        if name.starts_with(LOG_PREFIX) {
            return;
        }
        // A later value replaces the earlier one.
        match self.named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.named.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let mut text = Bounded::default();
        let _ = text.write_str(value);
        self.text(field, text.finish());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = Bounded::default();
        // Returns an error at the limit, so that the rest is not formatted.
        let _ = write!(text, "{value:?}");
        self.text(field, text.finish());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, FieldValue::Literal(value.to_string()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, FieldValue::Literal(value.to_string()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, FieldValue::Literal(value.to_string()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // Three digits: times and ratios in log lines are not more precise.
        let value = if value.is_finite() {
            FieldValue::Literal(((value * 1e3).round() / 1e3).to_string())
        } else {
            FieldValue::Text(value.to_string())
        };
        self.set(field, value);
    }
}

/// A text of at most [`MAX_VALUE_BYTES`].
#[derive(Default)]
struct Bounded {
    text: String,
    cut: bool,
}

impl Bounded {
    fn finish(mut self) -> String {
        if self.cut {
            self.text.push_str("… (cut)");
        }
        self.text
    }
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let room = MAX_VALUE_BYTES.saturating_sub(self.text.len());
        let kept = more.get(..more.floor_char_boundary(room)).unwrap_or(more);
        self.text.push_str(kept);
        self.cut |= kept.len() < more.len();
        if self.cut { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_between_characters() {
        let mut text = Bounded::default();
        assert!(write!(text, "x{:?}", "é".repeat(MAX_VALUE_BYTES)).is_err());
        let text = text.finish();
        assert!(text.ends_with("é… (cut)") && text.len() <= MAX_VALUE_BYTES + 16);
    }
}
