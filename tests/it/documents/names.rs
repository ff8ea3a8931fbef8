//! Flags, paths of the API and tests that the pages name exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::support::process::run;
use crate::support::{App, QueueKind};

use super::blocks::{Block, blocks, pages, read, spans};

/// Paths that the service serves and the API's document does not describe.
const PAGES_OF_THE_SERVICE: [&str; 4] = ["/docs", "/docs/", "/docs/guide/", "/openapi.json"];

/// A line without its comment.
fn without_comment(line: &str) -> &str {
    line.split(" #").next().unwrap_or_default()
}

/// A line without its quoted texts, which are arguments of other programs.
fn unquoted(line: &str) -> String {
    let mut quote = None;
    let is_outside = |c: &char| {
        let is_quote = *c == '\'' || *c == '"';
        match quote {
            None if is_quote => quote = Some(*c),
            Some(open) if open == *c => quote = None,
            open => return open.is_none(),
        }
        false
    };
    line.chars().filter(is_outside).collect()
}

/// The command lines of `qtask` on all pages: where, and their words behind `qtask`.
fn command_lines() -> Vec<(String, Vec<String>)> {
    let mut lines = Vec::new();
    for page in pages() {
        let shell = blocks(&page).into_iter().filter(Block::is_shell);
        let texts = shell.map(|block| block.text.replace("\\\n", " "));
        for text in texts.chain(spans(&page)) {
            let commands = text.lines().map(|line| unquoted(without_comment(line)));
            for command in commands.flat_map(|line| split_commands(&line)) {
                let mut words = command.split_whitespace().map(str::to_owned);
                // Variables may be set before the program.
                if words.find(|word| !word.contains('=')).as_deref() == Some("qtask") {
                    lines.push((page.clone(), words.collect()));
                }
            }
        }
    }
    lines
}

fn split_commands(line: &str) -> Vec<String> {
    line.split(['|', ';', '&', '(', ')'])
        .map(str::to_owned)
        .collect()
}

/// The help of a command; empty if there is no such command.
async fn help_of(command: &[String]) -> String {
    let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    arguments.push("--help");
    let output = run(&arguments, &[]).await;
    let help = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        help.into_owned()
    } else {
        String::new()
    }
}

#[tokio::test]
async fn the_flags_of_qtask_that_pages_name_exist() {
    let mut helps: BTreeMap<Vec<String>, String> = BTreeMap::new();
    let mut unknown = Vec::new();
    for (page, words) in command_lines() {
        let is_name = |word: &&String| word.starts_with(|c: char| c.is_ascii_lowercase());
        let mut command: Vec<String> = words.iter().take(2).take_while(is_name).cloned().collect();
        // Only `token` and `migrate` have commands of their own.
        if !["token", "migrate"].contains(&command.first().map_or("", String::as_str)) {
            command.truncate(1);
        }
        if command.is_empty() {
            continue;
        }
        let help = match helps.get(&command) {
            Some(help) => help.clone(),
            None => help_of(&command).await,
        };
        helps.insert(command.clone(), help.clone());
        if help.is_empty() {
            unknown.push(format!("{page}: qtask {}", command.join(" ")));
        }
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            let name = flag.split(['=', ',', '.', ':']).next().unwrap_or_default();
            let is_known = help
                .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
                .any(|word| word == name);
            if !is_known && !help.is_empty() {
                unknown.push(format!("{page}: qtask {} {name}", command.join(" ")));
            }
        }
    }
    assert!(helps.len() > 15, "{:?}", helps.keys());
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// Paths of requests in the pages: where, the method if it is named, and the path.
fn requests() -> Vec<(String, Option<String>, String)> {
    const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];
    let mut requests = Vec::new();
    for page in pages() {
        for span in spans(&page) {
            if let Some((method, path)) = span.split_once(' ')
                && METHODS.contains(&method)
                && path.starts_with('/')
            {
                requests.push((page.clone(), Some(method.to_owned()), path.to_owned()));
            }
        }
        for block in blocks(&page).into_iter().filter(Block::is_shell) {
            let text = block.text.replace("post /", "$url/");
            let lines = text.lines().map(without_comment);
            let is_end = |c: char| c.is_whitespace() || "\"'`();".contains(c);
            for word in lines.flat_map(|line| line.split(is_end)) {
                let starts = [
                    "http://localhost:8000",
                    "http://localhost:8001",
                    "localhost:8000",
                    "$url",
                ];
                let path = starts.iter().find_map(|start| word.strip_prefix(start));
                if let Some(path) = path.filter(|path| path.starts_with('/') && *path != "/") {
                    requests.push((block.place(), None, path.to_owned()));
                }
            }
        }
    }
    requests
}

/// Whether a path of a page is one of the API: parameters have any value.
fn fits(path: &str, of_api: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let (parts, of_api): (Vec<&str>, Vec<&str>) =
        (path.split('/').collect(), of_api.split('/').collect());
    let is_same = |(part, of_api): (&&str, &&str)| part == of_api || of_api.starts_with('{');
    parts.len() == of_api.len() && parts.iter().zip(&of_api).all(is_same)
}

#[tokio::test]
async fn the_paths_of_requests_that_pages_name_exist() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let document = app.get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().expect("paths");
    let requests = requests();
    assert!(requests.len() > 40, "{}", requests.len());
    for (place, method, path) in requests {
        if PAGES_OF_THE_SERVICE.contains(&path.as_str()) {
            continue;
        }
        let method = method.map(|it| it.to_lowercase());
        let is_known = paths.iter().any(|(of_api, methods)| {
            fits(&path, of_api) && method.as_ref().is_none_or(|it| methods[it].is_object())
        });
        assert!(is_known, "{place}: {method:?} {path}");
    }
    app.finish().await;
}

#[test]
fn the_tests_that_the_guarantees_name_exist() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let pages = ["docs/guarantees.md", "docs/backup.md", "docs/proxy.md"];
    let named: BTreeSet<String> = pages
        .iter()
        .flat_map(|page| spans(page))
        .filter(|span| span.contains("::") && span.contains('_'))
        .collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        let (module, test) = name.rsplit_once("::").unwrap();
        let path = module.replace("::", "/");
        let files = [format!("{path}.rs"), format!("{path}/mod.rs")];
        let in_files = files
            .iter()
            .filter_map(|file| fs::read_to_string(tests.join(file)).ok());
        let folder = fs::read_dir(tests.join(&path)).into_iter().flatten();
        let in_folder = folder.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
        let declared = format!("fn {test}(");
        let mut all = in_files.chain(in_folder);
        assert!(
            all.any(|text| text.contains(&declared)),
            "there is no test {name}"
        );
    }
}

#[test]
fn every_promise_names_its_tests() {
    let page = read("docs/guarantees.md");
    let promises: Vec<&str> = page
        .split("\n## ")
        .filter(|it| it.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    assert_eq!(promises.len(), 8);
    for promise in promises {
        let tests = promise
            .lines()
            .filter(|line| line.starts_with("- `"))
            .count();
        assert!(tests >= 3, "{promise}");
    }
}
