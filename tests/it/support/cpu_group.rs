//! A cgroup with a quota of CPU time, as a container has one.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::control_group;

/// A group of processes that have this much CPU time; removed on drop, after its processes have ended.
#[derive(Debug)]
pub struct CpuGroup(PathBuf);

impl CpuGroup {
    /// A group with the time of so many percent of a core; `None` if this machine permits none (only root may create groups).
    pub fn with_percent(percent: u32) -> Option<Self> {
        let name = format!("qtask-test-{:016x}", rand::random::<u64>());
        let quota = percent * 1_000;
        let kinds = [
            ("/sys/fs/cgroup", "cpu.max", format!("{quota} 100000")),
            ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", quota.to_string()),
        ];
        kinds.into_iter().find_map(|(mount, file, text)| {
            let path = Path::new(mount).join(&name);
            std::fs::create_dir(&path).ok()?;
            let group = Self(path);
            let quota = group.0.join(file);
            // Elsewhere than in a file system of cgroups, a new directory is empty.
            (quota.exists() && std::fs::write(quota, text).is_ok()).then_some(group)
        })
    }

    /// The command, begun by a shell that enters the group first.
    pub fn enter(&self, program: &Path, arguments: &[&str]) -> Command {
        control_group::enter(&self.0, program, arguments)
    }
}

impl Drop for CpuGroup {
    fn drop(&mut self) {
        control_group::remove(&self.0);
    }
}
