//! Finds the processes of an attempt, including those that have left its group.
//!
//! A process can leave its group (`setsid`) and its parent (fork twice), but it cannot change
//! the environment that `/proc` shows for it. So a process belongs to an attempt if
//! it is in the program's group, or was started with the attempt's marks in its environment, or
//! descends from such a process.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The criteria that select processes.
#[derive(Debug, Clone)]
pub struct Marks {
    /// The process group, if it is known and still belongs to the program.
    pub group: Option<Pid>,
    /// `NAME=value` pairs, all of which are in the environment.
    pub environment: Vec<String>,
}

impl Marks {
    /// Signals every process found; returns their number.
    pub fn signal(&self, signal: Signal) -> usize {
        let found = self.find();
        for pid in &found {
            // The process may have ended since.
            let _ = kill(*pid, signal);
        }
        found.len()
    }
}

#[cfg(target_os = "linux")]
impl Marks {
    /// Every living process that matches, except this one.
    pub fn find(&self) -> Vec<Pid> {
        let mut rest = proc::all();
        let mut found: Vec<i32> = Vec::new();
        // Adds descendants of the processes found, until there are no more.
        loop {
            let (new, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(|process| {
                found.contains(&process.parent) || (found.is_empty() && self.names(process))
            });
            if new.is_empty() {
                break;
            }
            found.extend(new.iter().map(|process| process.pid));
            rest = others;
        }
        let this = std::process::id();
        found.retain(|pid| u32::try_from(*pid) != Ok(this));
        found.into_iter().map(Pid::from_raw).collect()
    }

    fn names(&self, process: &proc::Process) -> bool {
        self.group
            .is_some_and(|group| group.as_raw() == process.group)
            || proc::has_environment(process.pid, &self.environment)
    }
}

#[cfg(not(target_os = "linux"))]
impl Marks {
    /// No search on this platform; the system signals the group: see `group`.
    pub fn find(&self) -> Vec<Pid> {
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
mod proc {
    use std::fs;
    use std::io::Read;

    /// How much of an environment is read, in bytes; the marks must be within it.
    const MAX_ENVIRONMENT: u64 = 1 << 20;

    /// A living process.
    #[derive(Debug)]
    pub struct Process {
        pub pid: i32,
        pub parent: i32,
        pub group: i32,
    }

    /// All processes except zombies.
    pub fn all() -> Vec<Process> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(look_at).collect()
    }

    fn look_at(pid: i32) -> Option<Process> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The name before it is in parentheses, and may contain parentheses and blanks.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Process { pid, parent, group })
    }

    /// Whether a process was started with all of these in its environment. False for other users' processes.
    pub fn has_environment(pid: i32, marks: &[String]) -> bool {
        let mut environment = Vec::new();
        let read = fs::File::open(format!("/proc/{pid}/environ"))
            .and_then(|file| file.take(MAX_ENVIRONMENT).read_to_end(&mut environment));
        let has = |mark: &String| {
            environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark.as_bytes())
        };
        read.is_ok() && !marks.is_empty() && marks.iter().all(has)
    }
}
