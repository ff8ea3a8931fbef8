//! Renders the error of a task: sentences are wrapped, source lines stay whole above their carets.

use super::text;

/// The lines of a message. A line followed by blanks and a `^` is a source excerpt: it is never wrapped; if
/// it is too long, only the part around the caret is shown.
pub fn lines(message: &str, width: usize) -> Vec<String> {
    let width = width.max(20);
    let mut shown = Vec::new();
    let mut lines = message.lines().peekable();
    while let Some(line) = lines.next() {
        let caret = lines.peek().and_then(|below| caret(below));
        if let Some(at) = caret {
            shown.extend(excerpt(line, at, width));
            lines.next();
        } else {
            shown.extend(text::wrap(line, width));
        }
    }
    shown
}

/// The index of the character above the caret.
fn caret(line: &str) -> Option<usize> {
    let blanks = line.strip_suffix('^')?;
    let only_blanks = blanks.chars().all(|c| c == ' ');
    only_blanks.then_some(blanks.len())
}

/// A source line and its caret, cut to the width.
fn excerpt(line: &str, caret: usize, width: usize) -> [String; 2] {
    // Replaces one character by one, so that the caret keeps its column.
    let safe = |c: char| if text::is_unsafe(c) { '\u{fffd}' } else { c };
    let line: Vec<char> = line.chars().map(safe).collect();
    let of = |range: &[char]| range.iter().collect::<String>();
    let caret = caret.min(line.len());
    let (before, after) = line.split_at(caret);
    let fits = text::width(&of(&line)).max(caret + 1) <= width;
    let before = if fits {
        of(before)
    } else {
        text::fit_start(&of(before), width / 2)
    };
    let room = width.saturating_sub(text::width(&before));
    let blanks = " ".repeat(text::width(&before));
    [before + &text::fit(&of(after), room), blanks + "^"]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_line_is_kept_whole_above_its_caret() {
        let message = "line 3, column 5: there is no gate `foo` and so this goes on\n      foo q;\n      ^\nline 4, column 1: more";
        assert_eq!(
            lines(message, 40),
            [
                "line 3, column 5: there is no gate `foo`",
                "and so this goes on",
                "      foo q;",
                "      ^",
                "line 4, column 1: more",
            ]
        );
    }

    #[test]
    fn a_source_line_that_is_too_long_shows_the_part_around_its_caret() {
        let message = format!(
            "wrong\n  {}!{}\n  {:60}^",
            "a".repeat(60),
            "b".repeat(60),
            ""
        );
        let shown = lines(&message, 30);
        assert_eq!(shown[1], format!("…{}!{}…", "a".repeat(14), "b".repeat(13)));
        assert_eq!(shown[2], format!("{:15}^", ""));
    }

    #[test]
    fn the_caret_keeps_its_place_below_wide_and_unsafe_characters() {
        let shown = lines("wrong\n  \u{202e}量 x\n     ^", 60);
        assert_eq!(shown[1..], ["  \u{fffd}量 x", "      ^"]);
        assert_eq!(lines("\u{1b}[2J\n^", 60), ["\u{fffd}[2J", "^"]);
    }

    #[test]
    fn a_caret_beyond_its_line_and_one_without_a_line_are_shown() {
        assert_eq!(lines("ab\n      ^", 60), ["ab", "  ^"]);
        assert_eq!(lines("^", 60), ["^"]);
    }
}
