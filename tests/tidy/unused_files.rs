//! Files that nothing uses.

use crate::model::Crate;
use crate::texts::{Text, assert_none, has_ending, planted, repository};
use std::collections::BTreeSet;

/// Folders whose `.rs` files are each the root of a crate of their own: examples and benchmarks.
const FOLDERS_OF_ROOTS: [&str; 2] = ["examples/", "benches/"];

/// Folders whose files a program finds by their place.
const FOUND_BY_PLACE: [&str; 5] = [
    "clients/python/tests/",
    "crates/openqasm-simulator/tests/circuits/",
    "examples/circuits/",
    "examples/tests/",
    "migrations/",
];

/// `.rs` files that no root reaches through `mod`.
fn unreached(files: &[Text]) -> Vec<String> {
    let paths = files.iter().map(|file| file.path.as_str());
    let rust: BTreeSet<&str> = paths.filter(|path| has_ending(path, "rs")).collect();
    let roots = rust.iter().filter(|path| is_root(path));
    let crates: Vec<Crate> = roots.map(|root| Crate::read(root, files)).collect();
    let reached: BTreeSet<&str> = crates.iter().flat_map(Crate::files).collect();
    let unreached = rust.difference(&reached);
    unreached
        .map(|path| format!("{path}: no `mod` names it"))
        .collect()
}

fn is_root(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap();
    let folder = path.strip_suffix(name).unwrap();
    let is_main = ["lib.rs", "main.rs"].contains(&name);
    let is_build_script =
        name == "build.rs" && (folder.is_empty() || folder.starts_with("crates/"));
    let is_in = |it: &&str| folder == *it || folder.ends_with(&format!("/{it}"));
    (is_main && (folder.ends_with("src/") || folder.starts_with("tests/")))
        || is_build_script
        || FOLDERS_OF_ROOTS.iter().any(is_in)
}

/// Scripts and SQL files whose name stands in no other file.
fn unnamed(files: &[Text]) -> Vec<String> {
    let candidates = files.iter().filter(|file| is_named_by_use(&file.path));
    let unnamed = candidates.filter(|candidate| {
        let name = module_or_file_name(&candidate.path);
        let others = files.iter().filter(|other| other.path != candidate.path);
        !others
            .into_iter()
            .any(|other| contains_word(&other.text, name))
    });
    unnamed
        .map(|file| format!("{}: nothing names it", file.path))
        .collect()
}

fn is_named_by_use(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap();
    let is_by_place = FOUND_BY_PLACE.iter().any(|it| path.starts_with(it));
    let is_script = path.starts_with("scripts/") || path.starts_with("examples/");
    let is_code = ["sql", "py", "sh", "inc"]
        .iter()
        .any(|it| has_ending(path, it));
    !is_by_place && name != "README.md" && name != "__init__.py" && (is_script || is_code)
}

/// What others call the file: Python modules by their stem.
fn module_or_file_name(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap();
    name.strip_suffix(".py").unwrap_or(name)
}

fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let before = text[..start].chars().next_back();
        let after = text[start + word.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[test]
fn each_rust_file_is_part_of_a_crate() {
    assert_none(&unreached(&repository()));
}

#[test]
fn each_script_and_each_sql_file_is_named_somewhere() {
    assert_none(&unnamed(&repository()));
}

#[test]
fn a_file_that_no_mod_names_is_found() {
    let files = planted(&[
        ("src/lib.rs", "mod a; #[cfg(test)] mod tests;"),
        ("src/a.rs", "mod b;"),
        ("src/a/b.rs", "// mod c;"),
        ("src/a/c.rs", ""),
        ("src/tests/mod.rs", "mod part;"),
        ("src/tests/part.rs", ""),
        ("benches/speed.rs", ""),
    ]);
    assert_eq!(unreached(&files), ["src/a/c.rs: no `mod` names it"]);
}

#[test]
fn a_script_and_a_sql_file_that_nothing_names_are_found() {
    let files = planted(&[
        ("scripts/check", "exec scripts/test"),
        ("scripts/test", "scripts/test runs the tests"),
        ("src/store/claim.sql", ""),
        ("src/store/claim.rs", "include_str!(\"claim.sql\")"),
        ("src/store/old_claim.sql", ""),
        ("docs/a.md", "rechecks"),
    ]);
    assert_eq!(
        unnamed(&files),
        [
            "scripts/check: nothing names it",
            "src/store/old_claim.sql: nothing names it"
        ]
    );
}
