//! Colours, where they are wanted.

/// A colour of the terminal's own palette, so that it fits the reader's background.
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

    /// How a task or a worker in this status is shown.
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

    /// How a line of a log is shown.
    pub fn of_level(level: &str) -> Self {
        match level {
            "error" => Self::Red,
            "warning" => Self::Yellow,
            "debug" => Self::Dim,
            _ => Self::Cyan,
        }
    }
}

/// Whether to colour.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    /// The text in a colour.
    pub fn paint(self, colour: Colour, text: &str) -> String {
        if self.0 && !text.is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", colour.code())
        } else {
            text.to_owned()
        }
    }
}

/// A text that is safe to show, and its colour.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    /// The text in the terminal's usual colour.
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

    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Another text of the same colour.
    #[must_use]
    pub fn with_text(&self, text: String) -> Self {
        Self {
            text,
            colour: self.colour,
        }
    }

    /// As it is written.
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
