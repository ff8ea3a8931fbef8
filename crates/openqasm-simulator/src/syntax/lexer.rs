//! Source text to tokens. Comments and annotations are dropped here.

use crate::error::Diagnostic;
use crate::limits::MAX_ERRORS;
use crate::resources::stop::{Stop, Stopped};
use crate::syntax::token::{Token, TokenKind};

const SIGNS: [&str; 43] = [
    "**=", "<<=", ">>=", "**", "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "->", "++", "+=",
    "-=", "*=", "/=", "%=", "&=", "|=", "^=", "(", ")", "[", "]", "{", "}", ";", ":", ",", ".",
    "=", "+", "-", "*", "/", "%", "^", "&", "|", "!", "~",
];
const LATE_SIGNS: [&str; 4] = ["<", ">", "@", "#"];
const UNITS: [&str; 6] = ["ns", "us", "µs", "ms", "s", "dt"];

/// Tokens between two checks of the stop flag.
const CHECK_INTERVAL: usize = 1 << 12;

/// Splits a source into tokens, one after the other: only the last one is kept.
pub(crate) struct Lexer<'s> {
    source: &'s str,
    at: usize,
    last: Option<Token>,
    ended: bool,
    errors: Vec<Diagnostic>,
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    /// The last one is [`TokenKind::End`].
    fn next(&mut self) -> Option<Token> {
        let before = self.last;
        while self.at < self.source.len() && self.errors.len() < MAX_ERRORS {
            self.step();
            if self.last != before {
                return self.last;
            }
        }
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        self.push(TokenKind::End, self.source.len());
        self.last
    }
}

impl<'s> Lexer<'s> {
    /// Reads on to the end and returns the invalid tokens of the whole source: up to [`MAX_ERRORS`] mistakes.
    pub(crate) fn mistakes(mut self, stop: &Stop) -> Result<Vec<Diagnostic>, Stopped> {
        let mut number = 0_usize;
        while self.next().is_some() {
            number += 1;
            if number.is_multiple_of(CHECK_INTERVAL) {
                stop.check()?;
            }
        }
        Ok(self.errors)
    }

    pub(crate) fn new(source: &'s str) -> Self {
        Self {
            source,
            at: 0,
            last: None,
            ended: false,
            errors: Vec::new(),
        }
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn push(&mut self, kind: TokenKind, end: usize) {
        // The length of the source is limited to far less than 4 GiB.
        let position = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.last = Some(Token {
            kind,
            start: position(self.at),
            end: position(end),
        });
        self.at = end;
    }

    fn error(&mut self, message: impl Into<String>, skip: usize) {
        let at = u32::try_from(self.at).unwrap_or(u32::MAX);
        self.errors.push(Diagnostic::new(at, message));
        self.at += skip;
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return;
        };
        if first.is_whitespace() || (first == '\u{feff}' && self.at == 0) {
            self.at += first.len_utf8();
        } else if rest.starts_with("//") {
            self.at += line_length(rest);
        } else if rest.starts_with("/*") {
            match rest.get(2..).and_then(|body| body.find("*/")) {
                Some(end) => self.at += end + 4,
                None => self.error("this comment is never closed with `*/`", rest.len()),
            }
        } else if self.starts_pragma(rest) {
            let end = self.at + line_length(rest);
            self.push(TokenKind::Pragma, end);
        } else if first == '@' && self.at_statement() && rest.chars().nth(1).is_some_and(is_start) {
            self.at += line_length(rest);
        } else if is_start(first) {
            let end = self.at + name_length(rest);
            self.push(TokenKind::Name, end);
        } else if first.is_ascii_digit()
            || (first == '.' && rest.chars().nth(1).is_some_and(|c| c.is_ascii_digit()))
        {
            self.number(rest);
        } else {
            self.other(rest, first);
        }
    }

    /// Whether the next token begins a statement: only there are annotations and pragmas.
    fn at_statement(&self) -> bool {
        self.last.is_none_or(|last| {
            last.kind == TokenKind::Pragma
                || matches!(
                    self.source.as_bytes().get(last.start as usize),
                    Some(b';' | b'{' | b'}')
                )
        })
    }

