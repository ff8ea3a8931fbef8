//! The command that installs PostgreSQL's server on this machine. `scripts/packages.sh` lists the same
//! packages.

use std::fs;

use nix::unistd::geteuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Apk,
    Pacman,
    Brew,
}

/// The executables that identify a package manager on the PATH, in search order.
const PROGRAMS: [(&str, Manager); 5] = [
    ("apt-get", Manager::Apt),
    ("dnf", Manager::Dnf),
    ("apk", Manager::Apk),
    ("pacman", Manager::Pacman),
    ("brew", Manager::Brew),
];

/// Systems by their `ID` or `ID_LIKE` in `/etc/os-release`.
const SYSTEMS: [(&str, Manager); 6] = [
    ("debian", Manager::Apt),
    ("ubuntu", Manager::Apt),
    ("fedora", Manager::Dnf),
    ("rhel", Manager::Dnf),
    ("alpine", Manager::Apk),
    ("arch", Manager::Pacman),
];

/// The install command for this machine and user, for the given major version if set; `None` if no package
/// manager is known, or it has no packages for single versions.
pub(super) fn install_command(major: Option<u32>) -> Option<String> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let manager = choose(&release, is_on_path)?;
    let prefix = prefix(manager, geteuid().is_root(), is_on_path);
    Some(format!(
        "{prefix}{} {}",
        manager.verb(),
        manager.package(major)?
    ))
}

/// The package manager of the system in `release` (`/etc/os-release`), else the first one on the PATH.
fn choose(release: &str, is_on_path: impl Fn(&str) -> bool) -> Option<Manager> {
    let own = release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|names| names.trim_matches('"').split_ascii_whitespace())
        .find_map(|name| {
            SYSTEMS
                .iter()
                .find(|(system, _)| *system == name)
                .map(|(_, manager)| *manager)
        });
    let there = |manager: Option<Manager>| {
        PROGRAMS.iter().find_map(|(program, of)| {
            (manager.is_none_or(|wanted| wanted == *of) && is_on_path(program)).then_some(*of)
        })
    };
    own.and_then(|own| there(Some(own))).or_else(|| there(None))
}

/// The prefix of a command that must run as root.
fn prefix(manager: Manager, is_root: bool, is_on_path: impl Fn(&str) -> bool) -> &'static str {
    if is_root || manager == Manager::Brew {
        ""
    } else if is_on_path("doas") && !is_on_path("sudo") {
        "doas "
    } else {
        "sudo "
    }
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

impl Manager {
    fn verb(self) -> &'static str {
        match self {
            Self::Apt => "apt-get install",
            Self::Dnf => "dnf install",
            Self::Apk => "apk add",
            Self::Pacman => "pacman -S",
            Self::Brew => "brew install",
        }
    }

    fn package(self, major: Option<u32>) -> Option<String> {
        let name = match (self, major) {
            (Self::Apt, Some(major)) => format!("postgresql-{major}"),
            (Self::Apk, Some(major)) => format!("postgresql{major}"),
            (Self::Brew, major) => format!("postgresql@{}", major.unwrap_or(17)),
            (Self::Dnf | Self::Pacman, Some(_)) => return None,
            (Self::Dnf, None) => "postgresql-server".to_owned(),
            (Self::Apt | Self::Apk | Self::Pacman, None) => "postgresql".to_owned(),
        };
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_own_manager_comes_before_others_on_the_path() {
        let fedora = "NAME=\"Fedora Linux\"\nID=fedora\n";
        let rocky = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
        let both = |program: &str| ["apt-get", "dnf"].contains(&program);
        assert_eq!(choose(fedora, both), Some(Manager::Dnf));
        assert_eq!(choose(rocky, both), Some(Manager::Dnf));
        assert_eq!(
            choose("ID=linuxmint\nID_LIKE=ubuntu", both),
            Some(Manager::Apt)
        );
        assert_eq!(
            choose("ID=arch", |program| program == "brew"),
            Some(Manager::Brew)
        );
        assert_eq!(choose("", |program| program == "apk"), Some(Manager::Apk));
        assert_eq!(choose("ID=debian", |_| false), None);
    }

    #[test]
    fn packages_have_the_names_that_each_system_gives_them() {
        for (manager, newest, fifteen) in [
            (Manager::Apt, "postgresql", Some("postgresql-15")),
            (Manager::Dnf, "postgresql-server", None),
            (Manager::Apk, "postgresql", Some("postgresql15")),
            (Manager::Pacman, "postgresql", None),
            (Manager::Brew, "postgresql@17", Some("postgresql@15")),
        ] {
            assert_eq!(manager.package(None).as_deref(), Some(newest));
            assert_eq!(manager.package(Some(15)).as_deref(), fifteen);
        }
    }

    #[test]
    fn only_root_and_brew_need_no_sudo() {
        let nothing = |_: &str| false;
        assert_eq!(prefix(Manager::Apt, true, nothing), "");
        assert_eq!(prefix(Manager::Apt, false, nothing), "sudo ");
        assert_eq!(
            prefix(Manager::Apk, false, |program| program == "doas"),
            "doas "
        );
        assert_eq!(prefix(Manager::Brew, false, nothing), "");
    }
}
