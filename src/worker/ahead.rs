//! How many tasks a worker claims beyond its free slots, so that a slot that becomes free does not wait for the next claim.
//!
//! The number follows the duration of the last attempts: as many tasks as the slots execute in [`WINDOW`]. A worker whose attempts
//! take longer than that claims none ahead.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The most tasks that wait for a slot.
pub const MAX_AHEAD: usize = 256;
/// The work that may wait for a slot. It covers the time from a claim to its answer.
const WINDOW: Duration = Duration::from_millis(20);
/// Tasks are claimed ahead only if an attempt ended within this time.
const RECENT: Duration = Duration::from_millis(50);
/// The number of durations whose mean counts.
const AVERAGED: usize = 32;

/// The durations of the last attempts.
#[derive(Debug, Default)]
pub struct Ahead {
    durations: VecDeque<Duration>,
    last_end: Option<Instant>,
}

impl Ahead {
    /// Records an attempt that ended now.
    pub fn note(&mut self, duration: Duration, now: Instant) {
        if self.durations.len() == AVERAGED {
            self.durations.pop_front();
        }
        self.durations.push_back(duration);
        self.last_end = Some(now);
    }

    /// Records an attempt that failed because of the worker's environment: the next ones may fail as well, so that none is claimed
    /// ahead until others have succeeded.
    pub fn note_unfit(&mut self, now: Instant) {
        self.durations.clear();
        self.last_end = Some(now);
    }

    /// When an attempt last ended.
    pub const fn last_end(&self) -> Option<Instant> {
        self.last_end
    }

    /// How many tasks may wait for one of these slots.
    pub fn tasks(&self, slots: usize, now: Instant) -> usize {
        let is_recent = |end| now.saturating_duration_since(end) < RECENT;
        if self.durations.is_empty() || !self.last_end.is_some_and(is_recent) {
            return 0;
        }
        let total: Duration = self.durations.iter().sum();
        let executions = u128::try_from(slots * self.durations.len()).unwrap_or(u128::MAX);
        let fitting = WINDOW.as_micros().saturating_mul(executions) / total.as_micros().max(1);
        usize::try_from(fitting).unwrap_or(MAX_AHEAD).min(MAX_AHEAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(durations: &[u64]) -> (Ahead, Instant) {
        let (mut ahead, now) = (Ahead::default(), Instant::now());
        for millis in durations {
            ahead.note(Duration::from_millis(*millis), now);
        }
        (ahead, now)
    }

    #[test]
    fn as_many_wait_as_the_slots_execute_in_the_window() {
        let (ahead, now) = after(&[2, 2, 2]);
        assert_eq!(ahead.tasks(2, now), 20);
        assert_eq!(ahead.tasks(4, now), 40);
    }

    #[test]
    fn none_wait_for_slots_whose_attempts_take_longer_than_the_window() {
        let (ahead, now) = after(&[50, 45]);
        assert_eq!(ahead.tasks(2, now), 0);
    }

    #[test]
    fn none_wait_before_an_attempt_has_ended_or_when_none_ended_for_long() {
        assert_eq!(Ahead::default().tasks(2, Instant::now()), 0);
        let (ahead, now) = after(&[1]);
        assert_eq!(ahead.tasks(2, now + RECENT), 0);
    }

    #[test]
    fn none_wait_after_a_failure_of_the_environment_until_an_attempt_succeeds() {
        let (mut ahead, now) = after(&[1, 1]);
        ahead.note_unfit(now);
        assert_eq!(ahead.tasks(2, now), 0);
        ahead.note(Duration::from_millis(1), now);
        assert_eq!(ahead.tasks(2, now), 40);
    }

    #[test]
    fn one_long_attempt_counts_until_others_have_replaced_it() {
        let (mut ahead, now) = after(&[1000]);
        assert_eq!(ahead.tasks(2, now), 0);
        for _ in 0..AVERAGED {
            ahead.note(Duration::from_millis(1), now);
        }
        assert_eq!(ahead.tasks(2, now), 40);
    }

    #[test]
    fn the_number_is_bounded_however_short_the_attempts_are() {
        let (ahead, now) = after(&[0, 0]);
        assert_eq!(ahead.tasks(512, now), MAX_AHEAD);
    }
}
