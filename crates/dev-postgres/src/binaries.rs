//! Finds the PostgreSQL server programs of this machine.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::account::Account;
use super::packages;

/// Installation directories: parent directory, prefix of the versioned directory, and the path below it.
const PLACES: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu, SUSE
    ("/usr", "pgsql-", "bin"),                  // PostgreSQL's own RPMs
    ("/usr/libexec", "postgresql", ""),         // Alpine
    ("/usr/local", "pgsql", "bin"),             // built from source
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),    // Homebrew on Intel
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"), // Postgres.app
];

/// The programs that a private cluster needs.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// One set of server programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installation {
    directory: PathBuf,
    /// The major version, such as 17.
    major: u32,
}

impl Installation {
    /// Returns the installation in `explicit`, or else the newest of this machine. `wanted`, the major
    /// version of an existing cluster, restricts the choice to that version.
    ///
    /// # Errors
    /// When no installation is found, or none of the wanted version; the message says what to install.
    pub(super) async fn find(
        explicit: Option<&Path>,
        wanted: Option<u32>,
        account: Account,
    ) -> anyhow::Result<Self> {
        if let Some(directory) = explicit {
            let found = Self::probe(directory, account).await?;
            return pick(vec![found], wanted);
        }
        let mut found = Vec::new();
        for directory in candidates() {
            match Self::probe(&directory, account).await {
                Ok(installation) => found.push(installation),
                Err(error) => {
                    tracing::debug!(
                        event = "postgres.programs_rejected", directory = %directory.display(), %error,
                        "PostgreSQL programs rejected"
                    );
                }
            }
        }
        pick(found, wanted)
    }

    /// The path of one of the programs.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The major version.
    pub(super) fn major(&self) -> u32 {
        self.major
    }

    async fn probe(directory: &Path, account: Account) -> anyhow::Result<Self> {
        if let Some(missing) = PROGRAMS.iter().find(|name| !directory.join(name).is_file()) {
            bail!("{} has no program {missing}", directory.display());
        }
        let directory = directory.canonicalize()?;
        let server = directory.join("postgres");
        let output = account
            .command(&server)
            .arg("--version")
            .current_dir("/")
            .output()
            .await;
        let output = output.with_context(|| format!("running {}", server.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let major = major_version(&text)
            .with_context(|| format!("{} --version answered {text:?}", server.display()))?;
        Ok(Self { directory, major })
    }
}

/// The major version in `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)`, `... 18beta1`.
fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn pick(found: Vec<Installation>, wanted: Option<u32>) -> anyhow::Result<Installation> {
    let Some(wanted) = wanted else {
        // Reversed: `max_by_key` returns the last of equal elements, and the first found is wanted.
        let newest = found
            .into_iter()
            .rev()
            .max_by_key(|installation| installation.major);
        return newest.with_context(|| not_found(None));
    };
    if found.is_empty() {
        bail!(not_found(Some(wanted)));
    }
    let have: Vec<String> = found.iter().map(|one| one.major.to_string()).collect();
    let matching = found
        .into_iter()
        .find(|installation| installation.major == wanted);
    matching.with_context(|| {
        format!(
            "the data directory was made by PostgreSQL {wanted}, but this machine has PostgreSQL {}. \
             Install version {wanted}{}\nor choose another data directory to start afresh (--data-dir)",
            have.join(", "),
            command(Some(wanted)),
        )
    })
}

fn not_found(wanted: Option<u32>) -> String {
    format!(
        "no PostgreSQL server programs (postgres, initdb, pg_ctl) found on this machine. Install them{}\n\
         or name their directory (--postgres-bin), or set DATABASE_URL and use `qtask serve`",
        command(wanted)
    )
}

/// The end of an error message: the installation command on a separate line.
fn command(wanted: Option<u32>) -> String {
    packages::install_command(wanted).map_or_else(
        || " with this system's package manager,".to_owned(),
        |command| format!(":\n\n    {command}\n"),
    )
}

/// Directories that contain a `postgres`: the known places, then PATH, without duplicates.
fn candidates() -> Vec<PathBuf> {
    let mut directories = Vec::new();
    for (folder, prefix, rest) in PLACES {
        directories.extend(versions_in(Path::new(folder), prefix).map(|path| path.join(rest)));
    }
    if let Some(path) = std::env::var_os("PATH") {
        directories.extend(std::env::split_paths(&path).filter(|path| path.is_absolute()));
    }
    let mut real: Vec<PathBuf> = Vec::new();
    for directory in directories {
        let Ok(directory) = directory.canonicalize() else {
            continue;
        };
        if directory.join("postgres").is_file() && !real.contains(&directory) {
            real.push(directory);
        }
    }
    real
}

fn versions_in(folder: &Path, prefix: &str) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(move |entry| {
            entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(prefix.as_bytes())
        })
        .map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(major: u32, directory: &str) -> Installation {
        Installation {
            directory: directory.into(),
            major,
        }
    }

    #[test]
    fn the_major_version_is_read_from_what_vendors_print() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_version("postgres (PostgreSQL) 9.6.24\n"), Some(9));
        assert_eq!(major_version("sh: not found"), None);
    }

    #[test]
    fn the_newest_wins_and_among_equals_the_first() {
        let found = vec![
            installation(9, "/a"),
            installation(17, "/b"),
            installation(17, "/c"),
        ];
        assert_eq!(pick(found, None).unwrap(), installation(17, "/b"));
    }

    #[test]
    fn an_existing_cluster_gets_its_own_version() {
        let found = vec![installation(17, "/b"), installation(15, "/a")];
        assert_eq!(
            pick(found.clone(), Some(15)).unwrap(),
            installation(15, "/a")
        );
        let message = pick(found, Some(14)).unwrap_err().to_string();
        assert!(
            message.contains("PostgreSQL 14") && message.contains("17, 15"),
            "{message}"
        );
    }

    #[test]
    fn a_machine_without_postgres_is_told_what_to_install() {
        let message = pick(Vec::new(), None).unwrap_err().to_string();
        assert!(
            message.contains("no PostgreSQL server programs"),
            "{message}"
        );
        assert!(message.contains("--postgres-bin"), "{message}");
        if let Some(command) = packages::install_command(None) {
            assert!(message.contains(&format!("\n    {command}\n")), "{message}");
        }
    }
}
