//! The directory of the Unix socket, and the URL of the server.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::unistd::geteuid;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use super::account::Account;
use super::layout::{absolute_variable, create_private_dir};

/// Maximum length of a Unix socket path in bytes, without the terminating zero: `sun_path` has 104 bytes on macOS,
/// 108 on Linux.
const MAX_SOCKET_PATH_BYTES: usize = 103;

/// The file name that PostgreSQL appends to the directory; the port is always 5432.
const SOCKET_NAME: &str = "/.s.PGSQL.5432";

/// Creates the socket's directory, accessible only to `account`: in the data directory if the path is short
/// enough, else in a system directory with a short path.
///
/// # Errors
/// When it cannot be created, or the path exists and is not a private directory of this user or `account`.
pub(super) fn prepare_directory(root: &Path, account: Account) -> anyhow::Result<PathBuf> {
    let path = choose(root);
    let context = || format!("creating the socket directory {}", path.display());
    create_private_dir(&path).with_context(context)?;
    let metadata = path.symlink_metadata().with_context(context)?;
    let owner = metadata.uid();
    let is_ours = owner == account.uid() || owner == geteuid().as_raw();
    let is_private = metadata.permissions().mode().trailing_zeros() >= 6;
    if !metadata.is_dir() || !is_ours || !is_private {
        bail!(
            "{} is in the way: it is not a directory of ours alone",
            path.display()
        );
    }
    account.own(&path).with_context(context)?;
    Ok(path)
}

fn choose(root: &Path) -> PathBuf {
    let inside = root.join("socket");
    if fits(&inside) {
        return inside;
    }
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    let name = format!("qtask-{:016x}", hasher.finish());
    // The account that runs PostgreSQL cannot enter root's runtime directory.
    let runtime = absolute_variable("XDG_RUNTIME_DIR").filter(|_| !geteuid().is_root());
    runtime
        .filter(|runtime| runtime.is_dir())
        .map(|runtime| runtime.join(&name))
        .filter(|path| fits(path))
        .unwrap_or_else(|| Path::new("/tmp").join(&name))
}

/// Whether a path is short enough, and has no comma, quote or space, which are syntax in
/// PostgreSQL's `unix_socket_directories`.
fn fits(directory: &Path) -> bool {
    let bytes = directory.as_os_str().as_encoded_bytes();
    bytes.len() + SOCKET_NAME.len() <= MAX_SOCKET_PATH_BYTES
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(byte))
}

/// Removes the directory and the socket files that a killed server left in it.
pub(super) fn remove_directory(path: &Path) {
    // Removes files by name, because other files there are not qtask's. Missing files are not an error.
    let _ = fs::remove_file(path.join(".s.PGSQL.5432"));
    let _ = fs::remove_file(path.join(".s.PGSQL.5432.lock"));
    let _ = fs::remove_dir(path);
}

/// Percent-encoded characters of the directory.
const OUTSIDE_A_HOST: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// The URL of the superuser's database, in the form of libpq and tokio-postgres: the percent-encoded
/// directory as host.
pub(super) fn url(directory: &Path) -> String {
    let host = percent_encode(directory.as_os_str().as_encoded_bytes(), OUTSIDE_A_HOST);
    format!("postgresql://postgres@{host}/postgres")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_carries_the_directory_as_its_host() {
        assert_eq!(
            url(Path::new("/a/b c")),
            "postgresql://postgres@%2Fa%2Fb%20c/postgres"
        );
    }

    #[test]
    fn a_long_or_odd_directory_moves_the_socket_elsewhere() {
        assert_eq!(
            choose(Path::new("/var/lib/qtask")),
            Path::new("/var/lib/qtask/socket")
        );
        for root in [
            format!("/{}", "x".repeat(90)),
            "/with,comma".to_owned(),
            "/with space".to_owned(),
        ] {
            let chosen = choose(Path::new(&root));
            assert!(fits(&chosen), "{}", chosen.display());
            assert!(!chosen.starts_with(&root));
        }
    }

    #[test]
    fn two_data_directories_never_share_a_socket() {
        let name = "x".repeat(90);
        assert_ne!(
            choose(Path::new(&format!("/a/{name}"))),
            choose(Path::new(&format!("/b/{name}")))
        );
    }

    #[test]
    fn what_somebody_else_put_in_the_way_is_refused() {
        let root = std::env::temp_dir().join(format!("qtask-socket-{}", std::process::id()));
        create_private_dir(&root).unwrap();
        let account = Account::choose(&root.join("data")).unwrap();
        std::os::unix::fs::symlink("/", root.join("socket")).unwrap();
        let message = prepare_directory(&root, account).unwrap_err().to_string();
        fs::remove_dir_all(&root).unwrap();
        assert!(message.contains("in the way"), "{message}");
    }
}
