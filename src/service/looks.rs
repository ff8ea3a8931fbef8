//! Many workers wait for the same few tasks: one who finds nothing has looked for all of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// How many claims over HTTP are under way at once; the rest wait in line. One more than can run leaves
/// no pause between two.
const TURNS: usize = 2;
/// How many sets of backends are remembered.
const MAX_KEPT: usize = 1_000;

/// Whose turn it is to look, and what was found empty.
#[derive(Debug)]
pub struct Looks {
    turns: Semaphore,
    in_vain: Mutex<HashMap<Vec<String>, Look>>,
}

/// A look that found nothing.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// The last signal before it.
    signal: u64,
    began: Instant,
}

impl Default for Looks {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(TURNS),
            in_vain: Mutex::default(),
        }
    }
}

impl Looks {
    /// Waits in line, so that tasks are spread over those who wait. None cannot be: the line is never
    /// closed.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Whether somebody has looked for these backends after the signal, and less than `moment` ago, and
    /// found nothing.
    pub fn was_in_vain(&self, backends: &[String], signal: u64, moment: Duration) -> bool {
        let in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        in_vain
            .get(backends)
            .is_some_and(|look| look.signal >= signal && look.began.elapsed() < moment)
    }

    /// Notes a look that found nothing.
    pub fn note_in_vain(&self, backends: &[String], signal: u64, began: Instant) {
        let mut in_vain = self.in_vain.lock().unwrap_or_else(PoisonError::into_inner);
        if in_vain.len() >= MAX_KEPT {
            in_vain.clear();
        }
        in_vain.insert(backends.to_vec(), Look { signal, began });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_secs(1);

    #[test]
    fn a_look_in_vain_counts_for_others_until_the_next_signal_or_for_a_moment() {
        let looks = Looks::default();
        let (mine, other) = (vec!["a".to_owned()], vec!["b".to_owned()]);
        assert!(!looks.was_in_vain(&mine, 0, MOMENT));
        looks.note_in_vain(&mine, 3, Instant::now());
        assert!(looks.was_in_vain(&mine, 3, MOMENT));
        assert!(!looks.was_in_vain(&mine, 4, MOMENT));
        assert!(!looks.was_in_vain(&other, 3, MOMENT));
        assert!(!looks.was_in_vain(&mine, 3, Duration::ZERO));
    }
}
