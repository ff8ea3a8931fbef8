//! Which backends of a consumer are not consumed at present.

use std::collections::BTreeSet;

/// The pause of a consumer: of all backends, or of some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ConsumerPause {
    pub(super) all: bool,
    pub(super) backends: BTreeSet<String>,
}

impl ConsumerPause {
    pub(super) fn covers(&self, backend: &str) -> bool {
        self.all || self.backends.contains(backend)
    }
}
