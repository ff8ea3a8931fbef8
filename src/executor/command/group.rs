//! Ends a program and all its descendants.

use std::time::Duration;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::stragglers::Marks;
use crate::domain::owner::Lease;
use crate::process::ProcessGroup;

/// The interval between checks for processes that were signalled.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How often the processes of an attempt are searched and killed: they may start others meanwhile, and a
/// killed process takes time to end.
const ROUNDS: u32 = 50;

/// The processes of one attempt. Dropping this kills those that remain.
#[derive(Debug)]
pub struct AttemptProcesses {
    group: ProcessGroup,
    marks: Marks,
    gone: bool,
}

impl AttemptProcesses {
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
            group: ProcessGroup::led_by(leader),
            marks,
            gone: false,
        }
    }

    /// Asks the processes of the group to end.
    pub fn terminate(&self) {
        self.group.terminate();
    }

    /// Waits until the group is empty.
    pub async fn empty(&self) {
        while !self.group.is_empty() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Kills every process of the attempt, and returns when they have ended, or after `ROUNDS` for processes that
    /// cannot be killed.
    pub async fn kill(&mut self) {
        for _ in 0..ROUNDS {
            let (group, marks) = (self.group, self.marks.clone());
            let round = tokio::task::spawn_blocking(move || kill_once(group, &marks));
            if round.await.unwrap_or_default() == 0 {
                self.gone = true;
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

impl Drop for AttemptProcesses {
    fn drop(&mut self) {
        if !self.gone {
            kill_once(self.group, &self.marks);
        }
    }
}

/// Searches before killing the group: processes that have left the group are found by their parents, too.
fn kill_once(group: ProcessGroup, marks: &Marks) -> usize {
    let found = marks.signal(Signal::SIGKILL);
    group.kill();
    found
}
