//! The texts of the repository, and texts planted by tests.

use std::fs;
use std::path::{Path, PathBuf};

/// A file: its path from the root of the repository, with `/`, and its content.
#[derive(Debug, Clone)]
pub struct Text {
    pub path: String,
    pub text: String,
}

const HIDDEN_FOLDERS: [&str; 3] = [".ci", ".config", ".github"];
const ENDINGS: [&str; 15] = [
    "rs",
    "md",
    "sql",
    "py",
    "sh",
    "toml",
    "yaml",
    "yml",
    "json",
    "inc",
    "example",
    "qasm",
    "cfg",
    "Containerfile",
    "service",
];
/// Files without an ending that are texts all the same.
const NAMES: [&str; 4] = ["justfile", "Containerfile", ".dockerignore", "previous"];

/// Every text of the repository, sorted by path.
pub fn repository() -> Vec<Text> {
    let root = root();
    let mut texts = Vec::new();
    read_folder(&root, &root, &mut texts);
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    texts
}

/// The Rust files below the folder.
pub fn rust(folder: &str) -> Vec<Text> {
    let mut texts = repository();
    texts.retain(|text| text.path.starts_with(folder) && has_ending(&text.path, "rs"));
    assert!(!texts.is_empty(), "no Rust file below {folder}");
    texts
}

/// Texts for a test, from pairs of path and content.
pub fn planted(files: &[(&str, &str)]) -> Vec<Text> {
    let text = |&(path, text): &(&str, &str)| Text {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    files.iter().map(text).collect()
}

pub fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|it| it == ending)
}

/// Fails the test with one violation a line.
pub fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read_folder(root: &Path, folder: &Path, texts: &mut Vec<Text>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if is_of_the_repository(&name) {
                read_folder(root, &path, texts);
            }
        } else if is_text(&path, &name) {
            let relative = path.strip_prefix(root).unwrap();
            texts.push(Text {
                path: relative.display().to_string(),
                text: fs::read_to_string(&path).unwrap(),
            });
        }
    }
}

fn is_of_the_repository(folder: &str) -> bool {
    let is_visible = !folder.starts_with('.') && !folder.starts_with("__");
    (is_visible && folder != "target") || HIDDEN_FOLDERS.contains(&folder)
}

fn is_text(path: &Path, name: &str) -> bool {
    let is_script = || fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"#!"));
    match path.extension() {
        Some(ending) => ENDINGS.iter().any(|it| ending == *it),
        None => NAMES.contains(&name) || is_script(),
    }
}
