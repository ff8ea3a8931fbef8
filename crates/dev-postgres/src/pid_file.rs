//! Reads `postmaster.pid`, in which a PostgreSQL server publishes its process id and status.
//!
//! Its lines, from PostgreSQL's `src/include/utils/pidfile.h`: process id, data directory, start
//! time, port, socket directory, listen address, shared memory key, status.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::Context;

/// The content of a `postmaster.pid`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    text: String,
}

impl PidFile {
    /// Reads the file of the cluster in `data`; `None` if there is none.
    pub(super) fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        let path = data.join("postmaster.pid");
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(Self {
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
        }
    }

    /// The server's process id.
    pub(super) fn pid(&self) -> Option<u32> {
        self.text
            .lines()
            .next()?
            .trim()
            .parse()
            .ok()
            .filter(|pid| *pid > 0)
    }

    /// Whether the status is `ready`: the server accepts connections.
    pub(super) fn says_ready(&self) -> bool {
        self.text
            .lines()
            .last()
            .is_some_and(|status| status.trim() == "ready")
    }

    /// Whether the process is alive and serves the cluster in `data`. A later process can have the process id
    /// of a dead server.
    pub(super) async fn is_alive(&self, data: &Path) -> bool {
        match self.pid() {
            Some(pid) => process_serves(pid, data).await,
            None => false,
        }
    }
}

/// Checks the working directory of the process, or the data directory in its arguments. For another user's
/// process, only the arguments may be readable.
#[cfg(target_os = "linux")]
#[allow(clippy::unused_async, reason = "other systems have to ask a program")]
async fn process_serves(pid: u32, data: &Path) -> bool {
    let works_there = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == data);
    let wanted = data.as_os_str().as_encoded_bytes();
    let names_it = |arguments: Vec<u8>| {
        arguments
            .split(|byte| *byte == 0)
            .any(|word| word == wanted)
    };
    works_there || fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(names_it)
}

#[cfg(not(target_os = "linux"))]
async fn process_serves(pid: u32, data: &Path) -> bool {
    let mut ps = tokio::process::Command::new("ps");
    let output = ps
        .args(["-ww", "-o", "command=", "-p", &pid.to_string()])
        .output()
        .await;
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains(&*data.to_string_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "4711\n/d\n1700000000\n5432\n/d/socket\n\n  123 4\nready   \n";

    fn file(text: &str) -> PidFile {
        PidFile {
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_ready_server_is_told_from_one_that_starts() {
        assert!(file(READY).says_ready());
        assert!(!file(&READY.replace("ready   ", "starting")).says_ready());
        assert!(!file("").says_ready());
        assert_eq!(file(READY).pid(), Some(4711));
    }

    #[test]
    fn a_damaged_file_names_nobody() {
        for text in ["", "\n", "x", "-5", "0", "99999999999999999999"] {
            assert_eq!(file(text).pid(), None, "{text:?}");
        }
    }

    #[tokio::test]
    async fn a_stranger_with_the_number_of_a_dead_server_is_not_taken_for_it() {
        let me = file(&format!("{}\n/d\n", std::process::id()));
        assert!(!me.is_alive(Path::new("/nonexistent/qtask/data")).await);
    }
}
