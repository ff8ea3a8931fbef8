//! Why a waiting task does not run yet.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a waiting task does not run yet. The names are part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingReason {
    /// Its backend is paused.
    BackendPaused,
    /// No worker that serves its backend and accepts its problem is in the registry.
    NoWorker,
    /// All workers in the registry that serve its backend are offline.
    WorkersOffline,
    /// Workers that serve its backend are online, but drain.
    WorkersDraining,
    /// Workers that serve its backend are online, but report a reason to take no tasks, or are in quarantine.
    WorkersNotReady,
    /// Its next attempt is due at `available_at`.
    RetryDue,
    /// All workers that serve its backend run as many tasks as their concurrency allows.
    WorkersBusy,
    /// Other tasks are claimed first, and workers have free slots.
    InLine,
    /// It is the next task, and a worker has a free slot.
    NextInLine,
}

/// A word that is not a known reason, for example of a newer version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown reason to wait")]
pub struct UnknownWaitingReason;

impl WaitingReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::BackendPaused,
        Self::NoWorker,
        Self::WorkersOffline,
        Self::WorkersDraining,
        Self::WorkersNotReady,
        Self::RetryDue,
        Self::WorkersBusy,
        Self::InLine,
        Self::NextInLine,
    ];

    /// The name used in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BackendPaused => "backend_paused",
            Self::NoWorker => "no_worker",
            Self::WorkersOffline => "workers_offline",
            Self::WorkersDraining => "workers_draining",
            Self::WorkersNotReady => "workers_not_ready",
            Self::RetryDue => "retry_due",
            Self::WorkersBusy => "workers_busy",
            Self::InLine => "in_line",
            Self::NextInLine => "next_in_line",
        }
    }

    /// Whether the task waits until an operator resumes its backend, or starts, resumes or repairs a worker.
    pub const fn needs_operator(self) -> bool {
        matches!(
            self,
            Self::BackendPaused
                | Self::NoWorker
                | Self::WorkersOffline
                | Self::WorkersDraining
                | Self::WorkersNotReady
        )
    }
}

impl FromStr for WaitingReason {
    type Err = UnknownWaitingReason;

    fn from_str(name: &str) -> Result<Self, UnknownWaitingReason> {
        let mut all = Self::ALL.into_iter();
        all.find(|reason| reason.as_str() == name)
            .ok_or(UnknownWaitingReason)
    }
}

impl fmt::Display for WaitingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The data from which the reason of a waiting task follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its queue position: 1 is the next task.
    pub position: i64,
    /// Whether the position is exact.
    pub exact: bool,
    /// Whether its next attempt is due later.
    pub is_delayed: bool,
    /// Number of online workers that serve its backend and take tasks, counted up to a limit.
    pub taking: i64,
    /// Whether one of these workers has a free slot.
    pub has_room: bool,
    /// If no worker takes tasks: the states of the workers that serve its backend.
    pub others: Others,
    /// The pause of its backend, if it is paused.
    pub pause: Option<Pause>,
}

/// The pause of a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Pause {
    /// The reason that the operator gave.
    pub reason: Option<String>,
    /// Who paused it, if known.
    pub by: Option<String>,
}

impl Pause {
    /// What follows `is paused` in a message.
    fn details(&self) -> String {
        let by = self.by.as_ref().map(|by| format!(" by {by}"));
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}"));
        by.unwrap_or_default() + &reason.unwrap_or_default()
    }
}

/// Numbers of workers that serve a backend and take no tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Others {
    /// Workers whose lease has expired, or whose session has ended.
    pub offline: i64,
    /// Workers that are online and drain.
    pub draining: i64,
    /// Workers that are online, do not drain, and are not ready.
    pub not_ready: i64,
    /// Why one of them is not ready.
    pub not_ready_reason: Option<String>,
}

impl Waiting {
    /// The reason that lasts longest of those that apply.
    pub fn reason(&self) -> WaitingReason {
        if self.pause.is_some() {
            return WaitingReason::BackendPaused;
        }
        let Others {
            offline,
            draining,
            not_ready,
            ..
        } = self.others;
        if self.taking == 0 {
            return match (not_ready, draining, offline) {
                (1.., _, _) => WaitingReason::WorkersNotReady,
                (_, 1.., _) => WaitingReason::WorkersDraining,
                (_, _, 1..) => WaitingReason::WorkersOffline,
                _ => WaitingReason::NoWorker,
            };
        }
        match (self.is_delayed, self.has_room, self.position) {
            (true, _, _) => WaitingReason::RetryDue,
            (false, false, _) => WaitingReason::WorkersBusy,
            (false, true, 1) => WaitingReason::NextInLine,
            (false, true, _) => WaitingReason::InLine,
        }
    }

