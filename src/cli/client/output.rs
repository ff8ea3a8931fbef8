//! Output streams and formats: for people, as columns, or as JSON.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;

use super::error::ClientError;
use super::render::paint::{Cell, Colour, Paint};
use super::render::{table, text};

/// The width without a terminal, in columns.
const DEFAULT_WIDTH: usize = 80;
/// Maximum width, in columns: longer lines are hard to read.
const WIDEST: usize = 160;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always; in a pipe this also chooses the form for people (for `less -R`)
    Always,
    /// Never
    Never,
}

impl ColorChoice {
    fn paint(self, terminal: bool) -> Paint {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Paint(match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => terminal && !dumb && !is_set("NO_COLOR"),
        })
    }
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Tables, charts, sentences.
    Human,
    /// Tab-separated values without titles.
    Columns,
    /// The API's JSON documents, one per line.
    Json,
}

/// Standard output for answers, standard error for everything else.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The output format.
    pub form: Form,
    /// Whether answers are coloured.
    pub paint: Paint,
    /// Columns of the terminal.
    pub width: usize,
    errors: Paint,
    /// Whether standard error is a terminal, so that progress can be drawn on it.
    pub interactive: bool,
}

impl Output {
    /// Detects the format, width and colours of this process's terminal or pipe.
    pub fn new(json: bool, color: ColorChoice) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let errors = std::io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let form = match (json, terminal || color == ColorChoice::Always) {
            (true, _) => Form::Json,
            (false, true) => Form::Human,
            (false, false) => Form::Columns,
        };
        Self {
            form,
            paint: color.paint(terminal),
            width: width(),
            errors: color.paint(errors),
            interactive: errors && !dumb,
        }
    }

    /// Writes a line that is already escaped.
    #[allow(clippy::unused_self, reason = "the one way out for all answers")]
    pub fn line(&self, line: &str) -> Result<(), ClientError> {
        writeln!(std::io::stdout(), "{line}")?;
        Ok(())
    }

    /// Writes lines that are already escaped.
    pub fn lines(&self, lines: &[String]) -> Result<(), ClientError> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Writes a JSON document of the API.
    pub fn json(&self, document: &str) -> Result<(), ClientError> {
        self.line(&text::json(document))
    }

    /// Writes tab-separated values.
    pub fn columns(&self, values: &[&str]) -> Result<(), ClientError> {
        let safe: Vec<String> = values.iter().map(|value| text::line(value)).collect();
        self.line(&safe.join("\t"))
    }

    /// Writes a table.
    pub fn table(
        &self,
        columns: &'static [table::Column],
        rows: &[Vec<Cell>],
    ) -> Result<(), ClientError> {
        self.lines(&table::render(columns, rows, self.width, self.paint))
    }

    /// Writes a note to standard error, outside the answer. A failed write is ignored.
    pub fn note(&self, message: &str) {
        let mut stderr = std::io::stderr().lock();
        for line in text::lines(message) {
            // In one write: other processes may write to the terminal, too.
            let line = self.errors.paint(Colour::Dim, &line) + "\n";
            let _ = stderr.write_all(line.as_bytes());
        }
    }

    /// Writes an error: a summary, and below it the reason for each invalid field.
    pub fn error(&self, lines: &[String]) {
        let mut stderr = std::io::stderr().lock();
        let mut lead = format!("{} ", self.errors.paint(Colour::Red, "error:"));
        for line in lines.iter().flat_map(|line| text::lines(line)) {
            let _ = stderr.write_all(format!("{lead}{line}\n").as_bytes());
            lead.clear();
        }
    }
}

fn width() -> usize {
    let of_terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let given = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    of_terminal()
        .filter(|width| *width > 0)
        .or(given)
        .unwrap_or(DEFAULT_WIDTH)
        .min(WIDEST)
}
