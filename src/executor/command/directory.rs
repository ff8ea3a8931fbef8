//! The working directory of one attempt: new, private, and removed afterwards.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tracing::warn;

use crate::domain::owner::Lease;

/// How often creation is tried if the parent folder is being removed at the same time.
const TRIES: usize = 3;

/// The folder of all working directories of the worker process with this mark.
pub fn folder(mark: &str) -> PathBuf {
    std::env::temp_dir().join(format!("qtask-{mark}"))
}

/// Tries to create a directory where those of attempts will be.
///
/// # Errors
/// When it cannot be created: the file system is read-only, or full.
pub fn try_create() -> io::Result<()> {
    let probe = folder(&format!("probe-{}", uuid::Uuid::now_v7()));
    fs::create_dir(&probe)?;
    fs::remove_dir(&probe)
}

/// A directory that is removed on drop.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Creates it in this folder, with a subfolder for temporary files.
    pub fn create(folder: &Path, lease: &Lease) -> io::Result<Self> {
        let path = folder.join(format!("{}-{}", lease.task_id, lease.attempt));
        let mut made = Err(io::ErrorKind::NotFound.into());
        for _ in 0..TRIES {
            made = make(folder, &path);
            if !matches!(&made, Err(error) if error.kind() == io::ErrorKind::NotFound) {
                break;
            }
        }
        made?;
        let directory = Self { path };
        fs::DirBuilder::new()
            .mode(0o700)
            .create(directory.temporary())?;
        Ok(directory)
    }

    /// The path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the folder for temporary files.
    pub fn temporary(&self) -> PathBuf {
        self.path.join("tmp")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        remove(&self.path);
        // Succeeds only for the last directory: the folder is not empty before.
        if let Some(folder) = self.path.parent() {
            let _ = fs::remove_dir(folder);
        }
    }
}

fn make(folder: &Path, path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.mode(0o700).recursive(true).create(folder)?;
    builder.recursive(false).create(path)
}

/// Removes a folder and its content.
pub fn remove(path: &Path) {
    let removed = fs::remove_dir_all(path).or_else(|_| {
        // Programs leave folders without write permission behind.
        unlock(path);
        fs::remove_dir_all(path)
    });
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(
                event = "command.directory_left", path = %path.display(), %error,
                "working directory could not be removed"
            );
        }
        _ => {}
    }
}

/// Makes a folder and all folders in it writable; does not follow links.
fn unlock(path: &Path) {
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::owner::Session;

    #[test]
    fn a_directory_goes_with_all_that_is_in_it() {
        let lease = Lease {
            task_id: Uuid::now_v7(),
            attempt: 1,
            session: Session::begin("w"),
        };
        let folder = folder(&Uuid::now_v7().to_string());
        let directory = Directory::create(&folder, &lease).unwrap();
        let path = directory.path().to_owned();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        let inner = path.join("read-only");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("file"), "x").unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o500)).unwrap();
        drop(directory);
        assert!(!path.exists() && !folder.exists());
    }
}
