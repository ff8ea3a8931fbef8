//! The version of the database's schema, compared with the migrations of this executable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use tracing::{error, info, warn};

use super::applied_versions::AppliedVersions;
use super::known_versions::KnownVersions;
use super::schema_fault::{SchemaFault, SchemaSkew};
use super::{Store, StoreError};

/// How long a version that may be served is not compared again. A mismatch is compared before each statement: the migrations may
/// have been applied since.
const GOOD_FOR: Duration = Duration::from_secs(5);

type SchemaCheck = Result<SchemaSkew, SchemaFault>;

/// The result of the last comparison. Clones share it.
#[derive(Clone)]
pub(super) struct SchemaGuard {
    known: Arc<KnownVersions>,
    last: Arc<Mutex<Option<(Instant, SchemaCheck)>>>,
}

impl SchemaGuard {
    pub(super) fn new() -> Self {
        Self {
            known: Arc::new(KnownVersions::of_this_executable()),
            last: Arc::default(),
        }
    }

    /// Compares the versions, and logs a result that differs from the last one.
    pub(super) async fn compare(
        &self,
        connection: &mut AsyncPgConnection,
    ) -> QueryResult<SchemaCheck> {
        let verdict = if let Some(applied) = AppliedVersions::read(connection).await? {
            self.known.compare(&applied)
        } else {
            // Migrations may belong to a role that grants no access to its table.
            if self.lock().is_none() {
                warn!(
                    event = "database.schema_unchecked",
                    "schema version not checked: SELECT on __diesel_schema_migrations is not granted"
                );
            }
            Ok(SchemaSkew::default())
        };
        let before = self.lock().replace((Instant::now(), verdict));
        log_change(before.map(|(_, verdict)| verdict), verdict);
        Ok(verdict)
    }

    /// Runs a statement, unless the schema is of another version.
    pub(super) async fn before<T>(
        &self,
        connection: &mut AsyncPgConnection,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> QueryResult<T>,
    ) -> QueryResult<Result<T, SchemaFault>> {
        let verdict = if self.was_right_recently() {
            Ok(SchemaSkew::default())
        } else {
            self.compare(connection).await?
        };
        match verdict {
            Ok(_) => statement(connection).await.map(Ok),
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

fn log_change(before: Option<SchemaCheck>, verdict: SchemaCheck) {
    if before == Some(verdict) {
        return;
    }
    match verdict {
        Err(fault) => {
            error!(event = "database.schema_mismatch", code = fault.code(), %fault, "schema version differs");
        }
        Ok(skew) if !skew.is_none() => {
            info!(
                event = "database.schema_skew", ahead = skew.ahead, behind = skew.behind, %skew,
                "schema version differs: this qtask may serve it"
            );
        }
        Ok(_) if before.is_some() => {
            info!(event = "database.schema_matches", "schema version matches");
        }
        Ok(_) => {}
    }
}

impl Store {
    /// Compares the version of the schema with this executable.
    pub async fn check_schema(&self) -> Result<SchemaSkew, StoreError> {
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
