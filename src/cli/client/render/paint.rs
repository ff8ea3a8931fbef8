//! Terminal colours.

use anstyle::{AnsiColor, Color, Style};

/// A colour of the terminal's palette, so that it fits the user's background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
}

impl Colour {
    const fn style(self) -> Style {
        let colour = match self {
            Self::Bold => return Style::new().bold(),
            Self::Dim => return Style::new().dimmed(),
            Self::Red => AnsiColor::Red,
            Self::Green => AnsiColor::Green,
            Self::Yellow => AnsiColor::Yellow,
            Self::Blue => AnsiColor::Blue,
            Self::Magenta => AnsiColor::Magenta,
            Self::Cyan => AnsiColor::Cyan,
        };
        Style::new().fg_color(Some(Color::Ansi(colour)))
    }

    /// The colour of a task or worker status.
    pub fn of_status(status: &str) -> Self {
        match status {
            "completed" | "idle" => Self::Green,
            "failed" | "offline" => Self::Red,
            "cancelled" => Self::Magenta,
            "retrying" => Self::Yellow,
            "processing" | "busy" => Self::Blue,
            _ => Self::Cyan,
        }
    }

    /// The colour of a log level.
    pub fn of_level(level: &str) -> Self {
        match level {
            "error" => Self::Red,
            "warning" => Self::Yellow,
            "debug" => Self::Dim,
            _ => Self::Cyan,
        }
    }
}

/// Whether to use colours.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    /// Returns the text in a colour.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        if self.0 && !text.is_empty() {
            let style = colour.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// An escaped text and its colour.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    /// The text in the terminal's default colour.
    pub fn new(text: &str) -> Self {
        Self {
            text: super::text::line(text),
            colour: None,
        }
    }

    /// The text in a colour.
    pub fn coloured(text: &str, colour: Colour) -> Self {
        Self {
            colour: Some(colour),
            ..Self::new(text)
        }
    }

    /// A status in its colour.
    pub fn status(status: &str) -> Self {
        Self::coloured(status, Colour::of_status(status))
    }

    /// The text without its colour.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Replaces the text and keeps the colour.
    #[must_use]
    pub fn with_text(&self, text: String) -> Self {
        Self {
            text,
            colour: self.colour,
        }
    }

    /// Renders the cell.
    pub fn show(&self, paint: Paint) -> String {
        match self.colour {
            Some(colour) => paint.paint(colour, &self.text),
            None => self.text.clone(),
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}
