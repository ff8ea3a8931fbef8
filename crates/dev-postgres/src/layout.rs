//! The paths in the data directory, and their permissions.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::unistd::geteuid;

use super::account::user_name;

/// Size of the log excerpt in an error message, in bytes.
const LOG_TAIL_BYTES: u64 = 2_000;

/// The paths below the data directory.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Creates the data directory if needed, and checks its owner and permissions.
    ///
    /// # Errors
    /// When it cannot be created, belongs to another user, or is world-writable.
    pub(super) fn prepare(directory: &Path) -> anyhow::Result<Self> {
        let name = directory.display();
        fs::create_dir_all(directory.parent().unwrap_or(directory))
            .and_then(|()| create_private_dir(directory))
            .with_context(|| format!("creating the data directory {name}"))?;
        let root = directory
            .canonicalize()
            .with_context(|| format!("finding {name}"))?;
        let metadata = root.metadata().with_context(|| format!("reading {name}"))?;
        if !metadata.is_dir() {
            bail!("the data directory {name} is not a directory");
        }
        let me = geteuid();
        if metadata.uid() != me.as_raw() {
            // Root must not write where another user can create symbolic links.
            let owner = user_name(metadata.uid());
            bail!(
                "the data directory {name} belongs to {owner}: run as {owner}, or choose another directory"
            );
        }
        let mode = metadata.permissions().mode();
        if mode & 0o002 != 0 {
            bail!(
                "everybody may write to the data directory {name}: choose one that is yours alone"
            );
        }
        let layout = Self { root };
        if me.is_root() && layout.is_ours_or_empty() {
            // The cluster's account must be able to traverse the directory; its contents stay inaccessible to
            // others.
            fs::set_permissions(
                &layout.root,
                PermissionsExt::from_mode((mode & 0o7777) | 0o001),
            )
            .with_context(|| format!("opening the data directory {name} for PostgreSQL"))?;
        }
        Ok(layout)
    }

    /// The permissions of a directory with other contents are not changed.
    fn is_ours_or_empty(&self) -> bool {
        let empty = fs::read_dir(&self.root).is_ok_and(|mut entries| entries.next().is_none());
        empty || self.owner_lock().exists()
    }

    /// The data directory itself, with symbolic links resolved.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The cluster.
    pub(super) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// A cluster that initdb has not completed.
    pub(super) fn unfinished_data(&self) -> PathBuf {
        self.root.join("data.new")
    }

    /// Locked by the process that uses the directory; contains its process id.
    pub(super) fn owner_lock(&self) -> PathBuf {
        self.root.join("owner.lock")
    }

    /// Locked while a helper may still access the cluster.
    pub(super) fn cluster_lock(&self) -> PathBuf {
        self.root.join("cluster.lock")
    }

    /// The server's log of the current run.
    pub(super) fn log(&self) -> PathBuf {
        self.root.join("postgres.log")
    }

    /// Opens the log and truncates it.
    pub(super) fn open_log(&self) -> anyhow::Result<File> {
        let path = self.log();
        let context = || format!("opening {}", path.display());
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path);
        let file = file.with_context(context)?;
        file.set_len(0).with_context(context)?;
        Ok(file)
    }

    /// The end of the log, for an error message.
    pub(super) fn log_tail(&self) -> String {
        let path = self.log();
        let tail = read_tail(&path).unwrap_or_else(|error| format!("(unreadable: {error})"));
        format!("the end of {}:\n{tail}", path.display())
    }
}

fn read_tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

/// Creates a directory that only its owner may enter; an existing one is not changed.
pub(super) fn create_private_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// The default data directory of `qtask dev`: `/var/lib/qtask` for root, `$XDG_DATA_HOME/qtask` or
/// `~/.local/share/qtask` for other users.
pub fn default_data_dir() -> PathBuf {
    let me = geteuid();
    if me.is_root() {
        // Not below root's home, which the account that runs PostgreSQL cannot enter.
        return PathBuf::from("/var/lib/qtask");
    }
    if let Some(data) = absolute_variable("XDG_DATA_HOME") {
        return data.join("qtask");
    }
    let home = absolute_variable("HOME").or_else(|| {
        nix::unistd::User::from_uid(me)
            .ok()
            .flatten()
            .map(|user| user.dir)
    });
    match home {
        Some(home) => home.join(".local/share/qtask"),
        None => std::env::temp_dir().join(format!("qtask-{me}")),
    }
}

/// An environment variable that contains an absolute path; the XDG specification says to ignore others.
pub(super) fn absolute_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_everybody_may_write_to_is_refused() {
        let path = std::env::temp_dir().join(format!("qtask-layout-open-{}", std::process::id()));
        create_private_dir(&path).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
        let message = Layout::prepare(&path).unwrap_err().to_string();
        fs::remove_dir_all(&path).unwrap();
        assert!(message.contains("everybody may write"), "{message}");
    }

    #[test]
    fn a_directory_with_other_things_keeps_its_permissions() {
        let path = std::env::temp_dir().join(format!("qtask-layout-used-{}", std::process::id()));
        create_private_dir(&path).unwrap();
        fs::write(path.join("precious"), "x").unwrap();
        Layout::prepare(&path).unwrap();
        let mode = path.metadata().unwrap().permissions().mode();
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_file_is_no_data_directory() {
        let path = std::env::temp_dir().join(format!("qtask-layout-file-{}", std::process::id()));
        fs::write(&path, "x").unwrap();
        let message = Layout::prepare(&path).unwrap_err().to_string();
        fs::remove_file(&path).unwrap();
        assert!(message.contains("not a directory"), "{message}");
    }

    #[test]
    fn only_the_end_of_a_long_log_is_shown() {
        let path = std::env::temp_dir().join(format!("qtask-layout-log-{}", std::process::id()));
        fs::write(&path, format!("{}END", "x".repeat(10_000))).unwrap();
        let tail = read_tail(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(tail.len(), 2_000);
        assert!(tail.ends_with("END"));
    }
}
