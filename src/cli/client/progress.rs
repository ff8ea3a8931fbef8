//! A progress line on the terminal; nothing when standard error is not a terminal.

use std::io::Write;
use std::time::Instant;

use super::output::Output;
use super::render::paint::{Colour, Paint};
use super::render::text;
use super::render::time_format;

/// The width of the bar, in cells.
const BAR: usize = 24;

/// The progress line; erased on drop.
#[derive(Debug)]
pub struct Progress {
    wanted: bool,
    visible: bool,
    paint: Paint,
    width: usize,
    began: Instant,
}

impl Progress {
    /// Creates a progress line for an interactive terminal.
    pub fn new(output: &Output, wanted: bool) -> Self {
        Self {
            wanted,
            visible: wanted && output.interactive,
            paint: output.paint,
            width: output.width,
            began: Instant::now(),
        }
    }

    /// Whether progress is to be reported at all, here or in notes.
    pub fn wanted(&self) -> bool {
        self.wanted
    }

    /// Whether the line is displayed.
    pub fn visible(&self) -> bool {
        self.visible
    }

    /// Shows the number of terminal tasks out of all.
    pub fn show(&self, done: usize, failed: usize, total: usize, doing: &str) {
        if self.visible {
            Self::draw(&self.text(done, failed, total, doing));
        }
    }

    /// Shows any text, truncated to the width of the terminal.
    pub fn show_text(&self, plain: &str) {
        if self.visible {
            let plain = text::fit(plain, self.width.saturating_sub(1));
            Self::draw(&self.paint.paint(Colour::Dim, &plain));
        }
    }

    fn draw(line: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\r\u{1b}[K{line}").and_then(|()| stderr.flush());
    }

    fn text(&self, done: usize, failed: usize, total: usize, doing: &str) -> String {
        let elapsed = time_format::age(self.began.elapsed().try_into().unwrap_or_default());
        let doing = text::line(doing);
        if total == 1 {
            let plain = text::fit(&format!("{doing}  {elapsed}"), self.width.saturating_sub(1));
            return self.paint.paint(Colour::Dim, &plain);
        }
        let filled = (done * BAR).checked_div(total).unwrap_or(BAR).min(BAR);
        let failed = if failed == 0 {
            String::new()
        } else {
            format!(
                "  {}",
                self.paint.paint(Colour::Red, &format!("{failed} failed"))
            )
        };
        format!(
            "{}{}  {done} of {}{failed}  {}",
            self.paint.paint(Colour::Green, &"━".repeat(filled)),
            self.paint.paint(Colour::Dim, &"━".repeat(BAR - filled)),
            text::count(total, "task"),
            self.paint.paint(Colour::Dim, &elapsed),
        )
    }

    /// Erases the line, so that other output can be written.
    pub fn clear(&self) {
        if self.visible {
            let mut stderr = std::io::stderr().lock();
            let _ = stderr.write_all(b"\r\x1b[K").and_then(|()| stderr.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_grows_with_what_is_done() {
        let progress = Progress {
            wanted: true,
            visible: false,
            paint: Paint(false),
            width: 80,
            began: Instant::now(),
        };
        assert_eq!(
            progress.text(6, 2, 12, ""),
            "━━━━━━━━━━━━━━━━━━━━━━━━  6 of 12 tasks  2 failed  0 s"
        );
        assert_eq!(
            progress.text(0, 0, 1, "processing on w\u{1b}1"),
            "processing on w\\u{1b}1  0 s"
        );
    }
}
