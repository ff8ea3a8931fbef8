//! Which versions of the schema are reverted, and what is lost with them.

use anyhow::Context;

use super::applied_versions::AppliedVersions;
use super::connect::connect;
use super::migrations::{MIGRATIONS, Migration, MigrationSettings};
use super::schema_status::read;

/// The newest versions of a database, the newest first, as they were when they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reversion(pub(super) Vec<&'static Migration>);

impl Reversion {
    /// Reads the newest `steps` versions of a database, or fewer if it has fewer. Fails if this executable does not know one.
    pub async fn plan(settings: MigrationSettings<'_>, steps: usize) -> anyhow::Result<Self> {
        let mut connection = connect(settings.address, settings.connect_timeout)
            .await
            .context("the database cannot be reached")?;
        Self::of(&read(&mut connection.diesel).await?, steps)
    }

    pub(super) fn of(applied: &AppliedVersions, steps: usize) -> anyhow::Result<Self> {
        let newest = applied.newest_first().take(steps);
        let migrations = newest.map(|version| {
            let known = MIGRATIONS.iter().find(|it| it.version() == version);
            known.with_context(|| {
                format!(
                    "version {version} of the database is unknown to this qtask: revert it with the newer qtask that applied it"
                )
            })
        });
        Ok(Self(migrations.collect::<anyhow::Result<_>>()?))
    }

    /// The number of versions.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no version would be reverted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of each version, and the data that are lost with it.
    pub fn losses(&self) -> impl Iterator<Item = (&'static str, String)> {
        let migrations = self.0.iter();
        migrations.map(|migration| (migration.name, migration.loses()))
    }
}
