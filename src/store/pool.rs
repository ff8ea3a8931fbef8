//! Connection pools, and the time limit of statements.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, RecycleError, RecycleResult};
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::PoolableConnection;
use tokio::runtime::Handle;
use tracing::{debug, warn};

use super::StoreError;
use super::address::DatabaseAddress;
use super::connect::{StatementConnection, connect};
use super::error::{Failure, may_be_the_schema};
use super::pool_usage::PoolUsage;
use super::refusal::{ConnectFailure, TlsProblem};
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
    last_tls_problem: LastTlsProblem,
}

/// One connection for each shared writer, and one for all other writes.
const WRITE_CONNECTIONS: usize = 4;
const CONTROL_CONNECTIONS: usize = 2;

impl Pools {
    /// Opens no connection. Connections run on the tokio runtime that calls this.
    pub fn new(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let last_tls_problem = LastTlsProblem::default();
        let build = |name, size| {
            let connector = Connector {
                name,
                address: settings.address.clone(),
                timeout: settings.timeout,
                runtime: Handle::current(),
                last_tls_problem: last_tls_problem.clone(),
            };
            Pool::builder(connector)
                .max_size(size)
                .build()
                .map_err(|error| StoreError::Refused(error.to_string()))
        };
        Ok(Self {
            write: build("write", WRITE_CONNECTIONS)?,
            read: build("read", settings.pool_size)?,
            control: build("control", CONTROL_CONNECTIONS)?,
            schema: SchemaGuard::new(),
            timeout: settings.timeout,
            last_tls_problem,
        })
    }

    /// The present use of each pool.
    pub(super) fn usage(&self) -> [PoolUsage; 3] {
        [&self.write, &self.read, &self.control]
            .map(|pool| PoolUsage::new(pool.manager().name, pool.status()))
    }

    /// What is wrong with TLS, if that was why the last connection could not be opened.
    pub(super) fn tls_problem(&self) -> Option<TlsProblem> {
        self.last_tls_problem.get()
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
        let got = tokio::time::timeout_at(deadline, pool.get()).await;
        metrics::pool_waited(pool.manager().name, asked_at.elapsed());
        let connection = got
            .map_err(|_| StoreError::Unavailable(format!("no connection within {limit:?}")))?
            .map_err(|error| StoreError::Unavailable(reason(&error)))?;
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

    /// Returns the error, or the fault of the schema that explains it.
    async fn explain(&self, failure: Failure, connection: &mut StatementConnection) -> StoreError {
        let may_be_the_schema = failure.server.as_ref().is_some_and(may_be_the_schema);
        let error = failure.into();
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

fn reason(error: &PoolError<ConnectFailure>) -> String {
    match error {
        PoolError::Backend(failure) => failure.to_string(),
        other => other.to_string(),
    }
}

/// Opens the connections of a pool.
struct Connector {
    /// The name of the pool.
    name: &'static str,
    address: DatabaseAddress,
    timeout: Duration,
    runtime: Handle,
    last_tls_problem: LastTlsProblem,
}

/// The outcome of the last attempt to open a connection, as far as it concerns TLS. Clones share it.
#[derive(Clone, Default)]
struct LastTlsProblem(Arc<Mutex<Option<TlsProblem>>>);

impl LastTlsProblem {
    fn get(&self) -> Option<TlsProblem> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, problem: Option<TlsProblem>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

impl Manager for Connector {
    type Type = StatementConnection;
    type Error = ConnectFailure;

    async fn create(&self) -> Result<StatementConnection, ConnectFailure> {
        // An actix worker has a runtime of its own; a connection must not depend on that thread having time for it.
        let (address, timeout) = (self.address.clone(), self.timeout);
        let connecting = self
            .runtime
            .spawn(async move { connect(&address, timeout).await });
        let connected = connecting
            .await
            .map_err(|error| ConnectFailure::new(error.to_string()))?;
        let problem = connected.as_ref().err().and_then(|failure| failure.tls);
        self.last_tls_problem.set(problem);
        connected
    }

    /// Refuses a closed connection. It sends nothing: a query would double every round trip.
    async fn recycle(
        &self,
        connection: &mut StatementConnection,
        _: &Metrics,
    ) -> RecycleResult<ConnectFailure> {
        if connection.diesel.is_broken() {
            return Err(RecycleError::message("the connection is closed"));
        }
        Ok(())
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
