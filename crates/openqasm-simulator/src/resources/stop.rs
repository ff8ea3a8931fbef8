//! Cancellation, deadline and meter of one run, checked by every long loop of the simulator.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::resources::meter::Meter;

/// Why a run ended before its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// [`Stop::cancel`] was called.
    #[error("the simulation was cancelled")]
    Cancelled,
    /// The deadline given to [`Stop::new`] passed.
    #[error("the simulation ran past its deadline")]
    DeadlineExceeded,
}

/// A handle that stops a run from outside. Clones share the same flag.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    cancelled: Arc<AtomicBool>,
    deadline: Option<Instant>,
    meter: Arc<Meter>,
}

impl Stop {
    /// A handle with a deadline, or with none.
    pub fn new(deadline: Option<Instant>) -> Self {
        Self {
            cancelled: Arc::default(),
            deadline,
            meter: Arc::default(),
        }
    }

    /// The same handle with a deadline that far from now, unless its own deadline is sooner.
    pub(crate) fn within(&self, time: Duration) -> Self {
        let soon = Instant::now().checked_add(time);
        Self {
            cancelled: Arc::clone(&self.cancelled),
            deadline: soon.into_iter().chain(self.deadline).min(),
            meter: Arc::clone(&self.meter),
        }
    }

    /// The progress of the run.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Asks the run to end; it ends within about 50 ms.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// An error if the run must end now.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Stopped::Cancelled);
        }
        match self.deadline {
            Some(deadline) if Instant::now() >= deadline => Err(Stopped::DeadlineExceeded),
            _ => Ok(()),
        }
    }
}
