//! Applies and reverts migrations.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use diesel::prelude::QueryableByName;
use diesel::sql_types::Bool;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use tracing::info;

use super::StoreError;
use super::applied_versions::AppliedVersions;
use super::connect::{StatementConnection, connect};
use super::error::Failure;
use super::migrations::{MIGRATIONS, Migration, MigrationSettings, statements};
use super::reversion::Reversion;
use super::schema_status::read;
use crate::domain::backoff::Backoff;

/// A migration may rewrite a large table: it has no time limit.
const SET_UP: &str =
    "SET statement_timeout = 0; SET enable_seqscan = on; SET enable_bitmapscan = on";
/// The table of the diesel command line tool.
const CREATE_VERSIONS: &str = "
CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
    version VARCHAR(50) PRIMARY KEY NOT NULL,
    run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
)";
// Any number that no other application on the server uses: the first eight digits of the golden ratio. Never waited for within a
// statement: its snapshot would delay CREATE INDEX CONCURRENTLY of the holder, which would never end.
const TRY_LOCK: &str = "SELECT pg_try_advisory_lock(16180339) AS is_locked";
const TRY_LOCK_AGAIN_AFTER: Duration = Duration::from_millis(200);

/// The longest wait for one lock on a table. All later statements on the table queue behind the waiting one.
const LOCK_TIMEOUT: Duration = Duration::from_millis(500);
/// Pauses between attempts to lock, so that the service works in between.
const LOCK_AGAIN: Backoff = Backoff {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(5),
};

/// Applies all missing migrations, and calls `applied` with the name of each. Waits for a concurrent run.
pub async fn migrate_up(
    settings: MigrationSettings<'_>,
    mut applied: impl FnMut(&str),
) -> anyhow::Result<()> {
    let mut session = MigrationSession::begin(settings).await?;
    session.run(CREATE_VERSIONS).await?;
    let versions = session.applied().await?;
    for migration in MIGRATIONS {
        if !versions.contains(&migration.version()) {
            session.apply(migration).await?;
            applied(migration.name);
        }
    }
    Ok(())
}

/// Reverts versions, and calls `reverted` with the name of each. Fails if the newest versions of the database are others by now.
pub async fn migrate_down(
    settings: MigrationSettings<'_>,
    plan: &Reversion,
    mut reverted: impl FnMut(&str),
) -> anyhow::Result<()> {
    let mut session = MigrationSession::begin(settings).await?;
    if Reversion::of(&session.applied().await?, plan.len())? != *plan {
        bail!("another migration has changed the schema meanwhile: nothing was reverted");
    }
    for migration in &plan.0 {
        session.revert(migration).await?;
        reverted(migration.name);
    }
    Ok(())
}

/// A connection that holds the lock of migrations. The lock ends with the connection, also if this process is killed.
struct MigrationSession {
    connection: StatementConnection,
    lock_wait: Duration,
}

#[derive(QueryableByName)]
struct LockRow {
    #[diesel(sql_type = Bool)]
    is_locked: bool,
}

impl MigrationSession {
    async fn begin(settings: MigrationSettings<'_>) -> anyhow::Result<Self> {
        let connection = connect(settings.address, settings.connect_timeout)
            .await
            .context("the database cannot be reached")?;
        let mut session = Self {
            connection,
            lock_wait: settings.lock_wait,
        };
        session.run(SET_UP).await?;
        session.lock().await?;
        Ok(session)
    }

    async fn lock(&mut self) -> anyhow::Result<()> {
        let mut is_logged = false;
        loop {
            let row: LockRow = diesel::sql_query(TRY_LOCK)
                .get_result(&mut self.connection.diesel)
                .await
                .context("the migration lock cannot be taken")?;
            if row.is_locked {
                return Ok(());
            }
            if !is_logged {
                info!(
                    event = "migrate.other_running",
                    "another migration is running: this one waits until it has ended"
                );
                is_logged = true;
            }
            tokio::time::sleep(TRY_LOCK_AGAIN_AFTER).await;
        }
    }

    async fn applied(&mut self) -> anyhow::Result<AppliedVersions> {
        read(&mut self.connection.diesel).await
    }

    async fn apply(&mut self, migration: &Migration) -> anyhow::Result<()> {
        let version = migration.version();
        let record =
            format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')");
        let applying = self.change(migration, migration.up, &record).await;
        applying.with_context(|| format!("{} cannot be applied", migration.name))
    }

    async fn revert(&mut self, migration: &Migration) -> anyhow::Result<()> {
        let version = migration.version();
        let record = format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'");
        let reverting = self.change(migration, migration.down, &record).await;
        reverting.with_context(|| format!("{} cannot be reverted", migration.name))
    }

    /// Runs the statements of a migration, then the one that records it.
    async fn change(
        &mut self,
        migration: &Migration,
        sql: &str,
        record: &str,
    ) -> anyhow::Result<()> {
        if migration.is_transactional {
            let lock_timeout = LOCK_TIMEOUT.as_millis();
            let transaction = format!(
                "BEGIN; SET LOCAL lock_timeout = {lock_timeout};\n{sql}\n;{record}; COMMIT"
            );
            return self.run_once_locked(migration.name, &transaction).await;
        }
        // Statements with CONCURRENTLY wait for old transactions, and no other statement waits for them: no lock_timeout.
        for statement in statements(sql).chain([record]) {
            self.run(statement).await?;
        }
        Ok(())
    }

