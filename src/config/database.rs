//! Settings of the connection to PostgreSQL.

use std::time::Duration;

use clap::Args;
use tokio_postgres::Config;

use super::address_part::present;
use super::database_parts::{DatabasePartArgs, DatabaseParts};
use super::secret_file::{Given, value_or_file};
use super::{Checker, database_url};
use crate::store::{
    DatabaseAddress, DatabaseSettings, MAX_WRITE_CONNECTIONS, SessionKind, TlsPolicy,
};

/// Settings of the database.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseArgs {
    /// PostgreSQL, as `postgresql://user:password@host:5432/name`; `postgresql+asyncpg://` and other
    /// drivers of SQLAlchemy mean the same. TLS is set by `?sslmode=verify-full&sslrootcert=FILE` and other
    /// parameters of libpq
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// A file with this URL, so that its password stands neither in the process list nor in the environment
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<String>,

    #[command(flatten)]
    parts: DatabasePartArgs,

    /// The most that one statement may take, from the wait for a connection to its last row
    #[arg(
        long,
        env = "DATABASE_TIMEOUT",
        value_name = "TIME",
        default_value = "5s"
    )]
    pub database_timeout: String,

    /// The most connections for reads; by default 8, and 1 for a worker. Writes have up to 4 of their own (2 for a worker),
    /// heartbeats and sweeps 2, notifications 1
    #[arg(long, env = "DATABASE_POOL_SIZE", value_name = "N")]
    pub database_pool_size: Option<String>,

    /// How long a connection may be unused before it is closed
    #[arg(
        long,
        env = "DATABASE_IDLE_TIMEOUT",
        value_name = "TIME",
        default_value = "30s"
    )]
    pub database_idle_timeout: String,
}

/// What a process does with the database, which decides how many connections it may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseUse {
    /// It answers requests.
    Api,
    /// It runs tasks, or migrations.
    Worker,
}

impl DatabaseUse {
    const fn default_pool_size(self) -> usize {
        match self {
            Self::Api => 8,
            Self::Worker => 1,
        }
    }

    /// A worker drained a queue of 6,000 tasks no faster with more of them.
    const fn write_connections(self) -> usize {
        match self {
            Self::Api => MAX_WRITE_CONNECTIONS,
            Self::Worker => 2,
        }
    }
}

impl DatabaseArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker, usage: DatabaseUse) -> DatabaseSettings {
        let least = Duration::from_millis(100);
        DatabaseSettings {
            address: self.check_address(checker),
            pool_size: present(self.database_pool_size.as_deref())
                .map_or(usage.default_pool_size(), |text| {
                    checker.number("DATABASE_POOL_SIZE", text, 1..=1_000)
                }),
            write_connections: usage.write_connections(),
            idle_timeout: checker.duration(
                "DATABASE_IDLE_TIMEOUT",
                &self.database_idle_timeout,
                Duration::from_secs(1)..=Duration::from_hours(1),
            ),
            timeout: checker.duration(
                "DATABASE_TIMEOUT",
                &self.database_timeout,
                least..=Duration::from_mins(5),
            ),
        }
    }

    fn check_address(&self, checker: &mut Checker) -> DatabaseAddress {
        let (given, file) = (
            Given {
                setting: "DATABASE_URL",
                value: self.database_url.as_deref(),
            },
            Given {
                setting: "DATABASE_URL_FILE",
                value: self.database_url_file.as_deref(),
            },
        );
        let mut parts = self.parts.check(checker);
        if !given.is_present() && !file.is_present() {
            return of_parts(checker, &parts);
        }
        let setting = if given.is_present() {
            given.setting
        } else {
            file.setting
        };
        let Some(url) = value_or_file(checker, &given, &file) else {
            return DatabaseAddress::default();
        };
        let with_port = parts
            .port
            .and_then(|port| database_url::with_port(&url, port));
        if with_port.is_some() {
            parts.port = None;
        }
        let url = with_port.unwrap_or(url);
        let address = database_url::parse(&url, |config| {
            parts.complete(checker, setting, config);
            let names_host = !config.get_hosts().is_empty() || !config.get_hostaddrs().is_empty();
            checker.require(names_host, setting, "names no host; DATABASE_HOST would");
        });
        address.unwrap_or_else(|problem| {
            checker.refuse("DATABASE_URL", problem);
            DatabaseAddress::default()
        })
    }
}

/// The address that the parts alone make.
fn of_parts(checker: &mut Checker, parts: &DatabaseParts) -> DatabaseAddress {
    if parts.is_empty() {
        checker.refuse(
            "DATABASE_URL",
            "is missing: postgresql://user:password@host:5432/name, or its parts as DATABASE_HOST, DATABASE_USER, \
             DATABASE_PASSWORD and DATABASE_NAME",
        );
        return DatabaseAddress::default();
    }
    let missing = "is missing: without DATABASE_URL, DATABASE_HOST and DATABASE_USER are needed";
    checker.require(!parts.hosts.is_empty(), "DATABASE_HOST", missing);
    checker.require(parts.user.is_some(), "DATABASE_USER", missing);
    let mut config = Config::new();
    parts.complete(checker, "DATABASE_URL", &mut config);
    DatabaseAddress::new(config, TlsPolicy::default(), SessionKind::default()).unwrap_or_else(
        |problem| {
            checker.refuse("DATABASE_HOST", problem);
            DatabaseAddress::default()
        },
    )
}
