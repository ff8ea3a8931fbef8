//! `qtask migrate`: upgrades or downgrades the database schema.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::process;
use crate::config::database::DatabaseArgs;
use crate::config::logging::{LogArgs, LogSettings};
use crate::config::{Checker, InvalidSettings};
use crate::domain::backoff::Backoff;
use crate::store::{
    DatabaseSettings, Pools, QueuePolicy, Store, migrate_down, migrate_up, migration_status,
};
use crate::telemetry;

/// Bring the database's schema up to date
///
/// Waits for the database, and for another migration that runs at the same time.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 done, 1 the database cannot be reached or a migration failed, 2 settings that cannot be
used.

Examples:
  DATABASE_URL=postgresql://qtask:secret@localhost/qtask qtask migrate
  qtask migrate --database-url postgresql://qtask:secret@localhost/qtask status
  qtask migrate --database-url postgresql://qtask:secret@localhost/qtask down --steps 1")]
pub struct MigrateArgs {
    #[command(subcommand)]
    direction: Option<Direction>,

    /// How long to wait for the database
    #[arg(
        long,
        env = "QTASK_MIGRATE_WAIT",
        value_name = "TIME",
        default_value = "60s",
        global = true
    )]
    wait: String,

    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Direction {
    /// Apply every version that is missing (the default)
    Up,
    /// Take versions back, the newest first; what they hold is lost
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Show which versions the database has
    Status,
}

struct MigrateSettings {
    database: DatabaseSettings,
    wait: Duration,
    log: LogSettings,
}

impl MigrateArgs {
    fn check(&self) -> Result<MigrateSettings, InvalidSettings> {
        let mut checker = Checker::default();
        let settings = MigrateSettings {
            database: self.database.check(&mut checker),
            wait: checker.duration(
                "QTASK_MIGRATE_WAIT",
                &self.wait,
                Duration::ZERO..=Duration::from_hours(1),
            ),
            log: self.log.check(&mut checker),
        };
        checker.finish(settings)
    }
}

pub fn main(args: &MigrateArgs) -> ExitCode {
    let direction = args.direction.unwrap_or(Direction::Up);
    process::run(args.check(), |settings, stop| async move {
        process::start_log(settings.log);
        wait_for_database(&settings.database, settings.wait, &stop).await?;
        stop.run_until_cancelled(migrate(direction, &settings.database))
            .await
            .unwrap_or(Ok(()))
    })
}

async fn migrate(direction: Direction, database: &DatabaseSettings) -> anyhow::Result<()> {
    let DatabaseSettings { url, timeout, .. } = database;
    match direction {
        Direction::Up => {
            let applied = migrate_up(url, *timeout).await?;
            for name in applied {
                telemetry::print(&format!("applied {name}"));
            }
            telemetry::print("the schema is up to date");
        }
        Direction::Down { steps } => {
            let reverted = migrate_down(url, *timeout, steps).await?;
            for name in &reverted {
                telemetry::print(&format!("reverted {name}"));
            }
            telemetry::print(&format!("{} of {steps} versions reverted", reverted.len()));
        }
        Direction::Status => {
            for version in migration_status(url, *timeout).await? {
                let state = if version.applied {
                    "applied"
                } else {
                    "missing"
                };
                telemetry::print(&format!("{state} {}", version.name));
            }
        }
    }
    Ok(())
}

async fn wait_for_database(
    settings: &DatabaseSettings,
    limit: Duration,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let store = Store::new(Pools::new(settings)?, QueuePolicy::default());
    let began = Instant::now();
    let mut failures = 0;
    while let Err(error) = store.ping().await {
        failures += 1;
        if began.elapsed() >= limit || stop.is_cancelled() {
            bail!("{error} (waited {:.0?})", began.elapsed());
        }
        info!(event = "migrate.waiting", %error, "migration is waiting for the database");
        let pause = Backoff::RECONNECT
            .delay(failures)
            .min(limit.saturating_sub(began.elapsed()));
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
    Ok(())
}
