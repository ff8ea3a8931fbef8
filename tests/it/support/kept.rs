//! `QTASK_TEST_KEEP=1`: what a test has made stays after it.

/// Whether the databases and queues of tests stay.
pub fn is_kept() -> bool {
    std::env::var_os("QTASK_TEST_KEEP").is_some_and(|value| !value.is_empty() && value != "0")
}

/// Prints what stays; the test runner shows the output of a test that fails.
pub fn report(kind: &str, name: &str) {
    eprintln!("QTASK_TEST_KEEP: {kind} {name}");
}
