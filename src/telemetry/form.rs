//! Formats a log line: as a flat JSON object, or for people.

use std::fmt::Write;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::Level;

use super::fields::{FieldValue, Fields};

/// Maximum size of all fields of a line together, in bytes; further fields are omitted.
const MAX_LINE_BYTES: usize = 64 << 10;
/// Names of the members that a JSON line has of its own. A field of such a name gets underscores behind it.
const RESERVED: [&str; 5] = ["timestamp", "level", "target", "message", "fields_left_out"];
/// The field with the id of an event, which stands before the others.
const EVENT: &str = "event";

const MICROSECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
const MILLISECONDS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// `{"timestamp": ..., "level": ..., "target": ..., "event": ..., "message": ..., and each field}`, without nested objects.
pub fn json(level: Level, target: &str, fields: &Fields) -> String {
    let mut line = format!(
        "{{\"timestamp\":\"{}\",\"level\":\"{level}\",\"target\":{}",
        now(MICROSECONDS),
        quoted(target),
    );
    let is_event = |(name, _): &&(&str, FieldValue)| *name == EVENT;
    if let Some((_, value)) = fields.named.iter().find(is_event) {
        push_member(&mut line, EVENT, value);
    }
    let _ = write!(line, ",\"message\":{}", quoted(&fields.message));
    for (name, value) in fields.named.iter().filter(|field| !is_event(field)) {
        if line.len() > MAX_LINE_BYTES {
            line.push_str(",\"fields_left_out\":true");
            break;
        }
        if RESERVED.contains(name) {
            push_member(&mut line, &free_name(name, fields), value);
        } else {
            push_member(&mut line, name, value);
        }
    }
    line.push_str("}\n");
    line
}

fn push_member(line: &mut String, name: &str, value: &FieldValue) {
    let _ = match value {
        FieldValue::Text(text) => write!(line, ",\"{name}\":{}", quoted(text)),
        FieldValue::Literal(literal) => write!(line, ",\"{name}\":{literal}"),
    };
}

/// The name with as many underscores behind it as make it different from those of all fields.
fn free_name(reserved: &str, fields: &Fields) -> String {
    let mut name = format!("{reserved}_");
    while fields.named.iter().any(|(other, _)| *other == name) {
        name.push('_');
    }
    name
}

/// `time LEVEL message name=value ...`, coloured for a terminal.
pub fn pretty(level: Level, fields: &Fields, coloured: bool) -> String {
    let paint = |code: &str, text: &str| {
        if coloured {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    let mut line = paint("2", &now(MILLISECONDS));
    let level_text = format!(" {level:>5} ");
    line.push_str(&match level {
        Level::ERROR => paint("31", &level_text),
        Level::WARN => paint("33", &level_text),
        Level::INFO => paint("32", &level_text),
        _ => paint("34", &level_text),
    });
    push_safe(&mut line, &fields.message);
    for (name, value) in &fields.named {
        if line.len() > MAX_LINE_BYTES {
            line.push_str(" …");
            break;
        }
        line.push(' ');
        line.push_str(&paint("2", &format!("{name}=")));
        match value {
            FieldValue::Text(text) => push_safe(&mut line, text),
            FieldValue::Literal(literal) => line.push_str(literal),
        }
    }
    line.push('\n');
    line
}

fn now(format: &[BorrowedFormatItem<'_>]) -> String {
    OffsetDateTime::now_utc().format(format).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}

/// Appends text with continuation lines indented, so that none looks like a separate log line, and with other
/// control characters escaped, so that they do not reach the terminal.
fn push_safe(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\n    "),
            '\t' => line.push(c),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        Fields {
            message: "task\nclaimed".to_owned(),
            log_target: None,
            named: vec![
                ("task_id", FieldValue::Text("a\"b\x1b".to_owned())),
                ("attempt", FieldValue::Literal("3".to_owned())),
                ("level", FieldValue::Text("x".to_owned())),
                ("level_", FieldValue::Text("y".to_owned())),
                ("event", FieldValue::Text("task.claimed".to_owned())),
            ],
        }
    }

    #[test]
    fn a_json_line_is_one_flat_object() {
        let line = json(Level::INFO, "qtask::worker", &fields());
        let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(parsed["message"], "task\nclaimed");
        assert_eq!(parsed["task_id"], "a\"b\x1b");
        assert_eq!(
            (&parsed["attempt"], &parsed["level"]),
            (&3.into(), &"INFO".into())
        );
        // A field neither replaces a member of the line, nor another field.
        assert_eq!(
            (&parsed["level_"], &parsed["level__"]),
            (&"y".into(), &"x".into())
        );
        assert!(line.contains(r#","event":"task.claimed","message":"task\nclaimed","task_id":"#));
        assert_eq!(line.matches('\n').count(), 1);
    }

    #[test]
    fn a_line_for_people_ends_its_time_with_milliseconds_and_sends_no_controls() {
        let line = pretty(Level::WARN, &fields(), false);
        let (time, rest) = line.split_once(' ').unwrap();
        assert_eq!(time.len(), "2026-01-01T00:00:00.000Z".len());
        assert_eq!(
            rest,
            " WARN task\n    claimed task_id=a\"b\\u{1b} attempt=3 level=x level_=y event=task.claimed\n"
        );
    }

    #[test]
    fn a_line_has_a_bound() {
        let mut fields = fields();
        let value = FieldValue::Text("x".repeat(8 << 10));
        fields.named = vec![("many", value); 100];
        assert!(json(Level::INFO, "t", &fields).len() < MAX_LINE_BYTES + (9 << 10));
        assert!(pretty(Level::INFO, &fields, true).len() < MAX_LINE_BYTES + (9 << 10));
    }
}
