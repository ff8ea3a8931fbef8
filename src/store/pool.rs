//! Connection pools, and the time limit of statements.

use std::time::{Duration, Instant};

use deadpool::managed::{Object, Pool, QueueMode};
use diesel_async::AsyncPgConnection;
use tokio::runtime::Handle;
use tracing::{debug, warn};

use super::StoreError;
use super::address::DatabaseAddress;
use super::connect::StatementConnection;
use super::connect_gate::ConnectGate;
use super::connect_problem::ConnectProblem;
use super::connector::{Connector, close_idle, get};
use super::error::{Failure, is_of_a_pooler, may_be_the_schema};
use super::pool_usage::PoolUsage;
use super::refusal::ConnectFailure;
use super::version::SchemaGuard;
use crate::metrics;

/// A statement that takes longer is logged as a warning.
const SLOW: Duration = Duration::from_millis(100);

/// How long the comparison of the schema's version may take after an error that it may explain.
const COMPARISON: Duration = Duration::from_secs(1);

/// How to reach PostgreSQL, and for how long to wait for it.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// The servers.
    pub address: DatabaseAddress,
    /// The most connections for reads; writes, and heartbeats with sweeps, have a few of their own.
    pub pool_size: usize,
    /// The most connections for writes.
    pub write_connections: usize,
    /// A connection that was not used for so long is closed.
    pub idle_timeout: Duration,
    /// The time limit of one statement, from the wait for a connection to the last row.
    pub timeout: Duration,
}

/// Three pools over one database, so that none can starve another: writes; reads, whose number and duration depend on
/// clients; and heartbeats, sweeps and health checks.
#[derive(Clone)]
pub struct Pools {
    write: Pool<Connector>,
    read: Pool<Connector>,
    control: Pool<Connector>,
    schema: SchemaGuard,
    timeout: Duration,
    gate: ConnectGate,
}

/// One connection for each shared writer, and one for all other writes. More are never used.
pub const MAX_WRITE_CONNECTIONS: usize = 4;
/// One for the sweep, and one for heartbeats and health checks.
const CONTROL_CONNECTIONS: usize = 2;

impl Pools {
    /// Opens no connection. Connections run on the tokio runtime that calls this.
    pub fn new(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let gate = ConnectGate::default();
        let build = |name, size| {
            let connector = Connector {
                name,
                address: settings.address.clone(),
                timeout: settings.timeout,
                runtime: Handle::current(),
                gate: gate.clone(),
            };
            // The last one used is the next one used, so that those beyond the need become idle.
            let pool = Pool::builder(connector)
                .max_size(size)
                .queue_mode(QueueMode::Lifo)
                .build()
                .map_err(|error| StoreError::Refused(error.to_string()))?;
            tokio::spawn(close_idle(pool.weak(), settings.idle_timeout));
            Ok::<_, StoreError>(pool)
        };
        Ok(Self {
            write: build("write", settings.write_connections)?,
            read: build("read", settings.pool_size)?,
            control: build("control", CONTROL_CONNECTIONS)?,
            schema: SchemaGuard::new(),
            timeout: settings.timeout,
            gate,
        })
    }

    /// The present use of each pool.
    pub(super) fn usage(&self) -> [PoolUsage; 3] {
        [&self.write, &self.read, &self.control]
            .map(|pool| PoolUsage::new(pool.manager().name, pool.status()))
    }

    /// Why the last connection could not be opened, if that is known and not long ago.
    pub(super) fn connect_problem(&self) -> Option<ConnectProblem> {
        self.gate.problem()
    }

    /// The limit for one statement.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The last known version of the database's schema.
    pub(super) fn schema(&self) -> &SchemaGuard {
        &self.schema
    }

