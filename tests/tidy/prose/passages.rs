//! The prose of a file: comments and strings of code, everything of a page.

use crate::texts::{Text, has_ending};
use crate::tokens::{Kind, Token, tokens};

/// Connected prose, its lines joined by single blanks.
pub struct Passage {
    pub path: String,
    /// The first line.
    pub line: usize,
    pub text: String,
}

/// The passages of a file.
pub fn passages(file: &Text) -> Vec<Passage> {
    if has_ending(&file.path, "rs") {
        return comments(file).into_iter().chain(strings(file)).collect();
    }
    let is_data = ["json", "qasm", "inc"]
        .iter()
        .any(|it| has_ending(&file.path, it));
    if is_data {
        return Vec::new();
    }
    joined(file, |line| {
        Some(line.trim_start_matches(['#', '-', '>', '*', ' ']))
    })
}

/// Neighbouring comment lines belong together.
fn comments(file: &Text) -> Vec<Passage> {
    joined(file, |line| {
        let (code, comment) = line.split_once("//")?;
        let is_in_string = code.matches('"').count() % 2 == 1;
        (!is_in_string).then(|| comment.trim_start_matches(['/', '!']))
    })
}

fn strings(file: &Text) -> Vec<Passage> {
    let literals = tokens(file).into_iter();
    let strings = literals.filter(|token| token.kind == Kind::Literal && token.text.contains('"'));
    let passage = |token: Token| Passage {
        path: file.path.clone(),
        line: token.line,
        text: words(&token.text.replace("\\n", " ").replace('\\', " ")),
    };
    strings.map(passage).collect()
}

/// Joins the prose of neighbouring lines; a line without any ends a passage.
fn joined<'a>(file: &'a Text, prose: impl Fn(&'a str) -> Option<&'a str>) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let mut is_open = false;
    for (line, number) in file.text.lines().zip(1..) {
        let text = prose(line).map(words).filter(|text| !text.is_empty());
        let Some(text) = text else {
            is_open = false;
            continue;
        };
        match passages.last_mut() {
            Some(last) if is_open => {
                last.text.push(' ');
                last.text.push_str(&text);
            }
            _ => passages.push(Passage {
                path: file.path.clone(),
                line: number,
                text,
            }),
        }
        is_open = true;
    }
    passages
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
