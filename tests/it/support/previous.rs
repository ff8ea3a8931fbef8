//! The executable of the previous version, for tests of rolling upgrades.

use std::path::PathBuf;

use super::skipped::report_skipped;

/// The executable that `scripts/previous` has built; `scripts/test` names it in `QTASK_TEST_PREVIOUS`. `None` if there is none:
/// the test is then recorded as skipped.
pub fn previous_executable(test: &str) -> Option<PathBuf> {
    let named = std::env::var_os("QTASK_TEST_PREVIOUS").filter(|path| !path.is_empty());
    if named.is_none() {
        report_skipped(
            test,
            "needs the executable of the previous version: QTASK_TEST_PREVIOUS=$(scripts/previous)",
        );
    }
    named.map(PathBuf::from)
}
