//! Finds the executables of PostgreSQL and RabbitMQ.

use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User};

/// The directory with `initdb` and `postgres`: `QTASK_TEST_POSTGRES_BIN`, or the newest installed version.
pub fn postgres() -> PathBuf {
    let mut versions: Vec<PathBuf> = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr"]
        .iter()
        .flat_map(|base| children(Path::new(base)))
        .map(|version| version.join("bin"))
        .filter(|bin| bin.join("initdb").exists() && version_of(bin).is_some())
        .collect();
    versions.sort_by_key(|bin| version_of(bin));
    let installed = versions.into_iter().rev();
    first_with("QTASK_TEST_POSTGRES_BIN", "initdb", installed)
        .expect("no initdb found: install PostgreSQL's server (Debian: apt-get install postgresql), or use scripts/test")
}

/// The directory with `rabbitmq-server` and `rabbitmqctl`: `QTASK_TEST_RABBITMQ_BIN`, or a usual location.
///
/// Not Debian's `/usr/sbin`: those wrappers require the system's node and user.
pub fn rabbitmq() -> PathBuf {
    let usual = [
        "/usr/lib/rabbitmq/bin",
        "/opt/rabbitmq/sbin",
        "/opt/homebrew/opt/rabbitmq/sbin",
    ];
    first_with("QTASK_TEST_RABBITMQ_BIN", "rabbitmq-server", usual.iter().map(PathBuf::from))
        .expect("no rabbitmq-server found: install it (Debian: apt-get install rabbitmq-server), or use scripts/test")
}

/// The user that runs PostgreSQL if the tests run as root, as which PostgreSQL refuses to run.
pub fn unprivileged_user() -> Option<(Uid, Gid)> {
    if !Uid::effective().is_root() {
        return None;
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten())
        .map(|user| (user.uid, user.gid))
}

fn first_with(
    variable: &str,
    program: &str,
    usual: impl Iterator<Item = PathBuf>,
) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = std::env::split_paths(&path)
        .filter(|directory| directory != Path::new("/usr/sbin"))
        .collect();
    std::env::var_os(variable)
        .map(PathBuf::from)
        .into_iter()
        .chain(usual)
        .chain(on_path)
        .find(|directory| directory.join(program).exists())
}

fn children(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

/// The major version in a path such as `/usr/lib/postgresql/15/bin` or `/usr/pgsql-15/bin`.
fn version_of(bin: &Path) -> Option<u32> {
    let name = bin.parent()?.file_name()?.to_str()?;
    name.rsplit(['-', '@']).next()?.parse().ok()
}
