//! Bounds the number of label values that clients can influence.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

pub type Labels = Vec<(&'static str, String)>;

/// Maximum number of backends with separate series; further ones share one series.
const MOST_BACKENDS: usize = 100;

static BACKENDS: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// The backend's name, or a common label above the maximum.
pub fn backend_label(backend: &str) -> String {
    let known = |names: &BTreeSet<String>| names.contains(backend);
    if known(&BACKENDS.read().unwrap_or_else(PoisonError::into_inner)) {
        return backend.to_owned();
    }
    let mut names = BACKENDS.write().unwrap_or_else(PoisonError::into_inner);
    if known(&names) || names.len() < MOST_BACKENDS {
        names.insert(backend.to_owned());
        return backend.to_owned();
    }
    "other".to_owned()
}

/// The HTTP method; all methods without a route share one label.
pub fn method_label(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"];
    let known = METHODS.into_iter().find(|known| *known == method);
    known.unwrap_or("other")
}
