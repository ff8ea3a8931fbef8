//! Every log event has a stable id and a constant message, and `docs/log-events.md` lists them all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LEVELS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];
/// Written by the log itself, past the macros.
const LINES_DROPPED: &str = "log.lines_dropped";

/// One call of a macro that logs.
#[derive(Debug)]
struct CallSite {
    #[expect(dead_code, reason = "shown where an assertion fails")]
    file: String,
    level: String,
    arguments: Vec<String>,
}

impl CallSite {
    /// The id: the first argument, `event = "area.what"`.
    fn id(&self) -> &str {
        let first = self.arguments.first().map_or("", String::as_str);
        let id = first.strip_prefix("event = ").and_then(literal);
        id.unwrap_or_else(|| panic!("the first argument is no id: {self:?}"))
    }

    /// The message: the last argument, a literal.
    fn message(&self) -> &str {
        let last = self.arguments.last().map_or("", String::as_str);
        literal(last).unwrap_or_else(|| panic!("the last argument is no message: {self:?}"))
    }

    /// The names of the arguments in between: `name = value`, `name`, `%name` or `?name`.
    fn fields(&self) -> impl Iterator<Item = &str> {
        let between = self.arguments.get(1..self.arguments.len() - 1);
        between.unwrap_or_default().iter().map(|argument| {
            let name = argument.split(" = ").next().unwrap_or_default();
            name.trim_start_matches(['%', '?'])
        })
    }
}

fn literal(text: &str) -> Option<&str> {
    let text = text.strip_prefix('"')?.strip_suffix('"')?;
    (!text.contains('"')).then_some(text)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let found = paths.flat_map(|path| {
        if path.is_dir() {
            rust_files(&path)
        } else {
            vec![path]
        }
    });
    found
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect()
}

fn call_sites() -> Vec<CallSite> {
    let folders = ["src", "crates/dev-postgres/src"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| rust_files(folder));
    files.flat_map(|path| call_sites_of(&path)).collect()
}

fn call_sites_of(path: &Path) -> Vec<CallSite> {
    let text = fs::read_to_string(path).unwrap();
    let file = path.strip_prefix(root()).unwrap().display().to_string();
    let mut found = Vec::new();
    for level in LEVELS {
        for (start, call) in text.match_indices(&format!("{level}!(")) {
            let before = text[..start].chars().next_back();
            if before.is_none_or(|c| !c.is_alphanumeric() && c != '_') {
                found.push(CallSite {
                    file: file.clone(),
                    level: level.to_owned(),
                    arguments: arguments(&text[start + call.len()..]),
                });
            }
        }
    }
    found
}

/// The arguments of a call, from behind its opening bracket on.
fn arguments(text: &str) -> Vec<String> {
    let (mut all, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        all.last_mut().unwrap().push(c);
    }
    let all = all.iter().map(|argument| argument.trim().to_owned());
    all.filter(|argument| !argument.is_empty()).collect()
}

/// What the list says about an event, or the source about all its call sites.
#[derive(Debug, PartialEq, Eq)]
struct Described {
    level: String,
    message: String,
    fields: BTreeSet<String>,
}

/// The rows of the list: `| id | level | message | fields | what to do |`.
fn documented() -> BTreeMap<String, Described> {
    let text = fs::read_to_string(root().join("docs/log-events.md")).unwrap();
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let &[id, level, message, fields, advice] = cells.as_slice() else {
            panic!("not a row of five cells: {line}");
        };
        let id = id.trim_matches('`').to_owned();
        let needs_advice = ["warn", "error"].contains(&level);
        assert!(
            !needs_advice || !advice.is_empty(),
            "{id} says nothing about what to do"
        );
        let fields = fields.split(", ").map(|field| field.trim_matches('`'));
        let described = Described {
            level: level.to_owned(),
            message: message.to_owned(),
            fields: fields
                .filter(|field| !field.is_empty())
                .map(str::to_owned)
                .collect(),
        };
        assert!(
            found.insert(id.clone(), described).is_none(),
            "{id} is listed twice"
        );
    }
    found
}

fn is_id(text: &str) -> bool {
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.split_once('.')
        .is_some_and(|(area, what)| is_word(area) && is_word(what))
}

#[test]
fn the_arguments_of_a_call_are_told_apart() {
    let call = r#"event = "a.b", %id, note = f(1, "x, )"), list = [1, 2], "it \" ends") + more, "#;
    let expected = [
        r#"event = "a.b""#,
        "%id",
        r#"note = f(1, "x, )")"#,
        "list = [1, 2]",
        r#""it \" ends""#,
    ];
    assert_eq!(arguments(call), expected);
}

#[test]
fn each_call_site_has_an_id_and_a_message_without_placeholders() {
    let sites = call_sites();
    assert!(sites.len() > 100, "{}", sites.len());
    for site in &sites {
        assert!(is_id(site.id()), "not `area.what`: {site:?}");
        let message = site.message();
        assert!(
            !message.contains(['{', '}', '\\', '|']) && !message.ends_with('.'),
            "not one plain sentence: {site:?}"
        );
        assert!(
            site.fields().all(
                |name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    && !["message", "event", "level", "target", "timestamp"].contains(&name)
            ),
            "a field without a name of its own: {site:?}"
        );
    }
}

#[test]
fn an_id_has_one_level_and_one_message_and_no_other_id_has_its_message() {
    let (mut of_ids, mut of_messages) = (BTreeMap::new(), BTreeMap::new());
    for site in call_sites() {
        let told = (site.level.clone(), site.message().to_owned());
        let before = of_ids.insert(site.id().to_owned(), told.clone());
        assert!(before.is_none_or(|before| before == told), "{site:?}");
        let id = site.id().to_owned();
        let before = of_messages.insert(site.message().to_owned(), id.clone());
        assert!(before.is_none_or(|before| before == id), "{site:?}");
    }
}

#[test]
fn the_list_has_each_event_with_its_level_its_message_and_its_fields() {
    let listed = documented();
    let telemetry = fs::read_to_string(root().join("src/telemetry/mod.rs")).unwrap();
    assert!(telemetry.contains(&format!("\"{LINES_DROPPED}\"")));
    let mut known = BTreeSet::from([LINES_DROPPED.to_owned()]);
    for site in call_sites() {
        let row = listed
            .get(site.id())
            .unwrap_or_else(|| panic!("not in docs/log-events.md: {site:?}"));
        assert_eq!(
            (&row.level, row.message.as_str()),
            (&site.level, site.message()),
            "{site:?}"
        );
        for field in site.fields() {
            assert!(
                row.fields.contains(field),
                "{field} is not listed: {site:?}"
            );
        }
        known.insert(site.id().to_owned());
    }
    let listed: BTreeSet<String> = listed.into_keys().collect();
    assert_eq!(listed, known, "listed, but not in the source");
}

#[test]
fn tests_wait_only_for_events_that_exist() {
    let listed = documented();
    let mut waited_for = BTreeSet::new();
    for path in rust_files(&root().join("tests/it")) {
        let text = fs::read_to_string(&path).unwrap();
        for part in text.split('"').filter(|part| is_id(part)) {
            let area = part.split('.').next().unwrap_or_default();
            let is_event = listed.keys().any(|id| id.split('.').next() == Some(area));
            if is_event {
                waited_for.insert(part.to_owned());
            }
        }
    }
    let unknown: Vec<&String> = waited_for
        .iter()
        .filter(|id| !listed.contains_key(*id))
        .collect();
    assert_eq!(unknown, Vec::<&String>::new());
    assert!(waited_for.contains("task.claimed"), "{waited_for:?}");
}
