//! A cgroup with a memory limit, as a container has one.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::control_group;

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
        let (program, arguments) = (command.get_program(), command.get_args());
        let mut entering = control_group::enter(&self.0, program, arguments);
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
        control_group::remove(&self.0);
    }
}
