//! The rules of `docs/architecture.md` that a program can check.

use std::fs;
use std::path::{Path, PathBuf};

/// The floors from the top down; those in one row do not import from each other.
const FLOORS: [&[&str]; 6] = [
    &["cli"],
    &["api", "worker"],
    &["service"],
    &["executor"],
    &["config"],
    &["store", "queue"],
];
/// What stands on the ground and may be used by all.
const GROUND: &str = "domain";

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let rust = files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"));
    rust.chain(folders.iter().flat_map(|folder| sources(folder)))
        .collect()
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Each line of code in the folder, with its file's name.
fn lines(folder: &Path) -> Vec<(String, String)> {
    let read = |path: PathBuf| {
        let name = path.strip_prefix(src()).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text
            .lines()
            .map(|line| (name.clone(), line.trim().to_owned()))
            .collect();
        lines
    };
    let all = sources(folder).into_iter().flat_map(read);
    all.filter(|(_, line)| !line.starts_with("//")).collect()
}

fn assert_named_only_in(word: &str, home: &str) {
    for (file, line) in lines(&src()) {
        assert!(
            file.starts_with(home) || !line.contains(word),
            "{file} names {word}: {line}"
        );
    }
}

#[test]
fn only_the_store_names_diesel() {
    assert_named_only_in("diesel", "store/");
}

#[test]
fn only_the_amqp_module_names_amqprs() {
    assert_named_only_in("amqprs", "queue/amqp/");
}

#[test]
fn only_the_api_and_the_servers_of_the_command_line_name_actix() {
    for (file, line) in lines(&src()) {
        let home = file.starts_with("api/") || file == "cli/worker_server.rs";
        assert!(
            home || !line.contains("actix_web::"),
            "{file} names actix: {line}"
        );
    }
}

#[test]
fn a_floor_imports_only_from_those_below_it() {
    for (height, row) in FLOORS.iter().enumerate() {
        let above_or_beside = FLOORS.iter().take(height + 1).flat_map(|row| row.iter());
        for floor in *row {
            let forbidden: Vec<String> = above_or_beside
                .clone()
                .filter(|other| *other != floor)
                .map(|other| format!("crate::{other}"))
                .collect();
            for (file, line) in lines(&src().join(floor)) {
                let upward = forbidden.iter().find(|path| line.contains(path.as_str()));
                assert!(upward.is_none(), "{file} reaches up or aside: {line}");
            }
        }
    }
}

#[test]
fn the_ground_imports_from_nothing_else() {
    for (file, line) in lines(&src().join(GROUND)) {
        let elsewhere = line.contains("crate::") && !line.contains("crate::domain");
        assert!(!elsewhere, "{file} reaches up: {line}");
    }
}

/// `println!` and its like panic where the reader has closed the pipe, and block where it does not read.
#[test]
fn nothing_is_printed_but_by_ways_that_cannot_stop_the_process() {
    for (file, line) in lines(&src()) {
        let prints = ["println!(", "print!(", "dbg!("]
            .iter()
            .any(|name| line.contains(name));
        assert!(!prints || file.contains("/tests/"), "{file} prints: {line}");
    }
}

#[test]
fn every_move_of_a_task_stands_in_the_store() {
    for (file, line) in lines(&src()) {
        let moves = line.contains("UPDATE tasks") || line.contains("INSERT INTO status_history");
        assert!(
            file.starts_with("store/") || !moves,
            "{file} moves a task: {line}"
        );
    }
}
