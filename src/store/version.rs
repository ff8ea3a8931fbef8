//! The version of the database's schema, compared with the migrations of this executable.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::prelude::QueryableByName;
use diesel::sql_types::{Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tracing::{error, info, warn};

use super::migrate::known_versions;
use super::schema_fault::SchemaFault;
use super::statement::Prepared;
use super::{Store, StoreError};

/// How long a matching version is not compared again. A mismatch is compared before each statement: the migrations may have been
/// applied since.
const GOOD_FOR: Duration = Duration::from_secs(5);

type SchemaCheck = Result<(), SchemaFault>;

/// The result of the last comparison. Clones share it.
#[derive(Clone)]
pub(super) struct SchemaGuard {
    known: Arc<BTreeSet<String>>,
    last: Arc<Mutex<Option<(Instant, SchemaCheck)>>>,
}

/// Read first: a statement over a missing table, or one without privileges, would be an ERROR in the server's log at each probe.
const HAS_TABLE: &str = "
SELECT versions IS NOT NULL AS found, coalesce(has_table_privilege(versions, 'SELECT'), true) AS readable
FROM to_regclass('__diesel_schema_migrations') AS versions";
const APPLIED: &str = "SELECT version::text AS version FROM __diesel_schema_migrations";

#[derive(QueryableByName)]
struct SchemaRow {
    #[diesel(sql_type = Bool)]
    found: bool,
    #[diesel(sql_type = Bool)]
    readable: bool,
}

#[derive(QueryableByName)]
struct VersionRow {
    #[diesel(sql_type = Text)]
    version: String,
}

impl SchemaGuard {
    pub(super) fn new() -> Result<Self, StoreError> {
        let known = known_versions().map_err(|error| StoreError::Refused(error.to_string()))?;
        Ok(Self {
            known: Arc::new(known),
            last: Arc::default(),
        })
    }

    /// Compares the versions, and logs a result that differs from the last one.
    pub(super) async fn compare(
        &self,
        connection: &mut AsyncPgConnection,
    ) -> QueryResult<SchemaCheck> {
        let verdict = if let Some(applied) = applied(connection).await? {
            judge(&self.known, &applied)
        } else {
            // Migrations may belong to a role that grants no access to its table.
            if self.lock().is_none() {
                warn!(
                    event = "database.schema_unchecked",
                    "schema version not checked: SELECT on __diesel_schema_migrations is not granted"
                );
            }
            Ok(())
        };
        let before = self.lock().replace((Instant::now(), verdict));
        match (before.map(|(_, verdict)| verdict), verdict) {
            (before, Err(fault)) if before != Some(verdict) => {
                error!(event = "database.schema_mismatch", code = fault.code(), %fault, "schema version differs");
            }
            (Some(Err(_)), Ok(())) => {
                info!(event = "database.schema_matches", "schema version matches");
            }
            _ => {}
        }
        Ok(verdict)
    }

    /// Runs a statement, unless the schema is of another version.
    pub(super) async fn before<T>(
        &self,
        connection: &mut AsyncPgConnection,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> QueryResult<Result<T, SchemaFault>> {
        let verdict = if self.was_right_recently() {
            Ok(())
        } else {
            self.compare(connection).await?
        };
        match verdict {
            Ok(()) => statement(connection).await.map(Ok),
            Err(fault) => Ok(Err(fault)),
        }
    }

    fn was_right_recently(&self) -> bool {
        self.lock()
            .is_some_and(|(at, verdict)| verdict.is_ok() && at.elapsed() < GOOD_FOR)
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Instant, SchemaCheck)>> {
        // No code that holds the lock can panic.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The versions that the database has; `None` if this role may not read them.
async fn applied(connection: &mut AsyncPgConnection) -> QueryResult<Option<BTreeSet<String>>> {
    let table: SchemaRow = Prepared(diesel::sql_query(HAS_TABLE))
        .get_result(connection)
        .await?;
    if !table.found {
        return Ok(Some(BTreeSet::new()));
    }
    if !table.readable {
        return Ok(None);
    }
    let rows: Vec<VersionRow> = Prepared(diesel::sql_query(APPLIED))
        .load(connection)
        .await?;
    Ok(Some(rows.into_iter().map(|row| row.version).collect()))
}

fn judge(known: &BTreeSet<String>, applied: &BTreeSet<String>) -> SchemaCheck {
    let missing = known.difference(applied).count();
    let unknown = applied.difference(known).count();
    match (missing, unknown) {
        _ if applied.is_empty() => Err(SchemaFault::Missing),
        (0, 0) => Ok(()),
        (0, unknown) => Err(SchemaFault::TooNew { unknown }),
        (missing, _) => Err(SchemaFault::Outdated { missing }),
    }
}

impl Store {
    /// Compares the version of the schema with this executable.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let guard = self.pools.schema().clone();
        let compared = self
            .pools
            .run_control("compare schema", async |connection| {
                guard.compare(connection).await
            })
            .await?;
        compared.map_err(StoreError::Schema)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applied_migrations_are_compared_with_those_of_this_executable() {
        let set = |versions: &[&str]| versions.iter().map(ToString::to_string).collect();
        let known = set(&["1", "2"]);
        let cases: [(&[&str], SchemaCheck); 5] = [
            (&[], Err(SchemaFault::Missing)),
            (&["1"], Err(SchemaFault::Outdated { missing: 1 })),
            (&["1", "3"], Err(SchemaFault::Outdated { missing: 1 })),
            (&["1", "2"], Ok(())),
            (&["1", "2", "3"], Err(SchemaFault::TooNew { unknown: 1 })),
        ];
        for (applied, expected) in cases {
            assert_eq!(judge(&known, &set(applied)), expected, "{applied:?}");
        }
    }
}
