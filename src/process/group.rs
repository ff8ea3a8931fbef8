//! Process groups: signals that reach a program and its descendants, as far as they have not left its group.

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The process group of a program that was started as its leader (`process_group(0)`).
///
/// A signal to a group without processes has no effect, so errors are ignored. The system does not reuse the number while a
/// process is in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessGroup(Pid);

impl ProcessGroup {
    /// The group that this process leads.
    pub const fn led_by(leader: Pid) -> Self {
        Self(leader)
    }

    /// The group that a child leads. `None` once the child was waited for.
    pub fn of_child(child: &tokio::process::Child) -> Option<Self> {
        let id = i32::try_from(child.id()?).ok()?;
        Some(Self(Pid::from_raw(id)))
    }

    /// Sends SIGTERM, and SIGCONT: a stopped process could not handle the first.
    pub fn terminate(self) {
        let _ = killpg(self.0, Signal::SIGTERM);
        let _ = killpg(self.0, Signal::SIGCONT);
    }

    /// Sends SIGKILL.
    pub fn kill(self) {
        let _ = killpg(self.0, Signal::SIGKILL);
    }

    /// Whether no process is in the group.
    pub fn is_empty(self) -> bool {
        killpg(self.0, None).is_err()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncReadExt, BufReader};
    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_signal_reaches_a_program_and_its_child_and_then_the_group_is_empty() {
        let mut program = Command::new("sh")
            .args(["-c", "sleep 600 & echo ready; wait"])
            .process_group(0)
            .kill_on_drop(true)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let group = ProcessGroup::of_child(&program).unwrap();
        let mut output = BufReader::new(program.stdout.take().unwrap());
        assert_eq!(output.read_u8().await.unwrap(), b'r');
        assert!(!group.is_empty());
        group.terminate();
        program.wait().await.unwrap();
        // The end of the output is the end of the last process that had it open.
        output.read_to_end(&mut Vec::new()).await.unwrap();
        assert!(ProcessGroup::of_child(&program).is_none());
        group.kill();
    }
}
