//! Labels whose values clients have a say in, kept few.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

pub type Labels = Vec<(&'static str, String)>;

/// More backends than this are counted together.
const MOST_BACKENDS: usize = 100;

static BACKENDS: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// The backend's name, as long as there are not too many of them.
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

/// The method; those that no route has are one.
pub fn method_label(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"];
    let known = METHODS.into_iter().find(|known| *known == method);
    known.unwrap_or("other")
}
