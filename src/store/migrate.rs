//! The schema's versions, embedded in the executable.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, anyhow};
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::pool::connect;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// A statement of a migration may rewrite a large table.
const STATEMENT_LIMIT: &str = "SET statement_timeout = 0; SET enable_seqscan = on";
// Any number does, as long as nothing else on the server uses it: the first eight digits of the
// golden ratio.
const LOCK: &str = "SELECT pg_advisory_lock(16180339)";

/// One version of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its folder's name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

/// Brings the schema to the newest version; the names of what was applied. Waits for another
/// migration that runs at the same time.
pub async fn migrate_up(url: &str, connect_timeout: Duration) -> anyhow::Result<Vec<String>> {
    let mut harness = lock(url, connect_timeout).await?;
    let applied = harness
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| anyhow!("{error}"))?;
    applied.iter().map(|version| name_of(version)).collect()
}

/// Takes the newest `steps` versions back; the names of what was reverted.
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

/// Every version that this executable knows, oldest first.
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

/// The versions that this executable has.
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

/// The lock is the session's, so that it ends with the connection however this process ends.
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
