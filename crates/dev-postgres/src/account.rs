//! The account that owns the cluster and runs its programs.
//!
//! PostgreSQL refuses to run as root, so root assigns the cluster to another account; other users run it
//! under their own.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::unistd::{User, geteuid};
use tokio::process::Command;

/// The environment variables that PostgreSQL's programs inherit. The others are removed: `PG*` variables
/// would redirect the programs, and secrets must not leak to them.
const KEPT_VARIABLES: [&str; 5] = ["PATH", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH"];

/// Accounts to which root may assign the cluster, in order of preference.
const ACCOUNTS: [&str; 2] = ["postgres", "nobody"];

/// The account that runs the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    uid: u32,
    /// The group to switch to together with the user; `None` if no switch is needed.
    switch_to_group: Option<u32>,
}

impl Account {
    /// Chooses the account of a cluster: the owner of `data` if that exists, else this process's user, or for
    /// root the first of [`ACCOUNTS`] that exists.
    ///
    /// # Errors
    /// When the cluster belongs to another user, or root finds no account to run it.
    pub(super) fn choose(data: &Path) -> anyhow::Result<Self> {
        let owner = match data.symlink_metadata() {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("reading {}", data.display())),
        };
        let me = geteuid();
        if !me.is_root() {
            let uid = me.as_raw();
            if let Some(other) = owner.filter(|owner| owner.uid() != uid) {
                bail!(
                    "{} belongs to {}, not to you",
                    data.display(),
                    user_name(other.uid())
                );
            }
            return Ok(Self {
                uid,
                switch_to_group: None,
            });
        }
        match owner {
            Some(owner) if owner.uid() == 0 => {
                bail!(
                    "{} belongs to root, who cannot run PostgreSQL",
                    data.display()
                )
            }
            Some(owner) => Ok(Self {
                uid: owner.uid(),
                switch_to_group: Some(owner.gid()),
            }),
            None => Self::for_root(),
        }
    }

    fn for_root() -> anyhow::Result<Self> {
        for name in ACCOUNTS {
            if let Some(user) = User::from_name(name).context("reading the user database")? {
                return Ok(Self {
                    uid: user.uid.as_raw(),
                    switch_to_group: Some(user.gid.as_raw()),
                });
            }
        }
        bail!(
            "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor `nobody`"
        )
    }

    /// The user id and group id to switch to, if this process runs as another user.
    pub(super) fn switch(self) -> Option<(u32, u32)> {
        self.switch_to_group.map(|group| (self.uid, group))
    }

    /// The user id of the cluster's owner.
    pub(super) fn uid(self) -> u32 {
        self.uid
    }

    /// Changes the owner of `path` to this account, without following symbolic links.
    pub(super) fn own(self, path: &Path) -> io::Result<()> {
        match self.switch() {
            Some((uid, gid)) => std::os::unix::fs::lchown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }

    /// A command run by this account with a clean environment; killed when its future is dropped.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = clean_command(program);
        if let Some((uid, gid)) = self.switch() {
            command.uid(uid).gid(gid);
        }
        command.kill_on_drop(true);
        command
    }

    /// Checks that this account can enter `directory`, by running `program --version` there.
    ///
    /// # Errors
    /// Names the directory on the path that the account cannot enter.
    pub(super) async fn check_reach(self, directory: &Path, program: &Path) -> anyhow::Result<()> {
        let mut probe = self.command(program);
        match probe.arg("--version").current_dir(directory).output().await {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let at = self
                    .barrier(directory)
                    .unwrap_or_else(|| directory.to_owned());
                bail!(
                    "{} is out of reach for user {}, who runs PostgreSQL, because of the permissions of {}; choose another data directory",
                    directory.display(),
                    user_name(self.uid),
                    at.display(),
                )
            }
            Err(error) => Err(error).with_context(|| format!("running {}", program.display())),
            Ok(_) => Ok(()),
        }
    }

    /// The first directory on the path to `directory` whose permissions deny this account.
    fn barrier(self, directory: &Path) -> Option<PathBuf> {
        let mut way: Vec<&Path> = directory.ancestors().collect();
        way.reverse();
        let shut = |path: &&Path| {
            path.metadata()
                .is_ok_and(|metadata| !self.may_enter(&metadata))
        };
        way.into_iter().find(shut).map(Path::to_owned)
    }

    fn may_enter(self, metadata: &Metadata) -> bool {
        let bit = if metadata.uid() == self.uid {
            0o100
        } else if self.switch_to_group == Some(metadata.gid()) {
            0o010
        } else {
            0o001
        };
        metadata.permissions().mode() & bit != 0
    }
}

/// A command that inherits only [`KEPT_VARIABLES`].
pub(super) fn clean_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in KEPT_VARIABLES {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    // initdb fails on an unknown locale, and macOS needs some LC_ALL to start at all.
    command.env("LC_ALL", "C");
    command
}

/// A user's name for messages, or the user id if it has none.
pub(super) fn user_name(uid: u32) -> String {
    match User::from_uid(uid.into()) {
        Ok(Some(user)) => user.name,
        _ => format!("number {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_hands_the_cluster_to_somebody_else() {
        let account = Account::choose(Path::new("/nonexistent/qtask")).unwrap();
        assert_ne!(account.uid(), 0);
        assert_eq!(account.switch().is_some(), geteuid().is_root());
    }

    #[test]
    fn a_directory_closed_to_others_is_the_barrier() {
        let stranger = Account {
            uid: 54_321,
            switch_to_group: Some(54_321),
        };
        let closed = tempdir();
        let inner = closed.join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
        assert_eq!(stranger.barrier(&inner), Some(closed.clone()));
        std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o711)).unwrap();
        assert_eq!(stranger.barrier(&inner), None);
        std::fs::remove_dir_all(closed).unwrap();
    }

    fn tempdir() -> PathBuf {
        let path = std::env::temp_dir().join(format!("qtask-account-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path.canonicalize().unwrap()
    }

    #[test]
    fn postgres_programs_do_not_see_our_secrets() {
        let command = clean_command("true");
        let names: Vec<_> = command
            .as_std()
            .get_envs()
            .map(|(name, _)| name.to_owned())
            .collect();
        assert!(
            names
                .iter()
                .all(|name| name == "LC_ALL" || KEPT_VARIABLES.iter().any(|kept| name == kept))
        );
    }
}
