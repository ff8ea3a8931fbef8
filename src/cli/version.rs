//! The version that `--version` and the line at start show.

use std::sync::LazyLock;

/// `0.1.0 (abc1234)`, or the version alone if the revision is unknown.
pub(super) fn version_and_revision() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| version_text(env!("CARGO_PKG_VERSION"), crate::REVISION));
    &TEXT
}

fn version_text(version: &str, revision: Option<&str>) -> String {
    revision.map_or_else(
        || version.to_owned(),
        |revision| format!("{version} ({revision})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_shows_the_revision_where_it_is_known() {
        assert_eq!(version_text("1.2.3", Some("abc1234")), "1.2.3 (abc1234)");
        assert_eq!(version_text("1.2.3", None), "1.2.3");
    }
}
