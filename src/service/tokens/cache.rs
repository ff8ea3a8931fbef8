//! Tokens that were looked up lately.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use crate::store::StoredToken;

/// The most tokens in the cache, known and unknown ones.
const MAX_ENTRIES: usize = 20_000;

/// What the table has under an id.
#[derive(Debug, Clone)]
pub(super) struct LookedUp {
    /// The token; `None` if the id is unknown.
    pub(super) stored: Option<StoredToken>,
    /// When the token expires, by the clock of this process.
    pub(super) expires_at: Option<Instant>,
}

/// The result of one lookup, for all requests that need it.
#[derive(Debug)]
pub(super) struct LookupSlot {
    /// The last change of the token that was known before the lookup began.
    changes: u64,
    /// When the lookup began: the result may be as old as that.
    pub(super) began: Instant,
    /// The result.
    pub(super) result: OnceCell<LookedUp>,
}

impl LookupSlot {
    fn is_usable(&self, changes: u64, max_age: Duration) -> bool {
        self.changes == changes && self.began.elapsed() < max_age
    }

    fn is_unknown(&self) -> bool {
        self.result
            .get()
            .is_some_and(|found| found.stored.is_none())
    }
}

/// Lookups by the id of their token.
#[derive(Debug, Default)]
pub(super) struct LookupCache {
    slots: Mutex<HashMap<String, Arc<LookupSlot>>>,
}

impl LookupCache {
    /// Returns the lookup of a token that began after all `changes` and within `max_age`, or begins one.
    pub(super) fn slot(&self, token_id: &str, changes: u64, max_age: Duration) -> Arc<LookupSlot> {
        // No code under this lock can panic between two related changes.
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(token_id)
            && slot.is_usable(changes, max_age)
        {
            return slot.clone();
        }
        if slots.len() >= MAX_ENTRIES {
            make_room(&mut slots, changes, max_age);
        }
        let slot = Arc::new(LookupSlot {
            changes,
            began: Instant::now(),
            result: OnceCell::new(),
        });
        slots.insert(token_id.to_owned(), slot.clone());
        slot
    }
}

/// Removes lookups that are not used any more; then those of unknown tokens, which a caller may send in any number; then all.
fn make_room(slots: &mut HashMap<String, Arc<LookupSlot>>, changes: u64, max_age: Duration) {
    slots.retain(|_, slot| slot.is_usable(changes, max_age));
    if slots.len() >= MAX_ENTRIES {
        slots.retain(|_, slot| !slot.is_unknown());
    }
    if slots.len() >= MAX_ENTRIES {
        slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::access::{AcceptedToken, SecretDigest};

    const MINUTE: Duration = Duration::from_mins(1);

    fn found(is_known: bool) -> LookedUp {
        let token = AcceptedToken {
            token_id: "0123456789ab".to_owned(),
            name: "ci".to_owned(),
            scopes: BTreeSet::new(),
            backends: None,
            project: "default".to_owned(),
        };
        LookedUp {
            stored: is_known.then(|| StoredToken {
                token: Arc::new(token),
                digest: SecretDigest::of("sesame"),
                is_revoked: false,
                expires_in: None,
            }),
            expires_at: None,
        }
    }

    #[test]
    fn a_lookup_is_shared_until_it_is_old_or_a_token_changes() {
        let cache = LookupCache::default();
        let first = cache.slot("a", 1, MINUTE);
        assert!(Arc::ptr_eq(&first, &cache.slot("a", 1, MINUTE)));
        assert!(!Arc::ptr_eq(&first, &cache.slot("b", 1, MINUTE)));
        let after_change = cache.slot("a", 2, MINUTE);
        assert!(!Arc::ptr_eq(&first, &after_change));
        assert!(!Arc::ptr_eq(
            &after_change,
            &cache.slot("a", 2, Duration::ZERO)
        ));
    }

    #[test]
    fn unknown_tokens_do_not_drive_out_known_ones() {
        let cache = LookupCache::default();
        let known = cache.slot("known", 1, MINUTE);
        known.result.set(found(true)).unwrap();
        for number in 0..MAX_ENTRIES * 2 {
            let slot = cache.slot(&number.to_string(), 1, MINUTE);
            slot.result.set(found(false)).unwrap();
        }
        assert!(Arc::ptr_eq(&known, &cache.slot("known", 1, MINUTE)));
        assert!(cache.slots.lock().unwrap().len() <= MAX_ENTRIES);
    }
}
