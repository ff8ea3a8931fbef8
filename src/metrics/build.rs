//! What this executable is.

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// The revision of the source, if the build was told it; see `scripts/build-static`.
const REVISION: Option<&str> = option_env!("QTASK_REVISION");

/// Adds `build_info`.
pub(super) fn register(registry: &mut Registry) {
    let revision = REVISION.filter(|text| !text.is_empty());
    let info = Info::new([
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", revision.unwrap_or("unknown")),
        ("schema", env!("QTASK_SCHEMA_VERSION")),
    ]);
    registry.register(
        "build",
        "The executable, and the version of the schema that it needs",
        info,
    );
}
