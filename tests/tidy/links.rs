//! Links and paths in the pages lead somewhere.

use crate::texts::{Text, assert_none, has_ending, planted, repository};
use std::collections::BTreeSet;

/// Folders from which pages name files, besides their own.
const BASES: [&str; 4] = [
    "",
    "src/",
    "crates/openqasm-simulator/",
    "crates/openqasm-simulator/src/",
];

/// Endings that make a word in `code` a file of this repository.
const ENDINGS_OF_SOURCES: [&str; 2] = ["rs", "sql"];

/// Relative links whose file or heading does not exist.
fn broken_links(files: &[Text]) -> Vec<String> {
    let paths = paths(files);
    let mut broken = Vec::new();
    for page in pages(files) {
        for (line, number) in prose_lines(&page.text) {
            for link in links(line).filter(|link| is_relative(link)) {
                let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
                let target = match path {
                    "" => page.path.clone(),
                    path => joined(folder(&page.path), path),
                };
                if !paths.contains(target.trim_end_matches('/')) {
                    broken.push(format!("{}:{number}: {link}: no such file", page.path));
                } else if !anchor.is_empty() && !has_heading(files, &target, anchor) {
                    broken.push(format!("{}:{number}: {link}: no such heading", page.path));
                }
            }
        }
    }
    broken
}

/// Paths of the repository, in code spans and code blocks, that do not exist.
fn missing_paths(files: &[Text]) -> Vec<String> {
    let paths = paths(files);
    let mut missing = Vec::new();
    for page in pages(files) {
        let spans = prose_lines(&page.text)
            .into_iter()
            .flat_map(|(line, number)| code_spans(line).map(move |span| (span, number)));
        let blocks = code_lines(&page.text)
            .into_iter()
            .flat_map(|(line, number)| line.split_whitespace().map(move |word| (word, number)));
        for (word, number) in spans.chain(blocks) {
            let path = word
                .trim_start_matches("./")
                .trim_end_matches(['/', ',', ';', ':']);
            let own = folder(&page.path);
            let exists = |base: &&str| paths.contains(joined(base, path).as_str());
            let is_known =
                BASES.iter().chain([&own]).any(exists) || is_end_of_a_source(path, &paths);
            if names_a_file(word, &paths) && !is_known {
                missing.push(format!("{}:{number}: {word}: no such file", page.path));
            }
        }
    }
    missing
}

fn pages(files: &[Text]) -> impl Iterator<Item = &Text> {
    files.iter().filter(|file| has_ending(&file.path, "md"))
}

/// Every file and every folder.
fn paths(files: &[Text]) -> BTreeSet<&str> {
    let mut paths = BTreeSet::new();
    for file in files {
        let folders = file.path.match_indices('/');
        paths.extend(folders.map(|(end, _)| &file.path[..end]));
        paths.insert(file.path.as_str());
    }
    paths
}

fn names_a_file(word: &str, paths: &BTreeSet<&str>) -> bool {
    let is_path = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let first = word.trim_start_matches("./").split_once('/');
    let is_in_folder = first.is_some_and(|(first, rest)| {
        paths.contains(first) && !rest.is_empty() && !word.starts_with('/')
    });
    let is_source = ENDINGS_OF_SOURCES.iter().any(|it| has_ending(word, it));
    is_path && (is_in_folder || is_source)
}

/// Pages name a source by the end of its path: `up.sql`.
fn is_end_of_a_source(path: &str, paths: &BTreeSet<&str>) -> bool {
    let end = format!("/{path}");
    let is_source = ENDINGS_OF_SOURCES.iter().any(|it| has_ending(path, it));
    is_source && paths.iter().any(|it| it.ends_with(&end))
}

fn is_relative(link: &str) -> bool {
    !link.contains("://") && !link.starts_with("mailto:")
}

fn folder(path: &str) -> &str {
    path.rfind('/').map_or("", |end| &path[..=end])
}

fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn has_heading(files: &[Text], page: &str, anchor: &str) -> bool {
    let page = files.iter().find(|file| file.path == page);
    page.is_some_and(|page| {
        let lines = prose_lines(&page.text);
        let mut headings = lines.iter().filter(|(line, _)| line.starts_with('#'));
        headings.any(|(line, _)| slug(line) == anchor)
    })
}

/// The anchor that GitHub makes of a heading.
fn slug(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.collect()
}

/// The targets of links, those in code spans left out.
fn links(line: &str) -> impl Iterator<Item = &str> {
    let prose = line.split('`').step_by(2);
    let targets = prose.flat_map(|part| part.split("](").skip(1));
    targets.filter_map(|rest| rest.split([')', ' ']).next())
}

fn code_spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn prose_lines(page: &str) -> Lines<'_> {
    divided(page).0
}

fn code_lines(page: &str) -> Lines<'_> {
    divided(page).1
}

/// Lines with their numbers.
type Lines<'a> = Vec<(&'a str, usize)>;

/// Lines outside code blocks, and lines within.
fn divided(page: &str) -> (Lines<'_>, Lines<'_>) {
    let (mut prose, mut code) = (Vec::new(), Vec::new());
    let mut is_code = false;
    for (line, number) in page.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            code.push((line, number));
        } else {
            prose.push((line, number));
        }
    }
    (prose, code)
}

#[test]
fn each_link_of_a_page_leads_to_a_file_and_a_heading() {
    assert_none(&broken_links(&repository()));
}

#[test]
fn each_path_that_a_page_names_exists() {
    assert_none(&missing_paths(&repository()));
}

#[test]
fn a_broken_link_and_a_missing_heading_are_found() {
    let page =
        "# Top\n[a](b.md#two-words) [b](b.md#three) [c](../c.md) [d](#top) [e](https://x/y)\n";
    let files = planted(&[("docs/a.md", page), ("docs/b.md", "## Two `words`!\n")]);
    assert_eq!(
        broken_links(&files),
        [
            "docs/a.md:2: b.md#three: no such heading",
            "docs/a.md:2: ../c.md: no such file",
        ]
    );
}

#[test]
fn a_missing_path_is_found_in_a_code_span_and_in_a_code_block() {
    let page = "`store/claim.rs`, `store/gone.rs`, `src/api`, `a/b`\n```\nscripts/test; scripts/gone --all\n```\n";
    let files = planted(&[
        ("docs/a.md", page),
        ("src/store/claim.rs", ""),
        ("src/api/mod.rs", ""),
        ("scripts/test", ""),
    ]);
    assert_eq!(
        missing_paths(&files),
        [
            "docs/a.md:1: store/gone.rs: no such file",
            "docs/a.md:3: scripts/gone: no such file",
        ]
    );
}
