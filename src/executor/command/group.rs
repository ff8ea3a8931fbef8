//! Ends a program with all that it started.

use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::stragglers::Marks;
use crate::domain::owner::Lease;

/// Between two looks at processes that were told to end.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often the processes of an attempt are looked for and killed: they may be starting others
/// meanwhile, and a killed one takes a moment to be gone.
const ROUNDS: u32 = 50;

/// The processes of one attempt. Whatever is left of them when this is dropped is killed.
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

    /// Asks all of the group to end; one that is stopped goes on, to be able to.
    pub fn terminate(&self) {
        let _ = killpg(self.leader, Signal::SIGTERM);
        let _ = killpg(self.leader, Signal::SIGCONT);
    }

    /// Waits until nobody is in the group any more.
    pub async fn empty(&self) {
        while killpg(self.leader, None).is_ok() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Kills every process of the attempt, and does not return before they are gone, if they can be
    /// killed at all.
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

/// Those that have left the group are looked for first: they are found by their parents, too.
fn kill_once(leader: Pid, marks: &Marks) -> usize {
    let found = marks.signal(Signal::SIGKILL);
    let _ = killpg(leader, Signal::SIGKILL);
    found
}
