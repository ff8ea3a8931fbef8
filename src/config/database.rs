//! Settings of the connection to PostgreSQL.

use std::time::Duration;

use clap::Args;

use super::secret_file::{Given, value_or_file};
use super::{Checker, database_url};
use crate::store::{DatabaseAddress, DatabaseSettings};

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

    /// The most that one statement may take, from the wait for a connection to its last row
    #[arg(
        long,
        env = "DATABASE_TIMEOUT",
        value_name = "TIME",
        default_value = "5s"
    )]
    pub database_timeout: String,

    /// The most connections for reads; writers and heartbeats have six more of their own
    #[arg(
        long,
        env = "DATABASE_POOL_SIZE",
        value_name = "N",
        default_value = "8"
    )]
    pub database_pool_size: String,
}

impl DatabaseArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker) -> DatabaseSettings {
        let least = Duration::from_millis(100);
        DatabaseSettings {
            address: self.check_address(checker),
            pool_size: checker.number("DATABASE_POOL_SIZE", &self.database_pool_size, 1..=1_000),
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
        let is_given = given.is_present() || file.is_present();
        checker.require(
            is_given,
            "DATABASE_URL",
            "is missing: postgresql://user:password@host:5432/name",
        );
        let Some(url) = value_or_file(checker, &given, &file) else {
            return DatabaseAddress::default();
        };
        database_url::parse(&url).unwrap_or_else(|problem| {
            checker.refuse("DATABASE_URL", problem);
            DatabaseAddress::default()
        })
    }
}