    /// The reason as a message for people.
    pub fn message(&self, backend: &str) -> String {
        let serve = |count: i64| {
            if count == 1 {
                "1 worker serves".to_owned()
            } else {
                format!("{count} workers serve")
            }
        };
        let Others {
            offline,
            draining,
            not_ready,
            not_ready_reason,
        } = &self.others;
        let of_it = |what: &str| {
            format!(
                "{} the backend `{backend}`: {what}",
                serve(offline + draining + not_ready)
            )
        };
        match self.reason() {
            WaitingReason::BackendPaused => {
                let details = self.pause.as_ref().map(Pause::details);
                format!(
                    "the backend `{backend}` is paused{}",
                    details.unwrap_or_default()
                )
            }
            WaitingReason::NoWorker => {
                format!("no worker serves the backend `{backend}`; the task waits until one does")
            }
            WaitingReason::WorkersOffline if *offline == 1 => of_it("it is offline"),
            WaitingReason::WorkersOffline => of_it("all are offline"),
            WaitingReason::WorkersDraining | WaitingReason::WorkersNotReady => {
                let parts = [
                    (not_ready, "not ready"),
                    (draining, "draining"),
                    (offline, "offline"),
                ];
                let parts = parts.into_iter().filter(|(count, _)| **count > 0);
                let parts: Vec<String> = parts
                    .map(|(count, what)| format!("{count} {what}"))
                    .collect();
                let why = not_ready_reason
                    .as_ref()
                    .map(|why| format!(" ({why})"))
                    .unwrap_or_default();
                of_it(&format!("{}{why}", parts.join(", ")))
            }
            WaitingReason::RetryDue => "its next attempt is due later".to_owned(),
            WaitingReason::WorkersBusy => {
                format!("all workers that serve the backend `{backend}` are busy")
            }
            WaitingReason::InLine => "others are before it".to_owned(),
            WaitingReason::NextInLine => "it is the next one".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting() -> Waiting {
        Waiting {
            position: 1,
            exact: true,
            is_delayed: false,
            taking: 1,
            has_room: true,
            others: Others::default(),
            pause: None,
        }
    }

    fn paused(by: Option<&str>, reason: Option<&str>) -> Waiting {
        Waiting {
            pause: Some(Pause {
                reason: reason.map(str::to_owned),
                by: by.map(str::to_owned),
            }),
            ..waiting()
        }
    }

    fn without_workers(offline: i64, draining: i64, not_ready: i64) -> Waiting {
        Waiting {
            taking: 0,
            has_room: false,
            others: Others {
                offline,
                draining,
                not_ready,
                not_ready_reason: (not_ready > 0)
                    .then(|| "the broker cannot be reached".to_owned()),
            },
            ..waiting()
        }
    }

    #[test]
    fn each_situation_has_its_reason_and_its_sentence() {
        for (waiting, reason, message) in [
            (
                without_workers(0, 0, 0),
                "no_worker",
                "no worker serves the backend `aer`; the task waits until one does",
            ),
            (
                without_workers(1, 0, 0),
                "workers_offline",
                "1 worker serves the backend `aer`: it is offline",
            ),
            (
                without_workers(3, 0, 0),
                "workers_offline",
                "3 workers serve the backend `aer`: all are offline",
            ),
            (
                without_workers(1, 2, 0),
                "workers_draining",
                "3 workers serve the backend `aer`: 2 draining, 1 offline",
            ),
            (
                without_workers(0, 1, 1),
                "workers_not_ready",
                "2 workers serve the backend `aer`: 1 not ready, 1 draining (the broker cannot be reached)",
            ),
            (
                Waiting {
                    is_delayed: true,
                    has_room: false,
                    ..waiting()
                },
                "retry_due",
                "its next attempt is due later",
            ),
            (
                Waiting {
                    has_room: false,
                    ..waiting()
                },
                "workers_busy",
                "all workers that serve the backend `aer` are busy",
            ),
            (
                Waiting {
                    position: 2,
                    ..waiting()
                },
                "in_line",
                "others are before it",
            ),
            (waiting(), "next_in_line", "it is the next one"),
            (
                paused(None, None),
                "backend_paused",
                "the backend `aer` is paused",
            ),
            (
                paused(Some("ops"), Some("the cryostat warms up")),
                "backend_paused",
                "the backend `aer` is paused by ops: the cryostat warms up",
            ),
        ] {
            assert_eq!(waiting.reason().as_str(), reason);
            assert_eq!(waiting.message("aer"), message);
            assert_eq!(reason.parse(), Ok(waiting.reason()));
        }
    }

    #[test]
    fn names_are_those_of_the_documents() {
        for reason in WaitingReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
