//! Words that the texts avoid: in comments, messages, help and pages.

mod passages;
mod words;

use crate::texts::{Text, assert_none, planted, repository};
use passages::{Passage, passages};
use words::{Phrase, WORDS};

/// Texts about the words themselves.
const EXEMPT: [&str; 2] = ["docs/style.md", "tests/tidy/"];

/// Where each phrase occurs more or less often than its number says.
fn violations(files: &[Text], words: &[Phrase]) -> Vec<String> {
    let files = files.iter();
    let files = files.filter(|file| !EXEMPT.iter().any(|it| file.path.starts_with(it)));
    let passages: Vec<Passage> = files.flat_map(passages).collect();
    let check = |phrase: &Phrase| {
        let found = passages.iter();
        let found: Vec<String> = found.flat_map(|it| occurrences(it, phrase.text)).collect();
        let Phrase {
            text,
            instead,
            left,
        } = phrase;
        let count = found.len();
        if count > *left {
            let places = found.join("\n  ");
            return Some(format!(
                "\"{text}\": write {instead} ({count} occurrences, {left} allowed)\n  {places}"
            ));
        }
        (count < *left).then(|| format!("\"{text}\": {count} occurrences left, lower the number"))
    };
    words.iter().filter_map(check).collect()
}

/// The places of a phrase in a passage: whole words, in any case.
fn occurrences(passage: &Passage, phrase: &str) -> Vec<String> {
    let text = passage.text.to_lowercase();
    let found = text.match_indices(phrase).filter(|(start, _)| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let before = text[..*start].chars().next_back();
        let after = text[start + phrase.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    });
    let line = passage.line;
    found.map(|_| format!("{}:{line}", passage.path)).collect()
}

#[test]
fn the_texts_use_the_words_of_the_field() {
    assert_none(&violations(&repository(), WORDS));
}

#[test]
fn a_planted_phrase_is_found_across_lines_and_in_any_case_but_not_in_code() {
    let words = &[Phrase {
        text: "for ever",
        instead: "\"forever\" or the limit",
        left: 0,
    }];
    let found = |path: &str, text: &str| violations(&planted(&[(path, text)]), words);
    for (path, text) in [
        ("src/a.rs", "/// It waits for\n/// ever.\nfn f() {}"),
        ("src/a.rs", "fn f() {} // For ever."),
        ("src/a.rs", "fn f() { format!(\"waits for ever {}\", 1); }"),
        ("docs/a.md", "It waits for\never.\n"),
        ("scripts/a", "# It waits for\n# ever\n"),
        ("migrations/a/up.sql", "-- for ever\n"),
    ] {
        assert_eq!(found(path, text).len(), 1, "{path}: {text}");
    }
    assert_none(&found("src/a.rs", "fn for_ever() { let for_ever = 1; }"));
    assert_none(&found("docs/a.md", "Before every start.\n\nfor\n\never"));
}

#[test]
fn a_number_that_is_too_high_is_found() {
    let files = planted(&[("docs/a.md", "for ever")]);
    let words = &[Phrase {
        text: "for ever",
        instead: "the limit",
        left: 2,
    }];
    assert_eq!(
        violations(&files, words),
        ["\"for ever\": 1 occurrences left, lower the number"]
    );
}
