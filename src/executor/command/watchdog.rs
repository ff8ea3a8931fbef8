//! Ends the commands of a worker that was killed or told twice to stop, and removes their files.
//!
//! A child process of the worker holds the other end of a pipe. When the pipe closes, the worker has
//! ended and can no longer stop its commands. Other workers claim the tasks when the lease has expired;
//! until then the commands must have ended.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::directory::{self, remove};
use super::stragglers::Marks;

/// How long commands have for an orderly end. A lease is longer than that.
const GRACE: Duration = Duration::from_secs(3);
/// How long killing them is retried.
const LIMIT: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A watchdog, which acts when this is dropped or the process ends.
#[derive(Debug)]
pub struct Watchdog {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts it: `program`, called with `arguments`, the mark and the folder, must call [`watch`] with the last
    /// two.
    pub fn start(program: &Path, arguments: &[&str], mark: &str) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .arg(mark)
            .arg(directory::folder(mark))
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = child.stdin.take();
        Ok(Self { child, pipe })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.child.wait();
    }
}

/// Waits until the worker has ended, then ends the processes with its mark and removes the folder of
/// their working directories.
pub fn watch(mark: &str, folder: &Path) {
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    end_processes(mark);
    // Only the folder of this mark: a manual call must not delete anything else.
    if folder.file_name() == directory::folder(mark).file_name() {
        remove(folder);
    }
}

fn end_processes(mark: &str) {
    let marks = Marks {
        group: None,
        environment: vec![format!("QTASK_WORKER_MARK={mark}")],
    };
    if marks.signal(Signal::SIGTERM) == 0 {
        return;
    }
    let end = Instant::now() + GRACE;
    while !marks.find().is_empty() && Instant::now() < end {
        std::thread::sleep(LOOK_AGAIN);
    }
    let end = Instant::now() + LIMIT;
    while marks.signal(Signal::SIGKILL) > 0 && Instant::now() < end {
        std::thread::sleep(LOOK_AGAIN);
    }
}
