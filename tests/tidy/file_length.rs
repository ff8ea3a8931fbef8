//! No Rust file has more than 400 lines.

use crate::texts::{Text, assert_none, planted, rust};

const MAX_LINES: usize = 400;

/// A known file that is this much shorter than its number gets a lower one.
const MAX_SLACK_LINES: usize = 25;

/// Files that are longer, with the number of lines that they may have.
const KNOWN: &[(&str, usize)] = &[
    ("crates/openqasm-simulator/src/ir/arithmetic.rs", 440),
    ("crates/openqasm-simulator/src/sema/control.rs", 429),
    ("crates/openqasm-simulator/src/sema/expression.rs", 571),
    ("crates/openqasm-simulator/src/sema/gate.rs", 406),
    (
        "crates/openqasm-simulator/src/syntax/parser/expression.rs",
        434,
    ),
    ("crates/openqasm-simulator/src/tests/language.rs", 401),
    ("crates/openqasm-simulator/src/tests/limits.rs", 643),
    ("crates/openqasm-simulator/src/tests/messages.rs", 491),
    ("crates/openqasm-simulator/src/tests/survey.rs", 450),
    ("tests/it/api_contract.rs", 821),
    ("tests/it/bad_input.rs", 825),
    ("tests/it/client.rs", 742),
    ("tests/it/command_line.rs", 504),
    ("tests/it/commands.rs", 490),
    ("tests/it/fencing.rs", 483),
    ("tests/it/outages.rs", 723),
    ("tests/it/pull.rs", 587),
    ("tests/it/sick_workers.rs", 536),
    ("tests/it/webhooks.rs", 568),
    ("tests/it/workers_api.rs", 636),
];

fn violations(files: &[Text], known: &[(&str, usize)]) -> Vec<String> {
    let mut violations = Vec::new();
    for file in files {
        let lines = file.text.lines().count();
        let known = known.iter().find(|(path, _)| *path == file.path);
        let max = known.map_or(MAX_LINES, |(_, lines)| *lines);
        let path = &file.path;
        if lines > max {
            violations.push(format!("{path}: {lines} lines, allowed are {max}"));
        } else if known.is_some() && lines <= MAX_LINES {
            violations.push(format!(
                "{path}: {lines} lines, remove it from the known files"
            ));
        } else if known.is_some() && lines + MAX_SLACK_LINES <= max {
            violations.push(format!("{path}: {lines} lines, lower its number {max}"));
        }
    }
    for (path, _) in known {
        if !files.iter().any(|file| file.path == *path) {
            violations.push(format!(
                "{path}: is missing, remove it from the known files"
            ));
        }
    }
    violations
}

#[test]
fn no_file_has_more_than_400_lines() {
    assert_none(&violations(&rust(""), KNOWN));
}

#[test]
fn a_file_that_is_too_long_is_found_and_so_is_a_number_that_is_too_high() {
    let text = "\n".repeat(500);
    let files = planted(&[("src/a.rs", text.as_str()), ("src/b.rs", "")]);
    assert_eq!(
        violations(&files, &[]),
        ["src/a.rs: 500 lines, allowed are 400"]
    );
    assert_none(&violations(&files, &[("src/a.rs", 500)]));
    assert_eq!(
        violations(
            &files,
            &[("src/a.rs", 499), ("src/b.rs", 401), ("src/c.rs", 401)]
        ),
        [
            "src/a.rs: 500 lines, allowed are 499",
            "src/b.rs: 0 lines, remove it from the known files",
            "src/c.rs: is missing, remove it from the known files",
        ]
    );
    assert_eq!(
        violations(&files, &[("src/a.rs", 525)]),
        ["src/a.rs: 500 lines, lower its number 525"]
    );
}
