//! Ends the commands of a worker that is gone: killed, or told twice to stop; and clears up.
//!
//! A process beside the worker holds the other end of a pipe. When the pipe closes, the worker is
//! gone, however that came about, and with it whoever would have stopped its commands. Their tasks
//! go to other workers when the lease has run out; until then they must have ended.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::directory::{self, remove};
use super::stragglers::Marks;

/// How long commands have to end in order. A lease is longer than that.
const GRACE: Duration = Duration::from_secs(3);
/// How long killing them is tried.
const LIMIT: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A watchdog, which acts when this is dropped, in whatever way.
#[derive(Debug)]
pub struct Watchdog {
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Starts it: `program` and `arguments` must come to [`watch`] with the mark and the folder that
    /// are added to them.
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

/// Waits until the worker is gone, and clears up what it has left: its processes by their mark, and
/// the folder of their working directories.
pub fn watch(mark: &str, folder: &Path) {
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    end_processes(mark);
    // It removes all that is in there: whoever calls this by hand shall not lose anything.
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
