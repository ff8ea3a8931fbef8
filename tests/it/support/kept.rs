//! `QTASK_TEST_KEEP=1`: databases and queues are kept after a test.

/// Whether databases and queues are kept.
pub fn is_kept() -> bool {
    std::env::var_os("QTASK_TEST_KEEP").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Prints a kept resource; the test runner shows the output of a failed test.
pub fn report(kind: &str, name: &str) {
    eprintln!("QTASK_TEST_KEEP: {kind} {name}");
}
