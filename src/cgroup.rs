//! The memory limit that a container or a service manager sets for this process, by cgroups of version 1 or 2.
//!
//! The files are those of <https://docs.kernel.org/admin-guide/cgroup-v2.html> (`memory.max`) and
//! <https://docs.kernel.org/admin-guide/cgroup-v1/memory.html> (`memory.limit_in_bytes`).

use std::fs;
use std::path::Path;

/// Version 1 has no word for "no limit", only the largest number of pages; no machine has an exbibyte.
const UNLIMITED: u64 = 1 << 60;

/// The lowest memory limit of this process's cgroup and the groups above it, in bytes; `None` without a limit, and on systems
/// without cgroups.
pub fn memory_limit_bytes() -> Option<u64> {
    limit_under(Path::new("/"))
}

fn limit_under(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let limits = groups.lines().filter_map(|line| {
        // `4:memory:/path` in version 1, `0::/path` in version 2.
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        if controllers.is_empty() {
            lowest(&root.join("sys/fs/cgroup"), path, "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            lowest(
                &root.join("sys/fs/cgroup/memory"),
                path,
                "memory.limit_in_bytes",
            )
        } else {
            None
        }
    });
    limits.min()
}

/// The lowest limit from the group at `path` up to the mounted group. In a container, `path` may be that of the host, and
/// then only the mounted group is found: the container's own.
fn lowest(mount: &Path, path: &str, file: &str) -> Option<u64> {
    let path = Path::new(path.trim_start_matches('/'));
    let limits = path.ancestors().filter_map(|group| {
        let text = fs::read_to_string(mount.join(group).join(file)).ok()?;
        // `max` is no number.
        let limit: u64 = text.trim().parse().ok()?;
        (limit < UNLIMITED).then_some(limit)
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file system with these files, and the limit that is found there.
    fn found(files: &[(&str, &str)]) -> Option<u64> {
        let root = std::env::temp_dir().join(format!("qtask-cgroup-{}", uuid::Uuid::now_v7()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let limit = limit_under(&root);
        let _ = fs::remove_dir_all(&root);
        limit
    }

    #[test]
    fn the_lowest_limit_from_the_group_upwards_counts() {
        let groups = ("proc/self/cgroup", "0::/a.slice/b.scope\n");
        let limits = [
            ("sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n"),
            ("sys/fs/cgroup/a.slice/memory.max", "536870912\n"),
        ];
        assert_eq!(found(&[groups, limits[0], limits[1]]), Some(512 << 20));
        assert_eq!(found(&[groups, limits[0]]), None);
    }

    #[test]
    fn a_container_has_its_own_group_at_the_mount() {
        let limit = ("sys/fs/cgroup/memory.max", "1073741824\n");
        assert_eq!(
            found(&[("proc/self/cgroup", "0::/\n"), limit]),
            Some(1 << 30)
        );
    }

    #[test]
    fn version_1_has_the_limit_in_another_file() {
        let groups = (
            "proc/self/cgroup",
            "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n",
        );
        let file = "sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(found(&[groups, (file, "268435456\n")]), Some(256 << 20));
        assert_eq!(found(&[groups, (file, "9223372036854771712\n")]), None);
    }

    #[test]
    fn a_system_without_cgroups_has_no_limit() {
        assert_eq!(found(&[("proc/self/status", "")]), None);
    }
}
