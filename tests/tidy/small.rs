//! Rules for single lines: no notes of unfinished work, no trailing blanks, a line feed at the end.

use crate::texts::{Text, assert_none, has_ending, planted, repository};

const UNFINISHED: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// Files whose bytes matter as they are.
const VERBATIM_FOLDERS: [&str; 1] = ["crates/openqasm-simulator/tests/circuits/"];

fn written_by_hand(files: Vec<Text>) -> Vec<Text> {
    let is_verbatim = |path: &str| VERBATIM_FOLDERS.iter().any(|it| path.starts_with(it));
    let mut files = files;
    files.retain(|file| !is_verbatim(&file.path) && !has_ending(&file.path, "json"));
    files
}

fn unfinished(files: &[Text]) -> Vec<String> {
    let is_word = |line: &str, word: &str| {
        line.split(|c: char| !c.is_alphanumeric())
            .any(|it| it == word)
    };
    each_line(files, |line| {
        let word = UNFINISHED.iter().find(|word| is_word(line, word))?;
        Some(format!(
            "finish what {word} stands for, or describe the limit"
        ))
    })
}

/// Tabs may end a line: output shown on a page has empty columns.
fn trailing_blanks(files: &[Text]) -> Vec<String> {
    let mut violations = each_line(files, |line| {
        let is_clean = !line.ends_with([' ', '\r']);
        (!is_clean).then(|| "trailing blanks".to_owned())
    });
    let texts = files.iter().filter(|file| !file.text.is_empty());
    let unended = texts.filter(|file| !file.text.ends_with('\n'));
    violations.extend(unended.map(|file| format!("{}: no line feed at the end", file.path)));
    violations
}

fn each_line(files: &[Text], problem: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for file in files {
        for (line, number) in file.text.split('\n').zip(1..) {
            found.extend(problem(line).map(|problem| format!("{}:{number}: {problem}", file.path)));
        }
    }
    found
}

#[test]
fn nothing_is_marked_as_unfinished() {
    let mut files = repository();
    files.retain(|file| !file.path.starts_with("tests/tidy/"));
    assert_none(&unfinished(&files));
}

#[test]
fn no_line_ends_in_blanks_and_each_file_in_a_line_feed() {
    assert_none(&trailing_blanks(&written_by_hand(repository())));
}

#[test]
fn a_planted_mark_and_planted_blanks_are_found() {
    let files = planted(&[
        ("a.md", "fine\nx \nTODO: more\n"),
        ("b.sh", "mktemp /tmp/aXXXX"),
    ]);
    assert_eq!(
        unfinished(&files),
        ["a.md:3: finish what TODO stands for, or describe the limit"]
    );
    assert_eq!(
        trailing_blanks(&files),
        ["a.md:2: trailing blanks", "b.sh: no line feed at the end"]
    );
}