    /// Repeats a transaction as long as others keep it from locking its tables.
    async fn run_once_locked(&mut self, name: &str, transaction: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut failures = 0;
        loop {
            let error = match self.run(transaction).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !matches!(error, StoreError::SerializationConflict(_)) {
                bail!(error);
            }
            self.run("ROLLBACK").await?;
            let waited = began.elapsed();
            if waited >= self.lock_wait {
                bail!(
                    "other transactions have locked its tables for {waited:.0?}: end them, or wait longer with --lock-wait ({error})"
                );
            }
            failures += 1;
            info!(
                event = "migrate.lock_contended", migration = name, %error,
                "migration cannot lock its tables: it tries again"
            );
            tokio::time::sleep(LOCK_AGAIN.delay(failures)).await;
        }
    }

    async fn run(&mut self, sql: &str) -> Result<(), StoreError> {
        self.connection.last_error.take();
        let ran = self.connection.diesel.batch_execute(sql).await;
        ran.map_err(|error| {
            let server = self.connection.last_error.take();
            let is_denied = server.as_ref().is_some_and(|error| error.code == DENIED);
            let error = StoreError::from(Failure {
                error,
                server,
                timed_out: false,
            });
            match error {
                StoreError::Refused(message) if is_denied => {
                    StoreError::Refused(format!("{message}; {DENIED_REMEDY}"))
                }
                error => error,
            }
        })
    }
}

/// `insufficient_privilege`.
const DENIED: &str = "42501";
const DENIED_REMEDY: &str =
    "run it as the role that owns the database, or grant this role CREATE and USAGE on its schema";

#[cfg(test)]
mod tests {
    use diesel::sql_types::{BigInt, Integer};

    use super::*;
    use crate::store::address::{DatabaseAddress, SessionKind, TlsPolicy};

    const CONCURRENT: Migration = Migration {
        name: "2099-01-01-000000_index",
        up: "DROP INDEX CONCURRENTLY IF EXISTS numbers_by_value;\n\
             CREATE INDEX CONCURRENTLY numbers_by_value ON numbers (value);\n",
        down: "",
        is_transactional: false,
    };

    #[derive(QueryableByName)]
    struct CountRow {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }

    #[derive(QueryableByName)]
    struct PidRow {
        #[diesel(sql_type = Integer)]
        pid: i32,
    }

    /// A database of its own on the server of the tests.
    async fn create_database(name: &str) -> (StatementConnection, DatabaseAddress) {
        let standard = "postgres://postgres:postgres@127.0.0.1:5432/postgres".to_owned();
        let server = std::env::var("DATABASE_URL").unwrap_or(standard);
        let mut admin = open(&address(&server)).await;
        let create = format!("CREATE DATABASE {name}");
        admin.diesel.batch_execute(&create).await.unwrap();
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(name);
        (admin, address(url.as_str()))
    }

    fn address(url: &str) -> DatabaseAddress {
        let config = url.parse().unwrap();
        DatabaseAddress::new(config, TlsPolicy::default(), SessionKind::Any).unwrap()
    }

    async fn open(address: &DatabaseAddress) -> StatementConnection {
        let limit = Duration::from_secs(10);
        connect(address, limit).await.unwrap()
    }

    async fn count(connection: &mut StatementConnection, query: &str) -> i64 {
        let row: CountRow = diesel::sql_query(query)
            .get_result(&mut connection.diesel)
            .await
            .unwrap();
        row.count
    }

    #[tokio::test]
    async fn an_index_whose_building_was_interrupted_is_dropped_and_built_again() {
        let name = format!("qtask_test_{}", uuid::Uuid::now_v7().simple());
        let (mut admin, address) = create_database(&name).await;
        let settings = MigrationSettings {
            address: &address,
            connect_timeout: Duration::from_secs(10),
            lock_wait: Duration::ZERO,
        };
        let mut holder = open(&address).await;
        let begin = "CREATE TABLE numbers (value integer); BEGIN; INSERT INTO numbers VALUES (1)";
        let mut first = MigrationSession::begin(settings).await.unwrap();
        first.run(CREATE_VERSIONS).await.unwrap();
        for statement in begin.split("; ") {
            holder.diesel.batch_execute(statement).await.unwrap();
        }
        let first_pid: PidRow = diesel::sql_query("SELECT pg_backend_pid() AS pid")
            .get_result(&mut first.connection.diesel)
            .await
            .unwrap();
        let building = async { first.apply(&CONCURRENT).await.unwrap_err() };
        let invalid = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('numbers_by_value') AND NOT indisvalid";
        let interrupting = async {
            while count(&mut holder, invalid).await == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let end = format!("SELECT pg_terminate_backend({})", first_pid.pid);
            admin.diesel.batch_execute(&end).await.unwrap();
        };
        tokio::join!(building, interrupting);
        assert_eq!(count(&mut holder, invalid).await, 1);
        holder.diesel.batch_execute("COMMIT").await.unwrap();

        let mut second = MigrationSession::begin(settings).await.unwrap();
        second.apply(&CONCURRENT).await.unwrap();
        assert!(second.applied().await.unwrap().contains("20990101000000"));
        let valid = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('numbers_by_value') AND indisvalid";
        assert_eq!(count(&mut holder, valid).await, 1);
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        admin.diesel.batch_execute(&drop).await.unwrap();
    }
}
