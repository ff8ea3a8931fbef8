//! Ends a program and all its descendants.

use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::stragglers::Marks;
use crate::domain::owner::Lease;

/// The interval between checks for processes that were signalled.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often the processes of an attempt are searched and killed: they may start others meanwhile, and a
/// killed process takes time to end.
const ROUNDS: u32 = 50;

/// The processes of one attempt. Dropping this kills those that remain.
#[derive(Debug)]
pub struct Group {
    leader: Pid,
    marks: Marks,
    gone: bool,
}

impl Group {
    /// The group that this process leads.
    pub fn new(leader: Pid, lease: &Lease) -> Self {
        let environment = vec![
            format!("QTASK_TASK_ID={}", lease.task_id),
            format!("QTASK_ATTEMPT={}", lease.attempt),
        ];
        let marks = Marks {
            group: Some(leader),
            environment,
        };
        Self {
            leader,
            marks,
            gone: false,
        }
    }

    /// Sends SIGTERM to the group, and SIGCONT so that a stopped process can handle it.
    pub fn terminate(&self) {
        let _ = killpg(self.leader, Signal::SIGTERM);
        let _ = killpg(self.leader, Signal::SIGCONT);
    }

    /// Waits until the group is empty.
    pub async fn empty(&self) {
        while killpg(self.leader, None).is_ok() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Kills every process of the attempt, and returns when they have ended, or after `ROUNDS` for processes that
    /// cannot be killed.
    pub async fn kill(&mut self) {
        for _ in 0..ROUNDS {
            let (leader, marks) = (self.leader, self.marks.clone());
            let round = tokio::task::spawn_blocking(move || kill_once(leader, &marks));
            if round.await.unwrap_or_default() == 0 {
                self.gone = true;
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.gone {
            kill_once(self.leader, &self.marks);
        }
    }
}

/// Searches before killing the group: processes that have left the group are found by their parents, too.
fn kill_once(leader: Pid, marks: &Marks) -> usize {
    let found = marks.signal(Signal::SIGKILL);
    let _ = killpg(leader, Signal::SIGKILL);
    found
}
