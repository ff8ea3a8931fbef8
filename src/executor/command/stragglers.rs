//! Finds the processes of an attempt, wherever they went.
//!
//! A process can leave its group (`setsid`) and its parent (fork twice); what it cannot change
//! afterwards is the environment that the system shows of it. So a process belongs to an attempt if
//! it is in the program's group, or was started with the attempt's marks in its environment, or
//! descends from one of those.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Which processes are meant.
#[derive(Debug, Clone)]
pub struct Marks {
    /// The process group, if it is known and still the program's.
    pub group: Option<Pid>,
    /// `NAME=value`, all of which are in the environment.
    pub environment: Vec<String>,
}

impl Marks {
    /// Signals every process found; how many there are.
    pub fn signal(&self, signal: Signal) -> usize {
        let found = self.find();
        for pid in &found {
            // It may have ended since.
            let _ = kill(*pid, signal);
        }
        found.len()
    }
}

#[cfg(target_os = "linux")]
impl Marks {
    /// Every living process that is meant; not this one.
    pub fn find(&self) -> Vec<Pid> {
        let mut rest = proc::all();
        let mut found: Vec<i32> = Vec::new();
        // Descendants of what is found are found as well, until there are no more.
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
    /// Only the group can be found here, by the system itself: see `group`.
    pub fn find(&self) -> Vec<Pid> {
        Vec::new()
    }
}

#[cfg(target_os = "linux")]
mod proc {
    use std::fs;
    use std::io::Read;

    /// The most that is read of an environment; marks stand within it.
    const MAX_ENVIRONMENT: u64 = 1 << 20;

    /// A living process.
    #[derive(Debug)]
    pub struct Process {
        pub pid: i32,
        pub parent: i32,
        pub group: i32,
    }

    /// All of them, but for those that only wait to be reaped.
    pub fn all() -> Vec<Process> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(look_at).collect()
    }

    fn look_at(pid: i32) -> Option<Process> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let stat = String::from_utf8_lossy(&stat);
        // The name before it is in brackets, and may have brackets and blanks itself.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Process { pid, parent, group })
    }

    /// Whether a process was started with all of these in its environment. Others' are not shown.
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
