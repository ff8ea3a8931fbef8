//! Connections: how they are made, shared, timed and given up.

use std::time::{Duration, Instant};

use diesel::ConnectionError;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tracing::{debug, warn};

use super::StoreError;
use super::error::is_doubtful;
use super::version::SchemaGuard;
use crate::metrics;

/// A statement that took longer is worth a line in the log.
const SLOW: Duration = Duration::from_millis(100);

/// How long a connection may take to show that it survived an error.
const LIFE_SIGN: Duration = Duration::from_secs(1);

/// How long a migration may stand still between two statements of a transaction. Nothing else has any.
const IDLE_IN_TRANSACTION: Duration = Duration::from_mins(1);

/// How to reach PostgreSQL, and for how long to wait for it.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// A `postgresql://` URL.
    pub url: String,
    /// The most connections that reads may use; writers and heartbeats have a few of their own.
    pub pool_size: usize,
    /// The most that one statement may take, from the wait for a connection to its last row.
    pub timeout: Duration,
}

/// Three pools over one database, so that none of these can starve another: writes; reads, whose
/// number and length clients decide; and heartbeats, sweeps and probes.
#[derive(Clone)]
pub struct Pools {
    write: Pool<AsyncPgConnection>,
    read: Pool<AsyncPgConnection>,
    control: Pool<AsyncPgConnection>,
    schema: SchemaGuard,
    timeout: Duration,
}

/// One for each shared writer, and one for statements that go alone.
const WRITE_CONNECTIONS: usize = 4;
const CONTROL_CONNECTIONS: usize = 2;

impl Pools {
    /// Opens no connection. Those made later are driven by the runtime that calls this, whoever
    /// asks for them.
    pub fn new(settings: &DatabaseSettings) -> Result<Self, StoreError> {
        let build = |size| {
            Pool::builder(manager(settings, Handle::current()))
                .max_size(size)
                .build()
                .map_err(|error| StoreError::Refused(error.to_string()))
        };
        Ok(Self {
            write: build(WRITE_CONNECTIONS)?,
            read: build(settings.pool_size)?,
            control: build(CONTROL_CONNECTIONS)?,
            schema: SchemaGuard::new()?,
            timeout: settings.timeout,
        })
    }

    /// The limit for one statement.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What is known of the schema.
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

    /// The same for one that reads on a client's behalf.
    pub async fn run_read<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        let answer = self.run_on(&self.read, self.timeout, name, statement).await;
        answer.map_err(of_read)
    }

    /// The same for heartbeats, sweeps and probes.
    pub async fn run_control<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_control_within(self.timeout, name, statement).await
    }

    /// The same within a limit of its own.
    pub async fn run_control_within<T>(
        &self,
        limit: Duration,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_on(&self.control, limit, name, statement).await
    }

    /// Runs a statement that writes about so many bytes.
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

    /// Runs a statement that reads something large on a client's behalf.
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
        pool: &Pool<AsyncPgConnection>,
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
        pool: &Pool<AsyncPgConnection>,
        limit: Duration,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        let deadline = tokio::time::Instant::now() + limit;
        let connection = tokio::time::timeout_at(deadline, pool.get())
            .await
            .map_err(|_| StoreError::Unavailable(format!("no connection within {limit:?}")))?
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let mut borrowed = Borrowed(Some(connection));
        let connection = borrowed
            .0
            .as_deref_mut()
            .ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))?;
        let began = Instant::now();
        let answer = tokio::time::timeout_at(deadline, statement(connection)).await;
        log_duration(name, began.elapsed());
        let answer = answer.map_err(|_| {
            StoreError::OutcomeUnknown(format!("{name}: no answer within {limit:?}"))
        })?;
        let answer = match answer {
            Err(error) if is_doubtful(&error) && !is_alive(connection).await => {
                Err(StoreError::OutcomeUnknown(error.to_string()))
            }
            Err(error) => Err(self.explain(error.into(), connection).await),
            Ok(value) => Ok(value),
        };
        if after == After::Keep && !answer.as_ref().is_err_and(StoreError::is_transient) {
            borrowed.give_back();
        }
        answer
    }

    /// The error, or the schema's fault where that is behind it.
    async fn explain(&self, error: StoreError, connection: &mut AsyncPgConnection) -> StoreError {
        if !error.may_be_the_schema() {
            return error;
        }
        let comparing = self.schema.compare(connection);
        match tokio::time::timeout(LIFE_SIGN, comparing).await {
            Ok(Ok(Err(fault))) => StoreError::Schema(fault),
            _ => error,
        }
    }
}

