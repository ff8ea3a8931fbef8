//! Signals whose effect is waited for: the kernel delivers them to other threads a moment after `kill` returned.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::{self, eventually};

/// Pauses these processes and waits until no thread of theirs runs any more. Those that are gone are passed over.
pub async fn pause(processes: &[Pid]) {
    send_until(processes, Signal::SIGSTOP, "TZX").await;
}

/// Kills these processes and waits until every thread of theirs is dead. Those that are gone are passed over.
pub async fn kill_all(processes: &[Pid]) {
    send_until(processes, Signal::SIGKILL, "ZX").await;
}

/// Lets paused processes go on.
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

/// The state of each thread, a letter as `ps` shows it; none if the process is gone.
fn threads_of(process: Pid) -> Vec<char> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok())
        // It follows the name, which is in brackets and may hold any character.
        .filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next())
        .collect()
}
