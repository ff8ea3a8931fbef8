//! The versions of a database beside those of this executable, and which versions would be reverted.

use anyhow::Context;
use diesel_async::AsyncPgConnection;

use super::applied_versions::AppliedVersions;
use super::connect::connect;
use super::known_versions::KnownVersions;
use super::migrations::{MIGRATIONS, Migration, MigrationSettings};
use super::schema_fault::{SchemaFault, SchemaSkew};

/// A version of the schema: of the database, of this executable, or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaVersion {
    /// Fourteen digits.
    pub version: String,
    /// The name of its migration, if this executable knows it.
    pub name: Option<&'static str>,
    /// Whether it is applied.
    pub state: VersionState,
    /// Whether this executable serves a database in this state of the version.
    pub may_serve: bool,
}

/// Where a version is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionState {
    /// In the database and in this executable.
    Applied,
    /// Only in this executable.
    Missing,
    /// Only in the database.
    Unknown,
}

/// The versions of a database beside those of this executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaStatus {
    /// All of them, the oldest first.
    pub versions: Vec<SchemaVersion>,
    /// Whether this executable serves the database.
    pub comparison: Result<SchemaSkew, SchemaFault>,
}

/// Compares a database with this executable. It waits for no migration, and changes nothing.
pub async fn schema_status(settings: MigrationSettings<'_>) -> anyhow::Result<SchemaStatus> {
    let mut connection = connect(settings.address, settings.connect_timeout)
        .await
        .context("the database cannot be reached")?;
    let applied = read(&mut connection.diesel).await?;
    let known = KnownVersions::of_this_executable();
    let mut versions: Vec<_> = MIGRATIONS
        .iter()
        .map(|migration| of_this_executable(migration, &applied))
        .collect();
    let unknown = applied
        .iter()
        .filter(|(version, _)| !known.contains(version));
    versions.extend(unknown.map(|(version, since)| SchemaVersion {
        version: version.to_owned(),
        name: None,
        state: VersionState::Unknown,
        may_serve: known.may_serve(since),
    }));
    versions.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(SchemaStatus {
        versions,
        comparison: known.compare(&applied),
    })
}

fn of_this_executable(migration: &Migration, applied: &AppliedVersions) -> SchemaVersion {
    let version = migration.version();
    let is_applied = applied.contains(&version);
    SchemaVersion {
        name: Some(migration.name),
        state: if is_applied {
            VersionState::Applied
        } else {
            VersionState::Missing
        },
        may_serve: is_applied || migration.is_deferrable(),
        version,
    }
}

/// Reads the versions of a database.
pub(super) async fn read(connection: &mut AsyncPgConnection) -> anyhow::Result<AppliedVersions> {
    AppliedVersions::read(connection)
        .await?
        .context("SELECT on __diesel_schema_migrations is not granted to this role")
}
