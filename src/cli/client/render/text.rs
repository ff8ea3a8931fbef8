//! Escapes untrusted text for a terminal: no character moves the cursor, rings the bell, or is invisible.

use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Escapes a single line: control characters and invisible ones are written as `\u{1b}`.
pub fn line(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The lines of a text, each of them escaped.
pub fn lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(|each| line(&each.replace('\t', "    ")))
}

/// An equivalent JSON document on one line.
pub fn json(document: &str) -> String {
    let mut safe = String::with_capacity(document.len());
    for c in document.trim().chars() {
        match c {
            // Whitespace between tokens; JSON forbids these characters inside strings.
            '\n' | '\r' | '\t' => safe.push(' '),
            c if is_unsafe(c) => {
                let _ = write!(safe, "\\u{:04x}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Control characters, and characters that reorder or break lines.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// The width of a text on a terminal, in columns.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text, shortened with `…` if it is wider than `most`.
pub fn fit(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let mut shown = take(text.chars(), most.saturating_sub(1));
    shown.push('…');
    shown
}

/// The end of the text, after `…` if it is wider than `most`.
pub fn fit_start(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let end = take(text.chars().rev(), most.saturating_sub(1));
    "…".chars().chain(end.chars().rev()).collect()
}

/// The text, shortened in its middle if it is wider than `most`: the end of a bit string matters as much as
/// its start.
pub fn fit_middle(text: &str, most: usize) -> String {
    if width(text) <= most {
        return text.to_owned();
    }
    let left = most.saturating_sub(1).div_ceil(2);
    let right = most.saturating_sub(1) - left;
    let end: String = take(text.chars().rev(), right).chars().rev().collect();
    take(text.chars(), left) + "…" + &end
}

fn take(chars: impl Iterator<Item = char>, most: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= most
        })
        .collect()
}

/// Wraps the text to this width, between words where possible.
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    lines(text)
        .flat_map(|each| wrap_line(&each, most.max(20)))
        .collect()
}

fn wrap_line(text: &str, most: usize) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut last = String::new();
    for word in text.split_inclusive(' ') {
        let mut rest = word;
        if !last.is_empty() && width(&last) + width(rest.trim_end()) > most {
            wrapped.push(std::mem::take(&mut last));
        }
        // A word longer than a line is broken anywhere.
        while width(rest.trim_end()) > most {
            let head = take(rest.chars(), most);
            rest = rest.get(head.len()..).unwrap_or_default();
            wrapped.push(head);
        }
        last.push_str(rest);
    }
    wrapped.push(last);
    let trimmed = wrapped.iter().map(|each| each.trim_end().to_owned());
    trimmed.collect()
}

/// A number with thousands separators: `1,024`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 task`, `1,024 tasks`.
pub fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out() {
        assert_eq!(line("\u{1b}[31mred\u{7}"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(line("two\nlines\tand\rmore"), "two\\nlines\\tand\\rmore");
        assert_eq!(
            line("\u{9b}2J\u{7f}\u{202e}abc"),
            "\\u{9b}2J\\u{7f}\\u{202e}abc"
        );
        assert_eq!(line("naïve 量子 ψ"), "naïve 量子 ψ");
    }

    #[test]
    fn json_keeps_its_meaning_and_fits_on_one_line() {
        let document = "{\n  \"name\": \"a\u{9b}2J\u{7f}\u{202e}\"\n}\n";
        let shown = json(document);
        assert_eq!(shown, "{   \"name\": \"a\\u009b2J\\u007f\\u202e\" }");
        let before: serde_json::Value = serde_json::from_str(document).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&shown).unwrap(),
            before
        );
    }

    #[test]
    fn what_is_too_wide_is_shortened_and_says_so() {
        assert_eq!(fit("simulator", 9), "simulator");
        assert_eq!(fit("simulator", 5), "simu…");
        assert_eq!(fit("量子计算", 5), "量子…");
        assert_eq!(fit_middle("0000011111", 7), "000…111");
        assert_eq!(width(&fit_middle("0000011111", 6)), 6);
    }

    #[test]
    fn long_text_is_wrapped_between_words_and_inside_of_endless_ones() {
        let wrapped = wrap("a circuit that nobody can run because it is wrong", 20);
        assert_eq!(
            wrapped,
            ["a circuit that", "nobody can run", "because it is wrong"]
        );
        assert_eq!(
            wrap(&"x".repeat(45), 20),
            ["x".repeat(20), "x".repeat(20), "x".repeat(5)]
        );
        assert_eq!(wrap("one\ntwo", 20), ["one", "two"]);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_048_576), "1,048,576");
        assert_eq!(
            (count(1_u64, "task"), count(2_000_usize, "task")),
            ("1 task".to_owned(), "2,000 tasks".to_owned())
        );
    }
}
