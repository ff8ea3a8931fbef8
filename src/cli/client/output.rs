//! Where output goes, and in which form: for people, as columns, or as JSON.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;

use super::error::ClientError;
use super::render::paint::{Cell, Colour, Paint};
use super::render::{table, text};

/// The width where there is no terminal to ask.
const DEFAULT_WIDTH: usize = 80;
/// Longer lines are hard to read.
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

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Tables, charts, sentences.
    Human,
    /// Values with tabs between them, without titles.
    Columns,
    /// The API's own documents, one on each line.
    Json,
}

/// Standard output, and standard error for what is not an answer.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// How answers are written.
    pub form: Form,
    /// Whether answers are coloured.
    pub paint: Paint,
    /// Columns of the terminal.
    pub width: usize,
    errors: Paint,
    /// Whether a person sees standard error, and progress can be drawn there.
    pub interactive: bool,
}

impl Output {
    /// For this process's terminal or pipe.
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

    /// Writes a line that is safe to show already.
    #[allow(clippy::unused_self, reason = "the one way out for all answers")]
    pub fn line(&self, line: &str) -> Result<(), ClientError> {
        writeln!(std::io::stdout(), "{line}")?;
        Ok(())
    }

    /// Writes lines that are safe to show already.
    pub fn lines(&self, lines: &[String]) -> Result<(), ClientError> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Writes a document of the API's.
    pub fn json(&self, document: &str) -> Result<(), ClientError> {
        self.line(&text::json(document))
    }

    /// Writes values with tabs between them.
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

    /// Tells the person in front of the screen; never part of an answer. That nobody reads it is no
    /// error.
    pub fn note(&self, message: &str) {
        let mut stderr = std::io::stderr().lock();
        for line in text::lines(message) {
            // In one piece: other processes may write there, too.
            let line = self.errors.paint(Colour::Dim, &line) + "\n";
            let _ = stderr.write_all(line.as_bytes());
        }
    }

    /// Tells an error: what it is, and what is wrong with each field below it.
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
