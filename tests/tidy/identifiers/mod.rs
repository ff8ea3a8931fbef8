//! Names that the code avoids: whole identifiers.

mod names;

use crate::texts::{Text, assert_none, planted, rust};
use crate::tokens::identifiers;
use names::{NAMES, Name, PENDING};
use std::collections::BTreeSet;

/// Each use of a banned name, without those that are pending; and pending ones that are used no longer.
fn violations(files: &[Text], names: &[Name], pending: &[(&str, &[&str])]) -> Vec<String> {
    let mut violations = Vec::new();
    let mut used = BTreeSet::new();
    for file in files {
        let path = file.path.as_str();
        let in_folder = |folder: &str| path.starts_with(folder);
        let banned = names.iter().filter(|name| in_folder(name.folder));
        let banned: Vec<&Name> = banned.collect();
        for token in identifiers(file) {
            let name = banned.iter().find(|name| name.identifier == token.text);
            let Some(Name {
                identifier: name,
                instead,
                ..
            }) = name
            else {
                continue;
            };
            let is_pending =
                |(folder, names): &&(&str, &[&str])| in_folder(folder) && names.contains(name);
            if let Some((folder, _)) = pending.iter().find(is_pending) {
                used.insert((*folder, *name));
            } else {
                violations.push(format!("{path}:{}: {name}: write {instead}", token.line));
            }
        }
    }
    for (folder, names) in pending {
        let unused = names
            .iter()
            .filter(|name| !used.contains(&(*folder, **name)));
        let done = |name| format!("{name} is used no longer in {folder}: remove it from PENDING");
        violations.extend(unused.map(done));
    }
    violations
}

#[test]
fn the_code_uses_the_names_of_the_field() {
    let mut files = rust("");
    files.retain(|file| !file.path.starts_with("tests/tidy/"));
    assert_none(&violations(&files, NAMES, PENDING));
}

#[test]
fn a_planted_name_is_found_in_its_folder_but_not_in_comments_strings_and_longer_names() {
    let files = planted(&[
        (
            "src/store/a.rs",
            "// Verdict\nfn f(v: Verdict) { println!(\"Verdict {}\", Verdicts); }",
        ),
        ("src/api/a.rs", "struct Verdict;"),
    ]);
    let names = &[Name {
        identifier: "Verdict",
        instead: "AckOutcome",
        folder: "src/store/",
    }];
    assert_eq!(
        violations(&files, names, &[]),
        ["src/store/a.rs:2: Verdict: write AckOutcome"]
    );
    assert_none(&violations(&files, names, &[("src/store/", &["Verdict"])]));
    assert_eq!(
        violations(&files[1..], names, &[("src/store/", &["Verdict"])]),
        ["Verdict is used no longer in src/store/: remove it from PENDING"]
    );
}