    /// Runs a statement that writes, within the time limit.
    pub async fn run<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_on(&self.write, self.timeout, name, statement)
            .await
    }

    /// The same for a read on behalf of a client.
    pub async fn run_read<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        let answer = self.run_on(&self.read, self.timeout, name, statement).await;
        answer.map_err(of_read)
    }

    /// Runs a statement that deletes or counts many rows, on a connection for reads: neither writes nor heartbeats wait for it.
    pub async fn run_background<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_on(&self.read, self.timeout, name, statement).await
    }

    /// The same for heartbeats, sweeps and health checks.
    pub async fn run_control<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_control_within(self.timeout, name, statement).await
    }

    /// The same for a statement that changes nothing.
    pub async fn run_control_read<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_control(name, statement).await.map_err(of_read)
    }

    /// The same with a time limit of its own.
    pub async fn run_control_within<T>(
        &self,
        limit: Duration,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_on(&self.control, limit, name, statement).await
    }

    /// Runs a statement that writes about `bytes` bytes.
    pub async fn run_sized<T>(
        &self,
        bytes: usize,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        let after = if bytes > MAX_KEPT_BUFFER {
            After::Close
        } else {
            After::Keep
        };
        self.run_and(after, &self.write, self.timeout, name, statement)
            .await
    }

    /// Runs a read of a large value on behalf of a client.
    pub async fn run_read_large<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        let answer = self
            .run_and(After::Close, &self.read, self.timeout, name, statement)
            .await;
        answer.map_err(of_read)
    }

    async fn run_on<T>(
        &self,
        pool: &Pool<Connector>,
        limit: Duration,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_and(After::Keep, pool, limit, name, statement)
            .await
    }

    async fn run_and<T>(
        &self,
        after: After,
        pool: &Pool<Connector>,
        limit: Duration,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.try_run(after, pool, limit, name, statement)
            .await
            .inspect_err(|error| metrics::statement_failed(error.kind()))
    }

    async fn try_run<T>(
        &self,
        after: After,
        pool: &Pool<Connector>,
        limit: Duration,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        let asked_at = Instant::now();
        let deadline = tokio::time::Instant::from_std(asked_at) + limit;
        let got = tokio::time::timeout_at(deadline, get(pool)).await;
        metrics::pool_waited(pool.manager().name, asked_at.elapsed());
        let connection = got.unwrap_or_else(|_| Err(self.no_connection(limit)))?;
        let mut borrowed = Borrowed(Some(connection));
        let connection = borrowed
            .0
            .as_deref_mut()
            .ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))?;
        connection.last_error.take();
        let began = Instant::now();
        let answer = tokio::time::timeout_at(deadline, statement(&mut connection.diesel)).await;
        let took = began.elapsed();
        log_duration(name, took);
        let answer = match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let failure = Failure {
                    error,
                    server: connection.last_error.take(),
                    timed_out: took >= self.timeout,
                };
                Err(self.explain(failure, connection).await)
            }
            Err(_) => Err(StoreError::OutcomeUnknown(format!(
                "{name}: no answer within {limit:?}"
            ))),
        };
        if after == After::Keep && !answer.as_ref().is_err_and(StoreError::is_transient) {
            borrowed.give_back();
        }
        answer
    }

    fn no_connection(&self, limit: Duration) -> StoreError {
        let reason = format!("no connection within {limit:?}");
        match self.gate.problem() {
            Some(ConnectProblem::TooManyConnections) => StoreError::TooManyConnections(reason),
            _ => StoreError::Unavailable(reason),
        }
    }

    /// Returns the error, or the fault of the schema that explains it.
    async fn explain(&self, failure: Failure, connection: &mut StatementConnection) -> StoreError {
        let may_be_the_schema = failure.server.as_ref().is_some_and(may_be_the_schema);
        let is_pooled = failure.server.as_ref().is_some_and(is_of_a_pooler);
        let error = failure.into();
        if is_pooled {
            let problem = ConnectProblem::TransactionPooler;
            let failure = ConnectFailure::of_problem(format!("{error}"), problem);
            let reason = failure.to_string();
            self.gate.note::<()>(&Err(failure));
            return StoreError::Unavailable(reason);
        }
        if !may_be_the_schema {
            return error;
        }
        let comparing = self.schema.compare(&mut connection.diesel);
        match tokio::time::timeout(COMPARISON, comparing).await {
            Ok(Ok(Err(fault))) => StoreError::Schema(fault),
            _ => error,
        }
    }
}

/// A connection keeps buffers as large as its largest message. One that sent more bytes than this is closed.
const MAX_KEPT_BUFFER: usize = 1 << 20;

/// What happens to a connection after its statement was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// It returns to the pool.
    Keep,
    /// It is closed, so that its buffers are freed.
    Close,
}

/// A read changes nothing: an unknown outcome means that it can be repeated.
fn of_read(error: StoreError) -> StoreError {
    match error {
        StoreError::OutcomeUnknown(reason) => StoreError::Unavailable(reason),
        other => other,
    }
}

/// A connection that is closed when dropped, unless it was given back. A caller that stops waiting would otherwise return a
/// connection to the pool that is still busy.
struct Borrowed(Option<Object<Connector>>);

impl Borrowed {
    fn give_back(mut self) {
        self.0 = None;
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

fn log_duration(statement: &'static str, took: Duration) {
    metrics::statement(statement, took);
    let elapsed_ms = took.as_secs_f64() * 1e3;
    if took > SLOW {
        warn!(
            event = "database.slow_statement",
            statement, elapsed_ms, "statement was slow"
        );
    } else {
        debug!(
            event = "database.statement",
            statement, elapsed_ms, "statement finished"
        );
    }
}
