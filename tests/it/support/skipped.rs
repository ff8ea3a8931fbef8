//! Tests that this machine cannot run.

use std::fs::OpenOptions;
use std::io::Write;

/// Records that a test was skipped, and why. `scripts/test` prints the records after all tests; a test runner by
/// default shows only the output of failed tests.
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
