//! Known differences between existing queues and what qtask declares.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::QueueError;

/// What is known about a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// The queue is used with its existing arguments.
    OtherArguments(String),
    /// The queue is unusable.
    Unusable(QueueError),
}

/// Maximum number of notes. Queues without a note are still used or refused, without an earlier report.
const MAX_NOTES: usize = 10_000;

/// Notes by backend; a queue that matches its declaration has none.
#[derive(Debug, Default)]
pub(super) struct QueueNotes(Mutex<BTreeMap<String, Note>>);

impl QueueNotes {
    /// Replaces the note of a backend; true if it changed.
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

    /// Why the queue of this backend is unusable, if a note says so.
    pub(super) fn unusable(&self, backend: &str) -> Option<QueueError> {
        match self.lock().get(backend) {
            Some(Note::Unusable(error)) => Some(error.clone()),
            _ => None,
        }
    }

    /// The backends with unusable queues, each with the reason.
    pub(super) fn all_unusable(&self) -> Vec<(String, QueueError)> {
        let notes = self.lock();
        let unusable = notes.iter().filter_map(|(backend, note)| match note {
            Note::Unusable(error) => Some((backend.clone(), error.clone())),
            Note::OtherArguments(_) => None,
        });
        unusable.collect()
    }

    /// How existing queues differ from their declaration.
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
