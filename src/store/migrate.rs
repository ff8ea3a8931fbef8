//! The migrations, embedded in the executable.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, anyhow};
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connect::connect;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// A migration may rewrite a large table: it has no time limit.
const STATEMENT_LIMIT: &str = "SET statement_timeout = 0; SET enable_seqscan = on";
// Any number that no other application on the server uses: the first eight digits of the golden ratio.
const LOCK: &str = "SELECT pg_advisory_lock(16180339)";

/// A migration and its state in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// The name of its directory.
    pub name: String,
    /// Whether it is applied.
    pub applied: bool,
}

/// Applies all missing migrations, and returns their names. Waits for a concurrent run.
pub async fn migrate_up(url: &str, connect_timeout: Duration) -> anyhow::Result<Vec<String>> {
    let mut harness = lock(url, connect_timeout).await?;
    let applied = harness
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| anyhow!("{error}"))?;
    applied.iter().map(|version| name_of(version)).collect()
}

/// Reverts the newest `steps` migrations, and returns their names.
pub async fn migrate_down(
    url: &str,
    connect_timeout: Duration,
    steps: u32,
) -> anyhow::Result<Vec<String>> {
    let mut harness = lock(url, connect_timeout).await?;
    let mut reverted = Vec::new();
    for _ in 0..steps {
        if harness
            .applied_migrations()
            .map_err(|error| anyhow!("{error}"))?
            .is_empty()
        {
            break;
        }
        let version = harness
            .revert_last_migration(MIGRATIONS)
            .map_err(|error| anyhow!("{error}"))?;
        reverted.push(name_of(&version)?);
    }
    Ok(reverted)
}

/// Returns all migrations of this executable, oldest first.
pub async fn migration_status(
    url: &str,
    connect_timeout: Duration,
) -> anyhow::Result<Vec<MigrationStatus>> {
    let mut harness = lock(url, connect_timeout).await?;
    let applied = harness
        .applied_migrations()
        .map_err(|error| anyhow!("{error}"))?;
    let mut known: Vec<_> = known_migrations()?
        .iter()
        .map(|migration| MigrationStatus {
            name: migration.name().to_string(),
            applied: applied.contains(&migration.name().version()),
        })
        .collect();
    known.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(known)
}

/// The versions of the migrations of this executable.
pub(super) fn known_versions() -> anyhow::Result<BTreeSet<String>> {
    let known = known_migrations()?;
    let versions = known
        .iter()
        .map(|migration| migration.name().version().to_string());
    Ok(versions.collect())
}

fn known_migrations() -> anyhow::Result<Vec<Box<dyn Migration<Pg>>>> {
    MIGRATIONS.migrations().map_err(|error| anyhow!("{error}"))
}

fn name_of(version: &MigrationVersion<'_>) -> anyhow::Result<String> {
    let known = known_migrations()?;
    let named = known
        .iter()
        .find(|migration| migration.name().version() == *version);
    Ok(named.map_or_else(
        || version.to_string(),
        |migration| migration.name().to_string(),
    ))
}

/// Opens a connection that holds the migration lock. The lock ends with the connection, also if this process is killed.
async fn lock(
    url: &str,
    connect_timeout: Duration,
) -> anyhow::Result<AsyncMigrationHarness<AsyncPgConnection>> {
    let mut connection = connect(url, connect_timeout)
        .await
        .context("the database cannot be reached")?;
    connection.batch_execute(STATEMENT_LIMIT).await?;
    connection
        .batch_execute(LOCK)
        .await
        .context("the migration lock cannot be taken")?;
    Ok(AsyncMigrationHarness::new(connection))
}
