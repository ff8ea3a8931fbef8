//! Terminal colours.

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
    const fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Green => "32",
            Self::Yellow => "33",
            Self::Blue => "34",
            Self::Magenta => "35",
            Self::Cyan => "36",
        }
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
            format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code())
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
