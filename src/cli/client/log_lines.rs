//! Formats log lines.

use super::error::ClientError;
use super::model::LogRecord;
use super::output::{Form, Output};
use super::render::paint::{Cell, Colour};
use super::render::text;
use super::render::time_format;

/// `14:30:00.123  warning  `
const MARGIN: usize = 23;

/// Writes log lines; in the form for people, prints the day when it changes.
#[derive(Debug, Default)]
pub struct LogPrinter {
    day: Option<String>,
}

impl LogPrinter {
    /// Writes one line; `document` is its JSON.
    pub fn write(
        &mut self,
        output: &Output,
        line: &LogRecord,
        document: &str,
    ) -> Result<(), ClientError> {
        match output.form {
            Form::Json => output.json(document),
            Form::Columns => {
                let context = line
                    .context
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let attempt = line.attempt.to_string();
                output.columns(&[
                    &line.logged_at,
                    &line.level,
                    &attempt,
                    &line.message,
                    &context,
                ])
            }
            Form::Human => {
                self.tell_day(output, line)?;
                output.lines(&human(output, line))
            }
        }
    }

    fn tell_day(&mut self, output: &Output, line: &LogRecord) -> Result<(), ClientError> {
        let day = time_format::parse(&line.logged_at).map(time_format::day);
        if day.is_some() && day != self.day {
            let shown = day.as_deref().unwrap_or_default();
            output.line(&output.paint.paint(Colour::Dim, shown))?;
            self.day = day;
        }
        Ok(())
    }
}

fn human(output: &Output, line: &LogRecord) -> Vec<String> {
    let time = time_format::parse(&line.logged_at)
        .map(time_format::clock)
        .unwrap_or_default();
    let level = Cell::coloured(
        &format!("{:<7}", text::fit(&text::line(&line.level), 7)),
        Colour::of_level(&line.level),
    );
    let mut shown: Vec<String> = message(line, output).collect();
    if let Some(first) = shown.first_mut() {
        *first = format!(
            "{}  {}  {first}",
            output.paint.paint(Colour::Dim, &format!("{time:<12}")),
            level.show(output.paint)
        );
    }
    for later in shown.iter_mut().skip(1) {
        *later = format!("{}{later}", " ".repeat(MARGIN));
    }
    shown
}

/// The lines of the message, with the context appended to the last one.
fn message(line: &LogRecord, output: &Output) -> impl Iterator<Item = String> {
    let mut lines: Vec<String> = text::lines(&line.message).collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    let context = line.context.as_ref().filter(|context| {
        !context.is_null() && context.as_object().is_none_or(|object| !object.is_empty())
    });
    if let (Some(last), Some(context)) = (lines.last_mut(), context) {
        let context = text::line(&context.to_string());
        last.push_str("  ");
        last.push_str(&output.paint.paint(Colour::Dim, &context));
    }
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::client::output::ColorChoice;

    #[test]
    fn a_message_of_several_lines_stays_behind_its_time() {
        let output = Output::new(false, ColorChoice::Never);
        let line = LogRecord {
            logged_at: "2026-11-20T14:30:00.5Z".to_owned(),
            level: "warning".to_owned(),
            message: "first\u{1b}[2J\n\tsecond".to_owned(),
            context: Some(serde_json::json!({"pod": "a\u{7}"})),
            ..LogRecord::default()
        };
        assert_eq!(
            human(&output, &line),
            [
                "14:30:00.500  warning  first\\u{1b}[2J",
                "                           second  {\"pod\":\"a\\u0007\"}",
            ]
        );
    }
}