/// Whether the connection still answers after an error.
async fn is_alive(connection: &mut AsyncPgConnection) -> bool {
    let asking = connection.batch_execute("SELECT 1");
    matches!(tokio::time::timeout(LIFE_SIGN, asking).await, Ok(Ok(())))
}

/// A connection that has carried more than this keeps buffers of that size for as long as it lasts, in bytes.
const MAX_KEPT_BUFFER: usize = 1 << 20;

/// What becomes of a connection whose statement was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The next statement gets it.
    Keep,
    /// It is closed, so that its buffers are freed.
    Close,
}

/// A read changes nothing, whether it was carried out or not.
fn of_read(error: StoreError) -> StoreError {
    match error {
        StoreError::OutcomeUnknown(reason) => StoreError::Unavailable(reason),
        other => other,
    }
}

/// A connection that is closed unless its statement was answered. A caller that stops waiting, or is
/// itself dropped, would otherwise put a busy or hanging connection back for the next one.
struct Borrowed(Option<Object<AsyncPgConnection>>);

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
        warn!(statement, elapsed_ms, "slow statement");
    } else {
        debug!(statement, elapsed_ms, "statement");
    }
}

fn manager(
    settings: &DatabaseSettings,
    runtime: Handle,
) -> AsyncDieselConnectionManager<AsyncPgConnection> {
    let timeout = settings.timeout;
    let mut config = ManagerConfig::default();
    // A closed connection is not lent; to ask the others first would double every round trip.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| {
        let url = url.to_owned();
        // An actix worker has a runtime of its own; a connection must not depend on that thread
        // having time for it.
        let task = runtime.spawn(async move { connect(&url, timeout).await });
        async move {
            task.await
                .map_err(|error| ConnectionError::BadConnection(error.to_string()))?
        }
        .boxed()
    });
    AsyncDieselConnectionManager::new_with_config(&settings.url, config)
}

/// One connection, set up for the statements of this module.
pub(super) async fn connect(
    url: &str,
    timeout: Duration,
) -> Result<AsyncPgConnection, ConnectionError> {
    let bad = |error: tokio_postgres::Error| ConnectionError::BadConnection(describe(&error));
    let mut config: tokio_postgres::Config = url.parse().map_err(bad)?;
    config
        .connect_timeout(timeout)
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(15));
    config.tcp_user_timeout(timeout.max(Duration::from_secs(10)));
    if config.get_application_name().is_none() {
        config.application_name("qtask");
    }
    let connecting = async {
        let (client, link) = config.connect(tokio_postgres::NoTls).await.map_err(bad)?;
        let mut connection =
            AsyncPgConnection::try_from_client_and_connection(client, link).await?;
        // Small arrays joined to a large table: without statistics the planner would read the whole
        // table. Lists walk an index in its order and stop: a bitmap would read the whole range and
        // sort it, which looks cheap where nothing is known of the range. What these settings make
        // look dear must not be compiled: a sweep over two small tables took 0.2 s of a core for it.
        let settings = format!(
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET statement_timeout = {};
             SET idle_in_transaction_session_timeout = {}",
            timeout.as_millis(),
            IDLE_IN_TRANSACTION.as_millis()
        );
        connection
            .batch_execute(&settings)
            .await
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    };
    tokio::time::timeout(timeout, connecting)
        .await
        .map_err(|_| ConnectionError::BadConnection(format!("no connection within {timeout:?}")))?
}

/// The error with its causes: tokio-postgres alone says only "error connecting to server".
fn describe(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
