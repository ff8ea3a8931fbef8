//! The parts of PostgreSQL's address as settings of their own, whose values are not percent-encoded.

use clap::Args;
use tokio_postgres::Config;

use super::Checker;
use super::address_part::{hosts, port, present, stands_beside};
use super::secret_file::{Given, Secret, variable_or_file};

/// The variable of the password. It has no flag: a flag is visible in the process list.
pub const DATABASE_PASSWORD: &str = "DATABASE_PASSWORD";

/// The parts, each of which `DATABASE_URL` may lack.
#[derive(Debug, Clone, Default, Args)]
pub struct DatabasePartArgs {
    /// PostgreSQL's host instead of a URL: a name, an address, or the directory of a Unix socket; several are
    /// separated by commas. The values of this setting and the next ones are taken as they are: no character
    /// is escaped. The password is in the variable `DATABASE_PASSWORD`
    #[arg(long, env = "DATABASE_HOST", value_name = "HOST")]
    pub database_host: Option<String>,

    /// The port of these hosts; by default 5432
    #[arg(long, env = "DATABASE_PORT", value_name = "PORT")]
    pub database_port: Option<String>,

    /// The role
    #[arg(long, env = "DATABASE_USER", value_name = "USER")]
    pub database_user: Option<String>,

    /// A file with the role's password, if it is not in the variable `DATABASE_PASSWORD`
    #[arg(long, env = "DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<String>,

    /// The database; by default the one with the role's name
    #[arg(long, env = "DATABASE_NAME", value_name = "NAME")]
    pub database_name: Option<String>,
}

/// The parts that were given.
#[derive(Default)]
pub struct DatabaseParts {
    /// Hosts; empty if none was given.
    pub hosts: Vec<String>,
    /// The port of all hosts.
    pub port: Option<u16>,
    /// The role.
    pub user: Option<String>,
    /// The database.
    pub name: Option<String>,
    password: Option<Secret>,
}

impl DatabasePartArgs {
    /// Validates the settings, and reads the password.
    pub fn check(&self, checker: &mut Checker) -> DatabaseParts {
        let file = Given {
            setting: "DATABASE_PASSWORD_FILE",
            value: self.database_password_file.as_deref(),
        };
        DatabaseParts {
            hosts: hosts(checker, "DATABASE_HOST", self.database_host.as_deref()),
            port: port(checker, "DATABASE_PORT", self.database_port.as_deref()),
            user: present(self.database_user.as_deref()).map(str::to_owned),
            name: present(self.database_name.as_deref()).map(str::to_owned),
            password: variable_or_file(checker, DATABASE_PASSWORD, &file),
        }
    }
}

impl DatabaseParts {
    /// Whether no part was given.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
            && self.port.is_none()
            && self.user.is_none()
            && self.name.is_none()
            && self.password.is_none()
    }

    /// Adds the parts to what a URL says. Refuses those that the URL has, too.
    pub fn complete(&self, checker: &mut Checker, url_setting: &str, config: &mut Config) {
        let mut add = |setting: &str, part: &str, is_named: bool| {
            checker.require(!is_named, setting, stands_beside(part, url_setting));
            !is_named
        };
        let names_host = !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty();
        if !self.hosts.is_empty() && add("DATABASE_HOST", "host", names_host) {
            for host in &self.hosts {
                config.host(host);
            }
        }
        if let Some(port) = self.port
            && add("DATABASE_PORT", "port", !config.get_ports().is_empty())
        {
            config.port(port);
        }
        if let Some(user) = &self.user
            && add("DATABASE_USER", "user", config.get_user().is_some())
        {
            config.user(user);
        }
        if let Some(password) = &self.password
            && add(
                &password.setting,
                "password",
                config.get_password().is_some(),
            )
        {
            config.password(&password.value);
        }
        if let Some(name) = &self.name
            && add(
                "DATABASE_NAME",
                "name of the database",
                config.get_dbname().is_some(),
            )
        {
            config.dbname(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(url: &str, parts: &DatabaseParts) -> Result<Config, String> {
        let mut config: Config = url.parse().unwrap();
        let mut checker = Checker::default();
        parts.complete(&mut checker, "DATABASE_URL", &mut config);
        checker.finish(config).map_err(|error| error.to_string())
    }

    fn all_parts() -> DatabaseParts {
        DatabaseParts {
            hosts: vec!["db".to_owned()],
            port: Some(5433),
            user: Some("us@er".to_owned()),
            name: Some("na/me".to_owned()),
            password: Some(Secret {
                setting: DATABASE_PASSWORD.to_owned(),
                value: "ses%40me".to_owned(),
            }),
        }
    }

    #[test]
    fn parts_are_taken_as_they_are() {
        let config = complete("postgresql://?application_name=x", &all_parts()).unwrap();
        assert_eq!(config.get_user(), Some("us@er"));
        assert_eq!(config.get_password(), Some("ses%40me".as_bytes()));
        assert_eq!(config.get_dbname(), Some("na/me"));
        assert_eq!(config.get_ports(), [5433]);
        assert_eq!(config.get_application_name(), Some("x"));
    }

    #[test]
    fn a_part_that_the_url_has_too_is_refused_and_not_shown() {
        let refused = complete("postgresql://u:open@h:1/d", &all_parts())
            .err()
            .unwrap();
        for part in ["HOST", "PORT", "USER", "PASSWORD", "NAME"] {
            let expected = format!("DATABASE_{part}: stands beside the ");
            assert!(refused.contains(&expected), "{refused}");
        }
        assert!(
            !refused.contains("ses%40me") && !refused.contains("open"),
            "{refused}"
        );
    }
}
