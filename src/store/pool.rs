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

/// A statement that took longer is worth a line in the log.
const SLOW: Duration = Duration::from_millis(100);

/// How to reach PostgreSQL, and for how long to wait for it.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// A `postgresql://` URL.
    pub url: String,
    /// Connections of the main pool.
    pub pool_size: usize,
    /// The most that one statement may take, from the wait for a connection to its last row.
    pub timeout: Duration,
}

/// Two pools over one database.
///
/// The small one serves heartbeats, sweeps and probes, so that a flood of requests cannot cost a
/// worker its lease.
#[derive(Clone)]
pub struct Pools {
    main: Pool<AsyncPgConnection>,
    control: Pool<AsyncPgConnection>,
    timeout: Duration,
}

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
            main: build(settings.pool_size)?,
            control: build(CONTROL_CONNECTIONS)?,
            timeout: settings.timeout,
        })
    }

    /// Runs a statement on a connection of the main pool, within the time limit.
    pub async fn run<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_on(&self.main, self.timeout, name, statement).await
    }

    /// The same on a connection of the small pool.
    pub async fn run_control<T>(
        &self,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_control_within(self.timeout, name, statement).await
    }

    /// The same within a limit of its own. A caller that stops waiting by itself would put a
    /// connection that hangs back into the pool, to hang the next one.
    pub async fn run_control_within<T>(
        &self,
        limit: Duration,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        self.run_on(&self.control, limit, name, statement).await
    }

    async fn run_on<T>(
        &self,
        pool: &Pool<AsyncPgConnection>,
        limit: Duration,
        name: &'static str,
        statement: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, diesel::result::Error>,
    ) -> Result<T, StoreError> {
        let deadline = tokio::time::Instant::now() + limit;
        let mut connection = tokio::time::timeout_at(deadline, pool.get())
            .await
            .map_err(|_| StoreError::Unavailable(format!("no connection within {limit:?}")))?
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let began = Instant::now();
        let answer = tokio::time::timeout_at(deadline, statement(&mut connection)).await;
        log_duration(name, began.elapsed());
        let Ok(answer) = answer else {
            discard(connection);
            return Err(StoreError::OutcomeUnknown(format!(
                "{name}: no answer within {limit:?}"
            )));
        };
        answer.map_err(|error| {
            let error = StoreError::from(error);
            if error.is_passing() {
                discard(connection);
            }
            error
        })
    }
}

/// Closes a connection whose state is not known instead of lending it to the next caller.
fn discard(connection: Object<AsyncPgConnection>) {
    drop(Object::take(connection));
}

fn log_duration(statement: &'static str, took: Duration) {
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
    // A broken connection shows at its next statement and is discarded then; asking first would
    // double every round trip.
    config.recycling_method = RecyclingMethod::CustomFunction(Box::new(|connection| {
        async move { refuse_closed(connection) }.boxed()
    }));
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

fn refuse_closed(connection: &mut AsyncPgConnection) -> diesel::QueryResult<()> {
    use diesel_async::pooled_connection::PoolableConnection;
    if connection.is_broken() {
        Err(diesel::result::Error::BrokenTransactionManager)
    } else {
        Ok(())
    }
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
        // table. What that setting makes look dear must not be compiled: a sweep over two small
        // tables took 0.2 s of a core for it.
        let settings = format!(
            "SET enable_seqscan = off; SET jit = off; SET statement_timeout = {}",
            timeout.as_millis()
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
