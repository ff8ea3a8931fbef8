//! A cgroup with a memory limit, as a container has one.

use std::path::{Path, PathBuf};

use tokio::process::Command;

/// A group of processes whose memory is limited; removed on drop, after its processes have ended.
#[derive(Debug)]
pub struct MemoryGroup(PathBuf);

impl MemoryGroup {
    /// A group with this limit; `None` if this machine permits none (only root may create groups).
    pub fn with_limit(bytes: u64) -> Option<Self> {
        let name = format!("qtask-test-{:016x}", rand::random::<u64>());
        let kinds = [
            ("/sys/fs/cgroup", "memory.max"),
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        ];
        kinds.into_iter().find_map(|(mount, file)| {
            let path = Path::new(mount).join(&name);
            std::fs::create_dir(&path).ok()?;
            let group = Self(path);
            let limit = group.0.join(file);
            // Elsewhere than in a file system of cgroups, a new directory is empty.
            (limit.exists() && std::fs::write(limit, bytes.to_string()).is_ok()).then_some(group)
        })
    }

    /// The command, begun by a shell that enters the group first.
    pub(super) fn enter(&self, command: &std::process::Command) -> Command {
        let mut entering = Command::new("sh");
        entering
            .args(["-c", r#"echo $$ >"$0" && exec "$@""#])
            .arg(self.0.join("cgroup.procs"))
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear()
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                entering.env(name, value);
            }
        }
        entering
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // A killed process may still be in its group.
        for _ in 0..100 {
            match std::fs::remove_dir(&self.0) {
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                _ => return,
            }
        }
    }
}
