//! Prevents two processes from using one data directory.
//!
//! Two locks with different semantics. The owner's lock means that another qtask is running and will
//! continue: fail at once. The cluster's lock is inherited by every helper (initdb, the supervisor) as an
//! open file, so it outlives a killed owner until the helpers exit: wait. Both are `flock` locks, released
//! when the last process closes the file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::{Instant, sleep};

use super::layout::Layout;

/// Covers an owner that is exiting, or has not written its process id yet.
const OWNER_PATIENCE: Duration = Duration::from_secs(1);

/// Covers a supervisor that escalates to SIGKILL, see `supervisor`.
const HELPERS_PATIENCE: Duration = Duration::from_secs(20);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Both locks of a data directory, held until drop.
#[derive(Debug)]
pub(super) struct Locks {
    _owner: File,
    cluster: File,
}

impl Locks {
    /// Acquires both locks.
    ///
    /// # Errors
    /// When another process uses the directory (named by its process id), or helpers of one that
    /// died do not finish.
    pub(super) async fn take(layout: &Layout) -> anyhow::Result<Self> {
        let path = layout.owner_lock();
        let mut owner = open(&path)?;
        if !lock_within(&owner, &path, OWNER_PATIENCE).await? {
            let holder =
                read_pid(&mut owner).map_or_else(String::new, |pid| format!(" (pid {pid})"));
            bail!(
                "another `qtask dev`{holder} is using {}: stop it, or choose another data directory",
                layout.root().display(),
            );
        }
        write_pid(&mut owner).with_context(|| format!("writing {}", path.display()))?;

        let path = layout.cluster_lock();
        let cluster = open(&path)?;
        if !lock_within(&cluster, &path, HELPERS_PATIENCE).await? {
            bail!(
                "helpers of an earlier `qtask dev` still hold {}; `fuser` or `lsof` on it names them",
                path.display(),
            );
        }
        Ok(Self {
            _owner: owner,
            cluster,
        })
    }

    /// A duplicate of the cluster's lock, for a helper to inherit.
    pub(super) fn for_helper(&self) -> anyhow::Result<File> {
        self.cluster
            .try_clone()
            .context("handing on the lock of the cluster")
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    let options = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    options
        .open(path)
        .with_context(|| format!("opening {}", path.display()))
}

/// Whether the lock was acquired before `patience` elapsed.
async fn lock_within(file: &File, path: &Path, patience: Duration) -> anyhow::Result<bool> {
    let deadline = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(false),
            Err(TryLockError::WouldBlock) => sleep(POLL_INTERVAL).await,
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(20).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
