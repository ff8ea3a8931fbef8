//! What the documents name: it is there, and nothing is left out.

mod blocks;
mod commands;
mod names;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::process::run;

fn tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn names_in(folder: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(tree().join(folder)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// README.md and what lies in docs/, each with its path.
fn documents() -> Vec<(PathBuf, String)> {
    let docs = names_in("docs")
        .into_iter()
        .map(|name| format!("docs/{name}"));
    let others = ["README.md", "examples/README.md", "migrations/README.md"].map(str::to_owned);
    let paths = others.into_iter().chain(docs).map(|path| tree().join(path));
    paths
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect()
}

#[test]
fn links_lead_to_files_that_exist() {
    for (document, text) in documents() {
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap_or_default();
            // Code has brackets before parentheses, too.
            if !file.contains('.') || link.contains("://") {
                continue;
            }
            let target = document.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link}", document.display());
        }
    }
}

#[test]
fn scripts_and_examples_that_documents_name_exist() {
    for (document, text) in documents() {
        let is_end = |c: char| !(c.is_ascii_alphanumeric() || "/_.-*".contains(c));
        for word in text.split(is_end).map(|word| word.trim_end_matches('.')) {
            let named = ["scripts/", "examples/", "migrations/"];
            if !named.iter().any(|folder| word.starts_with(folder)) || word.contains('*') {
                continue;
            }
            assert!(tree().join(word).exists(), "{}: {word}", document.display());
        }
    }
}

#[tokio::test]
async fn the_circuits_of_the_examples_would_run() {
    let circuits: Vec<String> = names_in("examples/circuits")
        .iter()
        .map(|name| format!("{}/examples/circuits/{name}", tree().display()))
        .collect();
    assert!(circuits.len() >= 5, "{circuits:?}");
    let mut arguments = vec!["check"];
    arguments.extend(circuits.iter().map(String::as_str));
    let output = run(&arguments, &[]).await;
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{printed}");
    assert_eq!(
        printed.matches("\tvalid\t").count(),
        circuits.len(),
        "{printed}"
    );
}
