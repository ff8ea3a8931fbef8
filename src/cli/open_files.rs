//! How many files the process may open: each connection is one.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The limit of a system that does not say.
const UNKNOWN: u64 = 1_024;

/// Raises the limit as far as the system allows without privileges, and returns it.
pub fn raise_limit() -> usize {
    let limits = getrlimit(Resource::RLIMIT_NOFILE);
    let raised = limits.and_then(|(_, hard)| {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
        Ok(hard)
    });
    raised.map_or_else(|_| limit(), as_number)
}

/// The current limit.
pub fn limit() -> usize {
    as_number(getrlimit(Resource::RLIMIT_NOFILE).map_or(UNKNOWN, |(soft, _)| soft))
}

fn as_number(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
