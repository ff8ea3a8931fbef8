//! What is known of queues that are not as qtask declares them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::QueueError;

/// What was found out about a queue, by its backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// It is used with the arguments that it has.
    OtherArguments(String),
    /// It cannot be used.
    Unusable(QueueError),
}

/// How many queues have notes. Others are used or refused all the same, without a word in advance.
const MAX_NOTES: usize = 10_000;

/// Notes by backend; those of a queue that is as it should be are absent.
#[derive(Debug, Default)]
pub(super) struct QueueNotes(Mutex<BTreeMap<String, Note>>);

impl QueueNotes {
    /// Replaces what was known; true where that is news.
    pub(super) fn set(&self, backend: &str, note: Option<Note>) -> bool {
        let mut notes = self.lock();
        let is_full = notes.len() >= MAX_NOTES && !notes.contains_key(backend);
        if notes.get(backend) == note.as_ref() || is_full {
            return false;
        }
        match note {
            Some(note) => notes.insert(backend.to_owned(), note),
            None => notes.remove(backend),
        };
        true
    }

    /// Why the queue of this backend cannot be used, as far as that is known.
    pub(super) fn unusable(&self, backend: &str) -> Option<QueueError> {
        match self.lock().get(backend) {
            Some(Note::Unusable(error)) => Some(error.clone()),
            _ => None,
        }
    }

    /// The backends whose queues cannot be used, each with the reason.
    pub(super) fn all_unusable(&self) -> Vec<(String, QueueError)> {
        let notes = self.lock();
        let unusable = notes.iter().filter_map(|(backend, note)| match note {
            Note::Unusable(error) => Some((backend.clone(), error.clone())),
            Note::OtherArguments(_) => None,
        });
        unusable.collect()
    }

    /// What there is to say about the queues that are used as they are.
    pub(super) fn other_arguments(&self) -> Vec<String> {
        let notes = self.lock();
        let remarks = notes.values().filter_map(|note| match note {
            Note::OtherArguments(remark) => Some(remark.clone()),
            Note::Unusable(_) => None,
        });
        remarks.collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_and_news_once() {
        let notes = QueueNotes::default();
        let note = |text: &str| Some(Note::OtherArguments(text.to_owned()));
        for number in 0..MAX_NOTES {
            assert!(notes.set(&number.to_string(), note("x")));
        }
        assert!(!notes.set("0", note("x")) && notes.set("0", note("y")));
        assert!(!notes.set("one more", note("x")));
        assert_eq!(notes.other_arguments().len(), MAX_NOTES);
        assert!(notes.set("0", None) && notes.set("one more", note("x")));
    }
}