    fn starts_pragma(&self, rest: &str) -> bool {
        let word = rest.strip_prefix('#').unwrap_or(rest);
        let after = word.strip_prefix("pragma").and_then(|w| w.chars().next());
        after.is_some_and(char::is_whitespace) && (rest.starts_with('#') || self.at_statement())
    }

    fn other(&mut self, rest: &str, first: char) {
        let digits = rest.get(1..).map_or(0, digit_run);
        if first == '$' && digits > 0 {
            let end = self.at + 1 + digits;
            self.push(TokenKind::Physical, end);
        } else if first == '"' || first == '\'' {
            let body = rest.get(1..).unwrap_or_default();
            match body.find([first, '\n']) {
                Some(end) if body.get(end..).is_some_and(|tail| tail.starts_with(first)) => {
                    self.push(TokenKind::Text, self.at + end + 2);
                }
                _ => self.error("this text is never closed on its line", line_length(rest)),
            }
        } else if let Some(sign) = SIGNS
            .iter()
            .chain(&LATE_SIGNS)
            .find(|sign| rest.starts_with(**sign))
        {
            self.push(TokenKind::Sign, self.at + sign.len());
        } else {
            let shown: String = first.escape_default().take(12).collect();
            self.error(format!("unexpected character `{shown}`"), first.len_utf8());
        }
    }

    fn number(&mut self, rest: &str) {
        let mut kind = TokenKind::Integer;
        let mut length = radix_length(rest);
        if length == 0 {
            let tail = |from: usize| rest.get(from..).unwrap_or_default();
            length = digit_run(rest);
            if tail(length).starts_with('.') {
                kind = TokenKind::Float;
                length += 1 + digit_run(tail(length + 1));
            }
            let exponent = exponent_length(tail(length));
            if exponent > 0 {
                kind = TokenKind::Float;
                length += exponent;
            }
            // Blanks are allowed before a unit.
            let blanks = blank_length(tail(length));
            let unit = name_length(tail(length + blanks));
            let word = tail(length + blanks).get(..unit).unwrap_or_default();
            if UNITS.contains(&word) || word == "im" {
                kind = if word == "im" {
                    TokenKind::Imaginary
                } else {
                    TokenKind::Duration
                };
                length += blanks + unit;
            }
        }
        let after = rest.get(length..).map_or(0, name_length);
        let digits = rest.get(..length).unwrap_or_default();
        if after == 0 && has_stray_underscore(digits) {
            let message = "an underscore in a number stands between two digits";
            self.error(message, length);
        } else if after > 0 {
            let advice = "; a product is written with its `*`, as in `2*pi`";
            let message = format!("this is neither a number nor a name{advice}");
            self.error(message, length + after);
        } else {
            self.push(kind, self.at + length);
        }
    }
}

fn line_length(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

fn is_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_alphanumeric())
        .unwrap_or(text.len())
}

fn blank_length(text: &str) -> usize {
    text.find(|c: char| c != ' ' && c != '\t')
        .unwrap_or(text.len())
}

fn digit_run(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_ascii_digit())
        .unwrap_or(text.len())
}

/// Whether an underscore is not between two digits.
fn has_stray_underscore(number: &str) -> bool {
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit());
    let prefix = if radix_length(number) > 0 { 2 } else { 0 };
    let number = number.get(prefix..).unwrap_or_default();
    number.match_indices('_').any(|(at, _)| {
        let (before, after) = (number.get(..at), number.get(at + 1..));
        let before = before.and_then(|text| text.chars().next_back());
        let after = after.and_then(|text| text.chars().next());
        !is_digit(before) || !is_digit(after)
    })
}

fn radix_length(text: &str) -> usize {
    let prefixed = ["0x", "0X", "0b", "0B", "0o", "0O"]
        .iter()
        .any(|prefix| text.starts_with(prefix));
    if prefixed { name_length(text) } else { 0 }
}

fn exponent_length(text: &str) -> usize {
    let Some(rest) = text.strip_prefix(['e', 'E']) else {
        return 0;
    };
    let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    if digits.starts_with(|c: char| c.is_ascii_digit()) {
        text.len() - digits.len() + digit_run(digits)
    } else {
        0
    }
}
