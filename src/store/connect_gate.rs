//! Limits how often connections are tried that the server refuses, and says that it refuses them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::connect_problem::ConnectProblem;
use super::refusal::ConnectFailure;
use crate::domain::backoff::Backoff;

/// A refusal that lasts is logged again after this time.
const LOG_AGAIN: Duration = Duration::from_mins(1);
/// A problem is shown for as long after the last attempt: the open connections may suffice, so that no other attempt follows.
const SHOWN: Duration = Duration::from_mins(1);

/// The outcome of the last attempts to open a connection. Clones share it.
#[derive(Clone, Default)]
pub(super) struct ConnectGate(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    refusal: Option<LastRefusal>,
    logged: Option<(ConnectProblem, Instant)>,
}

struct LastRefusal {
    failure: ConnectFailure,
    problem: ConnectProblem,
    /// Attempts in a row that failed.
    failures: u32,
    noted_at: Instant,
    retry_at: Instant,
}

impl ConnectGate {
    /// Fails with the last refusal until it is time for another attempt. One caller makes it; the others wait for its outcome.
    pub(super) fn admit(&self) -> Result<(), ConnectFailure> {
        let mut state = self.lock();
        let recent = |refusal: &&mut LastRefusal| refusal.noted_at.elapsed() < SHOWN;
        let Some(refusal) = state.refusal.as_mut().filter(recent) else {
            return Ok(());
        };
        let now = Instant::now();
        if now < refusal.retry_at {
            return Err(refusal.failure.clone());
        }
        refusal.retry_at = now + Backoff::RECONNECT.delay(refusal.failures);
        Ok(())
    }

    /// Notes the outcome of an attempt.
    pub(super) fn note<T>(&self, outcome: &Result<T, ConnectFailure>) {
        let mut state = self.lock();
        match outcome {
            Ok(_) => state.note_success(),
            Err(failure) => match failure.problem {
                Some(problem) => state.note_refusal(failure, problem),
                None => state.refusal = None,
            },
        }
    }

    /// Why the last attempt failed, if it was recent.
    pub(super) fn problem(&self) -> Option<ConnectProblem> {
        let state = self.lock();
        let recent = state
            .refusal
            .as_ref()
            .filter(|refusal| refusal.noted_at.elapsed() < SHOWN);
        recent.map(|refusal| refusal.problem)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note_success(&mut self) {
        // A pooler refuses no connection, but statements on it.
        let is_over = |it: &mut LastRefusal| it.problem != ConnectProblem::TransactionPooler;
        let Some(refusal) = self.refusal.take_if(is_over) else {
            return;
        };
        if refusal.problem.is_lasting() && self.logged.take().is_some() {
            info!(
                event = "database.connection_accepted",
                "database accepts connections again"
            );
        }
    }

    fn note_refusal(&mut self, failure: &ConnectFailure, problem: ConnectProblem) {
        let now = Instant::now();
        let is_logged = self
            .logged
            .is_some_and(|(logged, at)| logged == problem && at.elapsed() < LOG_AGAIN);
        if !is_logged {
            error!(
                event = "database.connection_refused", error = %failure,
                "database connection refused: trying again"
            );
            self.logged = Some((problem, now));
        }
        let failures = self.refusal.as_ref().map_or(0, |refusal| refusal.failures) + 1;
        self.refusal = Some(LastRefusal {
            failure: failure.clone(),
            problem,
            failures,
            noted_at: now,
            retry_at: now + Backoff::RECONNECT.delay(failures),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(problem: ConnectProblem) -> Result<(), ConnectFailure> {
        Err(ConnectFailure::of_problem("refused", problem))
    }

    #[test]
    fn a_refusal_is_not_tried_again_at_once_and_an_outage_is() {
        let gate = ConnectGate::default();
        assert!(gate.admit().is_ok());
        gate.note::<()>(&Err(ConnectFailure::new("no route")));
        assert!(gate.admit().is_ok() && gate.problem().is_none());
        for _ in 0..20 {
            gate.note(&refused(ConnectProblem::WrongPassword));
        }
        assert_eq!(gate.problem(), Some(ConnectProblem::WrongPassword));
        assert!(gate.admit().is_err());
        gate.note(&Ok(()));
        assert!(gate.admit().is_ok() && gate.problem().is_none());
    }

    #[test]
    fn one_caller_tries_after_the_delay() {
        let gate = ConnectGate::default();
        for _ in 0..20 {
            gate.note(&refused(ConnectProblem::TooManyConnections));
        }
        gate.lock().refusal.as_mut().unwrap().retry_at = Instant::now();
        assert!(gate.admit().is_ok());
        assert!(gate.admit().is_err());
    }
}
