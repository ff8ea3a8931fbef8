//! `qtask dev`: API, worker and sweep in one process, with a private PostgreSQL.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::http_limits::HttpLimitArgs;
use super::process::Shutdown;
use super::{open_files, process, serve, work};
use crate::api::ApiSettings;
use crate::config::backlog::BacklogArgs;
use crate::config::circuits::CircuitArgs;
use crate::config::database_url;
use crate::config::environment::{EnvironmentSettings, QuarantineArgs};
use crate::config::listen::BrowserArgs;
use crate::config::logging::{LogArgs, LogSettings};
use crate::config::retry::RetryArgs;
use crate::config::timing::{LeaseArgs, LeaseSettings, RuleArgs, SweepArgs, SweepSettings};
use crate::config::traces;
use crate::config::trust::TrustArgs;
use crate::config::webhooks::{WebhookArgs, WebhookSettings};
use crate::config::{Checker, InvalidSettings};
use crate::domain::access::Access;
use crate::domain::backend::{AIOPSLAB, MOCK, SIMULATOR};
use crate::domain::submission::Limits;
use crate::service::dispatcher::Dispatcher;
use crate::service::sweep;
use crate::service::watch::Watch;
use crate::service::webhooks;
use crate::store::{
    DatabaseSettings, MAX_WRITE_CONNECTIONS, MigrationSettings, Pools, QuarantineRules,
    QueuePolicy, Store, migrate_up,
};
use crate::telemetry;
use crate::traces::TraceSettings;
use crate::worker::{self, Executors, TaskSource, WorkerHealth, WorkerSettings};
use dev_postgres::{Options, PrivatePostgres, default_data_dir};

/// How long another `qtask dev` or a `psql` may keep the schema from being brought up to date.
const SCHEMA_LOCK_WAIT: Duration = Duration::from_mins(1);

/// Run all of it on this machine, with nothing to set up
///
/// Starts a private PostgreSQL from the machine's own package, brings its schema up to date, and
/// serves the API with a worker for the backends simulator and mock. Tasks are kept in the data
/// directory and are still there at the next start.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 stopped on request, 1 an error that is named, 2 settings that cannot be used, 130 a second
signal.

Examples:
  qtask dev
  qtask dev --port 9000 --data-dir ./qtask-data
  qtask dev --command aiopslab=/opt/runner.py")]
pub struct DevArgs {
    /// The port of the API; 0 takes any that is free
    #[arg(long, env = "PORT", value_name = "PORT", default_value = "8001")]
    port: String,

    /// The address to listen on, of the loopback interface
    #[arg(
        long,
        env = "HOST",
        value_name = "ADDRESS",
        default_value = "127.0.0.1"
    )]
    host: String,

    /// Where tasks are kept; by default in the user's data directory
    #[arg(long, env = "QTASK_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Where PostgreSQL's programs are (initdb, postgres); searched for by default
    #[arg(long, env = "QTASK_POSTGRES_BIN", value_name = "DIR")]
    postgres_bin: Option<PathBuf>,

    /// How many tasks to run at once; by default one for each core
    #[arg(long, env = "QTASK_CONCURRENCY", value_name = "N")]
    concurrency: Option<String>,

    #[command(flatten)]
    browsers: BrowserArgs,
    #[command(flatten)]
    execution: work::ExecutionArgs,
    #[command(flatten)]
    http: HttpLimitArgs,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    lease: LeaseArgs,
    #[command(flatten)]
    quarantine: QuarantineArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    circuits: CircuitArgs,
    #[command(flatten)]
    backlog: BacklogArgs,
    #[command(flatten)]
    webhooks: WebhookArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    sweep: SweepArgs,
    #[command(flatten)]
    log: LogArgs,
}

struct DevSettings {
    api: ApiSettings,
    postgres: Options,
    execution: work::ExecutionSettings,
    concurrency: u16,
    lease: LeaseSettings,
    quarantine: QuarantineRules,
    rules: QueuePolicy,
    webhooks: WebhookSettings,
    sweep: SweepSettings,
    log: LogSettings,
    traces: Option<TraceSettings>,
}

/// The private server has no other clients.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Request timeout: longer than any request of a single local user takes.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Grace period of running tasks after Ctrl-C. Tasks that exceed it are kept and run at the next start.
const GRACE: Duration = Duration::from_secs(2);

impl DevArgs {
    fn check(&self) -> Result<DevSettings, InvalidSettings> {
        let mut checker = Checker::default();
        let host = checker.address("HOST", &self.host);
        checker.require(
            host.to_canonical().is_loopback(),
            "HOST",
            format_args!(
                "`{}` is reached by others: `qtask dev` serves this machine only, `qtask serve` a network",
                self.host
            ),
        );
        let browsers = self.browsers.check(&mut checker);
        let port = checker.number("PORT", &self.port, 0..=u16::MAX);
        let data_dir = self.data_dir.clone().unwrap_or_else(default_data_dir);
        let mut postgres = Options {
            data_dir,
            bin_dir: self.postgres_bin.clone(),
            supervisor: Vec::new(),
        };
        match Options::new(postgres.data_dir.clone()) {
            Ok(options) => postgres.supervisor = options.supervisor,
            Err(error) => checker.refuse("--data-dir", format_args!("{error:#}")),
        }
        let trusted = self.trust.check(&mut checker);
        let traces = traces::check(&mut checker, "qtask-dev", &trusted, traces::of_environment);
        let webhooks = self.webhooks.check(&mut checker, trusted);
        let concurrency = work::concurrency(&mut checker, self.concurrency.as_deref());
        let execution = self.execution.check(&mut checker);
        let settings = DevSettings {
            api: ApiSettings {
                address: SocketAddr::new(host, port),
                access: Access::Open,
                threads: 1,
                http: self.http.check(&mut checker, open_files::limit()),
                cors_origins: browsers.cors_origins,
                allowed_hosts: browsers.allowed_hosts,
                retry: self.retry.check(&mut checker),
                limits: Limits {
                    webhook_targets: webhooks.targets.clone(),
                    simulator_memory_bytes: execution.simulator_memory_bytes,
                    max_circuit_bytes: self.circuits.max_bytes(&mut checker),
                    max_waiting: self.backlog.max_waiting(&mut checker),
                    ..Limits::default()
                },
            },
            postgres,
            execution,
            concurrency,
            lease: self.lease.check(&mut checker),
            quarantine: self.quarantine.check(&mut checker),
            rules: self.rules.check(&mut checker),
            webhooks,
            sweep: self.sweep.check(&mut checker),
            log: self.log.check(&mut checker),
            traces,
        };
        checker.finish(settings)
    }
}

