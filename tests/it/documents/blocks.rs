//! The code blocks of the pages.

use std::fs;
use std::path::Path;

/// A fenced block of code.
#[derive(Debug, Clone)]
pub struct Block {
    /// The page, from the root of the repository.
    pub page: String,
    /// The line of its fence.
    pub line: usize,
    /// The first word of its info string.
    pub language: String,
    /// Why it is not run: what follows `no-test:` in its info string.
    pub mark: Option<String>,
    /// Its lines.
    pub text: String,
}

impl Block {
    /// Whether it is a list of commands.
    pub fn is_shell(&self) -> bool {
        matches!(self.language.as_str(), "sh" | "bash" | "console")
    }

    /// The page and the line.
    pub fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// The text of a page.
pub fn read(page: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap()
}

/// Pages that people read: those of `docs/`, and those beside the code.
pub fn pages() -> Vec<String> {
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let docs = docs.filter(|name| name != "SUMMARY.md");
    let mut pages: Vec<String> = docs.map(|name| format!("docs/{name}")).collect();
    let others = [
        "README.md",
        "CONTRIBUTING.md",
        "examples/README.md",
        "migrations/README.md",
    ];
    pages.extend(others.map(str::to_owned));
    pages.sort();
    pages
}

/// The blocks of a page, in their order.
pub fn blocks(page: &str) -> Vec<Block> {
    let text = read(page);
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for (line, number) in text.lines().zip(1..) {
        match (line.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(info), None) => {
                let (language, rest) = info.split_once(' ').unwrap_or((info, ""));
                open = Some(Block {
                    page: page.to_owned(),
                    line: number,
                    language: language.to_owned(),
                    mark: rest.strip_prefix("no-test:").map(|it| it.trim().to_owned()),
                    text: String::new(),
                });
            }
            (None, Some(block)) => {
                block.text.push_str(line.trim_start_matches("   "));
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{page}: a block without an end");
    blocks
}

/// The code spans of a page, outside of its blocks.
pub fn spans(page: &str) -> Vec<String> {
    let text = read(page);
    let mut spans = Vec::new();
    let mut is_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            spans.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    spans
}
