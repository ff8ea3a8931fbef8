//! What the control groups of tests have in common: a process enters one, and it is removed.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// The command without an environment, begun by a shell that enters the group first.
pub(super) fn enter(
    group: &Path,
    program: impl AsRef<OsStr>,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut entering = Command::new("sh");
    entering
        .args(["-c", r#"echo $$ >"$0" && exec "$@""#])
        .arg(group.join("cgroup.procs"))
        .arg(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    entering
}

/// Removes the group, for two seconds at most: a killed process may still be in it.
pub(super) fn remove(group: &Path) {
    for _ in 0..100 {
        match std::fs::remove_dir(group) {
            Err(error) if error.kind() == ErrorKind::ResourceBusy => {
                std::thread::sleep(Duration::from_millis(20));
            }
            _ => return,
        }
    }
}