pub fn main(args: &DevArgs) -> ExitCode {
    process::run(args.check(), |settings, stop| async move {
        let DevSettings {
            api,
            postgres,
            execution,
            concurrency,
            lease,
            quarantine,
            rules,
            webhooks,
            sweep,
            log,
            traces,
        } = settings;
        process::start_log(log);
        let _watchdog = execution.commands.guard()?;
        let data_dir = postgres.data_dir.clone();
        let mut postgres = PrivatePostgres::start(postgres).await?;
        let database = DatabaseSettings {
            address: database_url::parse(postgres.url(), |_| ()).map_err(anyhow::Error::msg)?,
            pool_size: 8,
            write_connections: MAX_WRITE_CONNECTIONS,
            idle_timeout: IDLE_TIMEOUT,
            timeout: TIMEOUT,
        };
        let worker = WorkerSettings {
            name: "dev".to_owned(),
            // A former process that was killed: the lock of the data directory admits one process.
            replace: true,
            concurrency,
            grace: GRACE,
            lease,
            claim_limit: TIMEOUT * 2,
            retry: api.retry,
            source: TaskSource::Postgres,
            database,
            environment: EnvironmentSettings::default(),
            quarantine,
            problems: None,
        };
        let background = (webhooks, sweep);
        let running = run(
            api,
            rules,
            worker,
            &execution,
            background,
            &data_dir,
            stop.clone(),
        );
        let ended = tokio::select! {
            ended = process::traced(traces, running) => ended,
            death = postgres.died() => {
                error!(event = "postgres.died", error = %death, "private PostgreSQL stopped unexpectedly");
                stop.cancel();
                Err(death)
            }
        };
        postgres.stop().await?;
        ended
    })
}

async fn run(
    api: ApiSettings,
    rules: QueuePolicy,
    worker: WorkerSettings,
    execution: &work::ExecutionSettings,
    (webhooks, sweep): (WebhookSettings, SweepSettings),
    data_dir: &std::path::Path,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let database = worker.database.clone();
    let migration = MigrationSettings {
        address: &database.address,
        connect_timeout: database.timeout,
        lock_wait: SCHEMA_LOCK_WAIT,
    };
    migrate_up(migration, |_| ())
        .await
        .context("the schema cannot be brought up to date")?;
    let store = Store::new(Pools::new(&database)?, rules);
    sweep::announce_retention(store.retention());
    tokio::spawn(sweep::run(
        store.clone(),
        Dispatcher::Postgres,
        sweep,
        stop.clone(),
    ));
    let (lease, quarantine) = (worker.lease, worker.quarantine);
    // Accepts problems before their worker has registered.
    let own = [SIMULATOR, MOCK, AIOPSLAB].map(str::to_owned);
    let known: Vec<String> = own
        .iter()
        .chain(execution.commands.backends())
        .cloned()
        .collect();
    let executors: Executors = known
        .iter()
        .filter_map(|backend| Some((backend.clone(), execution.executor(backend)?)))
        .collect();
    let health = Arc::new(WorkerHealth::starting());
    let working = tokio::spawn(worker::run(
        worker,
        store.clone(),
        executors,
        health,
        stop.clone(),
    ));
    let watch = Watch::start(database, stop.clone());
    let calling = webhooks::start(store.clone(), webhooks, &watch, stop.clone())?;
    let serving = serve::ServerSettings {
        api,
        tls: None,
        backends: known,
        lease,
        quarantine,
    };
    let serving = serve::serve(
        serving,
        store,
        Dispatcher::Postgres,
        watch,
        Shutdown::immediate(stop.clone()),
        |address| {
            telemetry::print(&welcome(address, data_dir));
        },
    );
    let served = serving.await;
    // A port in use ends the server; the worker must not continue without it.
    stop.cancel();
    working.await??;
    calling.await?;
    served
}

fn welcome(address: SocketAddr, data_dir: &std::path::Path) -> String {
    let url = format!("http://localhost:{}", address.port());
    format!(
        r#"
qtask is ready on {url}   (Ctrl-C stops it; tasks are kept in {data_dir})

Submit a circuit:
  curl -s {url}/tasks -H 'Content-Type: application/json' \
    -d '{{"circuit": "OPENQASM 3; qubit[2] q; h q[0]; cnot q[0], q[1]; measure q;", "shots": 1024}}'

Read its result and history, by the task_id of the answer:
  curl -s {url}/tasks/TASK_ID

All of the API, to try in a browser: {url}/docs/
"#,
        data_dir = data_dir.display(),
    )
}
