//! Signals, with a wait for their effect: the kernel delivers a signal to other threads after `kill` has returned.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::{self, eventually};

/// Pauses these processes and waits until none of their threads runs. Skips processes that have exited.
pub async fn pause(processes: &[Pid]) {
    send_until(processes, Signal::SIGSTOP, "TZX").await;
}

/// Kills these processes and waits until all of their threads have exited. Skips processes that have exited.
pub async fn kill_all(processes: &[Pid]) {
    send_until(processes, Signal::SIGKILL, "ZX").await;
}

/// Resumes paused processes.
pub fn resume(processes: &[Pid]) {
    for process in processes {
        let _ = kill(*process, Signal::SIGCONT);
    }
}

async fn send_until(processes: &[Pid], signal: Signal, states: &str) {
    for process in processes {
        let _ = kill(*process, signal);
    }
    let reached = |process: &Pid| {
        threads_of(*process)
            .iter()
            .all(|state| states.contains(*state))
    };
    let all = || std::future::ready(processes.iter().all(reached).then_some(()));
    eventually(wait::DEADLINE, "processes to obey a signal", all).await;
}

/// The state of each thread, a letter as in `ps`; empty if the process has exited.
fn threads_of(process: Pid) -> Vec<char> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok())
        // The state follows the name, which is in parentheses and may contain any character.
        .filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next())
        .collect()
}

/// The processes that this one has started.
pub fn children_of(parent: Pid) -> Vec<Pid> {
    let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    children
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok().map(Pid::from_raw))
        .collect()
}
