//! Tests that this machine cannot run.

use std::fs::OpenOptions;
use std::io::Write;

/// Reports that a test did not run and why. `scripts/test` prints these reports after all tests; a runner on its own
/// shows only the output of tests that fail.
pub fn report_skipped(test: &str, reason: &str) {
    let line = format!("{test}: {reason}\n");
    eprint!("SKIPPED {line}");
    let Some(path) = std::env::var_os("QTASK_TEST_SKIPPED") else {
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .expect("the list of skipped tests can be written");
}
