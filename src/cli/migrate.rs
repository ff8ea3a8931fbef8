//! `qtask migrate`: upgrades or downgrades the database schema.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::process;
use crate::config::database::{DatabaseArgs, DatabaseUse};
use crate::config::logging::{LogArgs, LogSettings};
use crate::config::{Checker, InvalidSettings};
use crate::domain::backoff::Backoff;
use crate::store::{
    ConnectProblem, DatabaseSettings, MigrationSettings, Pools, QueuePolicy, Reversion,
    SchemaVersion, Store, VersionState, migrate_down, migrate_up, schema_status,
};
use crate::telemetry;

/// Bring the database's schema up to date
///
/// Waits for the database, and for another migration that runs at the same time. A refused password, role or
/// database, and a host that does not exist, end it at once.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 done, 1 the database cannot be reached, a migration failed, or `status --check` found
something to do, 2 a setting is wrong.

Examples:
  DATABASE_URL=postgresql://qtask:secret@localhost/qtask qtask migrate
  qtask migrate --database-url-file /run/secrets/database_url status --check
  qtask migrate --database-url-file /run/secrets/database_url down --steps 1")]
pub struct MigrateArgs {
    #[command(subcommand)]
    action: Option<MigrateAction>,

    /// How long to wait for the database
    #[arg(
        long,
        env = "QTASK_MIGRATE_WAIT",
        value_name = "TIME",
        default_value = "60s",
        global = true
    )]
    wait: String,

    /// How long to repeat a migration while other transactions lock its tables
    ///
    /// Each attempt waits for half a second, so that the service waits no longer behind it.
    #[arg(
        long,
        env = "QTASK_MIGRATE_LOCK_WAIT",
        value_name = "TIME",
        default_value = "10m",
        global = true
    )]
    lock_wait: String,

    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum MigrateAction {
    /// Apply every version that is missing (the default)
    Up,
    /// Revert versions, the newest first, and lose the data that only they have
    ///
    /// Shows which data are lost, and asks on a terminal. Elsewhere it reverts nothing without --yes.
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
        /// Revert without asking
        #[arg(long)]
        yes: bool,
    },
    /// Show which versions the database has
    ///
    /// One line for each version: `applied`, `missing`, or `unknown` if only the database has it.
    Status {
        /// Exit with 1 if a version is missing, or unknown and not to be served by this qtask
        #[arg(long)]
        check: bool,
        /// Print one JSON document for each version
        #[arg(long)]
        json: bool,
    },
}

struct MigrateSettings {
    database: DatabaseSettings,
    wait: Duration,
    lock_wait: Duration,
    log: LogSettings,
}

impl MigrateArgs {
    fn check(&self) -> Result<MigrateSettings, InvalidSettings> {
        let mut checker = Checker::default();
        let settings = MigrateSettings {
            database: self.database.check(&mut checker, DatabaseUse::Worker),
            wait: checker.duration(
                "QTASK_MIGRATE_WAIT",
                &self.wait,
                Duration::ZERO..=Duration::from_hours(1),
            ),
            lock_wait: checker.duration(
                "QTASK_MIGRATE_LOCK_WAIT",
                &self.lock_wait,
                Duration::ZERO..=Duration::from_hours(24),
            ),
            log: self.log.check(&mut checker),
        };
        checker.finish(settings)
    }
}

pub fn main(args: &MigrateArgs) -> ExitCode {
    let action = args.action.unwrap_or(MigrateAction::Up);
    process::run(args.check(), |settings, stop| async move {
        process::start_log(settings.log);
        wait_for_database(&settings.database, settings.wait, &stop).await?;
        let migration = MigrationSettings {
            address: &settings.database.address,
            connect_timeout: settings.database.timeout,
            lock_wait: settings.lock_wait,
        };
        let running = async {
            match action {
                MigrateAction::Up => up(migration).await,
                MigrateAction::Down { steps, yes } => down(migration, steps, yes).await,
                MigrateAction::Status { check, json } => status(migration, check, json).await,
            }
        };
        let ended = Box::pin(stop.run_until_cancelled(running)).await;
        ended.unwrap_or(Ok(()))
    })
}

async fn up(migration: MigrationSettings<'_>) -> anyhow::Result<()> {
    let applied = |name: &str| telemetry::print(&format!("applied {name}"));
    migrate_up(migration, applied).await?;
    telemetry::print("the schema is up to date");
    Ok(())
}

async fn down(migration: MigrationSettings<'_>, steps: u32, yes: bool) -> anyhow::Result<()> {
    let plan = Reversion::plan(migration, usize::try_from(steps)?).await?;
    for (name, loss) in plan.losses() {
        telemetry::say(&format!("reverting {name} loses: {loss}"));
    }
    if !plan.is_empty() && !yes && !confirm(plan.len()).await? {
        bail!("nothing was reverted");
    }
    let reverted = |name: &str| telemetry::print(&format!("reverted {name}"));
    migrate_down(migration, &plan, reverted).await?;
    telemetry::print(&format!("{} of {steps} versions reverted", plan.len()));
    Ok(())
}

/// Asks on a terminal; fails without one.
async fn confirm(count: usize) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        bail!("nothing was reverted: confirm with --yes");
    }
    telemetry::say(&format!("Revert {count} version(s)? [y/N]"));
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    let answer = answer.await??;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

async fn status(
    migration: MigrationSettings<'_>,
    is_checked: bool,
    is_json: bool,
) -> anyhow::Result<()> {
    let status = schema_status(migration).await?;
    for version in &status.versions {
        telemetry::print(&if is_json {
            as_json(version)
        } else {
            let name = version.name.unwrap_or(&version.version);
            format!("{} {name}", word(version.state))
        });
    }
    if is_checked {
        let skew = status.comparison?;
        if skew.behind > 0 {
            bail!("{skew}");
        }
    }
    Ok(())
}

fn as_json(version: &SchemaVersion) -> String {
    let document = json!({
        "version": version.version,
        "name": version.name,
        "state": word(version.state),
        "may_serve": version.may_serve,
    });
    document.to_string()
}

const fn word(state: VersionState) -> &'static str {
    match state {
        VersionState::Applied => "applied",
        VersionState::Missing => "missing",
        VersionState::Unknown => "unknown",
    }
}

/// How long a name may be unknown to the resolver: a container's name may appear later than this process.
const UNKNOWN_HOST_WAIT: Duration = Duration::from_secs(2);

/// Waits until the database answers. Ends at once if it refuses the password, the role or the database: that lasts until a
/// setting is changed.
async fn wait_for_database(
    settings: &DatabaseSettings,
    limit: Duration,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let store = Store::new(Pools::new(settings)?, QueuePolicy::default());
    let began = Instant::now();
    let mut refused_since = None;
    let mut failures = 0;
    while let Err(error) = store.ping().await {
        failures += 1;
        let problem = store.connect_problem().filter(|it| it.is_lasting());
        let refused_for = problem.map(|_| refused_since.get_or_insert_with(Instant::now).elapsed());
        let patience = match problem {
            Some(ConnectProblem::UnknownHost) => UNKNOWN_HOST_WAIT,
            _ => Duration::ZERO,
        };
        if refused_for.is_some_and(|refused_for| refused_for >= patience) {
            bail!("{error}");
        }
        if problem.is_none() {
            refused_since = None;
        }
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
