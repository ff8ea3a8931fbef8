//! `qtask serve`: the REST API.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use tracing::info;

use super::connections::Connections;
use super::http_limits::HttpLimitArgs;
use super::process::Shutdown;
use super::server_tls::ServerTlsArgs;
use super::start_line::{ChangedSettings, Listening};
use super::{freed_memory, open_files, process, reach};
use crate::api::{self, ApiSettings, ApiState};
use crate::cgroup;
use crate::config::access::{ADMIN_TOKEN, AccessArgs};
use crate::config::backlog::BacklogArgs;
use crate::config::broker::BrokerArgs;
use crate::config::circuits::CircuitArgs;
use crate::config::database::{DatabaseArgs, DatabaseUse};
use crate::config::environment::QuarantineArgs;
use crate::config::listen::{BrowserArgs, ListenArgs};
use crate::config::logging::{LogArgs, LogSettings};
use crate::config::retry::RetryArgs;
use crate::config::simulator::SimulatorArgs;
use crate::config::timing::{LeaseArgs, LeaseSettings, RuleArgs, SweepArgs, SweepSettings};
use crate::config::traces;
use crate::config::trust::TrustArgs;
use crate::config::webhooks::{WebhookArgs, WebhookSettings};
use crate::config::{Checker, InvalidSettings, list};
use crate::domain::access::Access;
use crate::domain::submission::Limits;
use crate::queue::amqp::AmqpConfig;
use crate::service::backends::KnownBackends;
use crate::service::backlog::BacklogLimit;
use crate::service::claims::Claimer;
use crate::service::depths::Depths;
use crate::service::dispatcher::Dispatcher;
use crate::service::fleet::Fleet;
use crate::service::submit::Submitter;
use crate::service::tokens::Tokens;
use crate::service::watch::Watch;
use crate::service::webhooks;
use crate::store::{DatabaseSettings, QuarantineRules, QueuePolicy, Store};
use crate::tls::ServerIdentity;
use crate::traces::TraceSettings;

/// Serve the REST API
///
/// It starts without its database and its broker, answers 503 while they are away, and finds them
/// again by itself.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 stopped on request, 1 an error that is named, 2 settings that cannot be used, 130 a second
signal.

Example:
  DATABASE_URL=postgresql://qtask:secret@localhost/qtask \\
  RABBITMQ_URL=amqp://guest:guest@localhost \\
  qtask serve --port 8000")]
pub struct ServeArgs {
    /// The port; 0 takes any that is free
    #[arg(long, env = "PORT", value_name = "PORT", default_value = "8000")]
    port: String,

    #[command(flatten)]
    listen: ListenArgs,

    /// How long to serve on after SIGTERM, while /readyz answers 503: until proxies send no more requests here
    ///
    /// A second signal ends the delay.
    #[arg(
        long,
        env = "QTASK_DRAIN_DELAY",
        value_name = "TIME",
        default_value = "0s"
    )]
    drain_delay: String,

    /// Threads that answer requests; by default one for each core
    #[arg(long, env = "QTASK_HTTP_THREADS", value_name = "N")]
    http_threads: Option<String>,

    #[command(flatten)]
    browsers: BrowserArgs,

    /// Backends that tasks may name before any worker has served them, separated by commas
    #[arg(
        long,
        env = "QTASK_BACKENDS",
        value_name = "NAMES",
        default_value = "simulator,mock,aiopslab"
    )]
    backends: String,

    #[command(flatten)]
    access: AccessArgs,
    #[command(flatten)]
    tls: ServerTlsArgs,
    #[command(flatten)]
    http: HttpLimitArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    lease: LeaseArgs,
    #[command(flatten)]
    quarantine: QuarantineArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    simulator: SimulatorArgs,
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

/// Server settings, independent of the database and the queue.
pub(super) struct ServerSettings {
    pub(super) api: ApiSettings,
    /// The certificate of the API, if it speaks https.
    pub(super) tls: Option<Arc<ServerIdentity>>,
    /// Backends that are accepted before a worker has registered for them.
    pub(super) backends: Vec<String>,
    /// Lease settings of HTTP workers.
    pub(super) lease: LeaseSettings,
    /// Quarantine rules of HTTP workers.
    pub(super) quarantine: QuarantineRules,
}

struct ServeSettings {
    serving: ServerSettings,
    database: DatabaseSettings,
    broker: Option<AmqpConfig>,
    rules: QueuePolicy,
    webhooks: WebhookSettings,
    sweep: SweepSettings,
    log: LogSettings,
    traces: Option<TraceSettings>,
    drain_delay: Duration,
}

impl ServeArgs {
    fn check(&self) -> Result<ServeSettings, InvalidSettings> {
        let mut checker = Checker::default();
        let port = checker.number("PORT", &self.port, 0..=u16::MAX);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = self.http_threads.as_ref().map_or(cores, |text| {
            checker.number("QTASK_HTTP_THREADS", text, 1..=256)
        });
        let backends: Vec<String> = list(&self.backends).collect();
        for name in &backends {
            checker.name("QTASK_BACKENDS", "backend", name);
        }
        let browsers = self.browsers.check(&mut checker);
        let admin_token = std::env::var(ADMIN_TOKEN).ok();
        let access = self.access.check(&mut checker, admin_token.as_deref());
        let host = self.listen.check(&mut checker, &access);
        let trusted = self.trust.check(&mut checker);
        let broker = self.broker.check(&mut checker, &trusted, "qtask serve");
        let traces = traces::check(
            &mut checker,
            "qtask-serve",
            &trusted,
            traces::of_environment,
        );
        let webhooks = self.webhooks.check(&mut checker, trusted);
        let settings = ServeSettings {
            serving: ServerSettings {
                api: ApiSettings {
                    address: SocketAddr::new(host, port),
                    access,
                    threads,
                    http: self.http.check(&mut checker, open_files::raise_limit()),
                    cors_origins: browsers.cors_origins,
                    allowed_hosts: browsers.allowed_hosts,
                    retry: self.retry.check(&mut checker),
                    limits: Limits {
                        webhook_targets: webhooks.targets.clone(),
                        simulator_memory_bytes: self.simulator.checked_bytes(&mut checker),
                        max_circuit_bytes: self.circuits.max_bytes(&mut checker),
                        max_waiting: self.backlog.max_waiting(&mut checker),
                        ..Limits::default()
                    },
                },
                tls: self.tls.check(&mut checker),
                backends,
                lease: self.lease.check(&mut checker),
                quarantine: self.quarantine.check(&mut checker),
            },
            database: self.database.check(&mut checker, DatabaseUse::Api),
            broker,
            rules: self.rules.check(&mut checker),
            webhooks,
            sweep: self.sweep.check(&mut checker),
            log: self.log.check(&mut checker),
            traces,
            drain_delay: checker.duration(
                "QTASK_DRAIN_DELAY",
                &self.drain_delay,
                Duration::ZERO..=Duration::from_hours(1),
            ),
        };
        checker.finish(settings)
    }
}

pub fn main(args: &ServeArgs, changed: ChangedSettings) -> ExitCode {
    let delay = |settings: &ServeSettings| settings.drain_delay;
    process::run_with_delay(args.check(), delay, |settings, shutdown| async move {
        let format = settings.log.format;
        process::start_log(settings.log);
        let stop = shutdown.stop.clone();
        process::traced(settings.traces, async {
            let connections = Connections::open(
                &settings.database,
                settings.broker,
                settings.rules,
                settings.sweep,
                &stop,
            )?;
            let (store, dispatcher) = (connections.store.clone(), connections.dispatcher.clone());
            let watch = Watch::start(settings.database, stop.clone());
            let calling = webhooks::start(store.clone(), settings.webhooks, &watch, stop.clone())?;
            let serving = settings.serving;
            let (tls, queue) = (serving.tls.is_some(), dispatcher.clone());
            let ready = |address| {
                let listening = Some(Listening::Api { address, tls });
                changed.log_start("serve", format, &queue, listening);
            };
            let served = serve(serving, store, dispatcher, watch, shutdown, ready).await;
            // A port in use ends the server; the webhooks must not continue without it.
            stop.cancel();
            calling.await?;
            connections.close().await;
            served
        })
        .await
    })
}

/// Serves requests until a stop is requested and the running ones are answered. `ready` receives the bound
/// address.
pub(super) async fn serve(
    settings: ServerSettings,
    store: Store,
    dispatcher: Dispatcher,
    watch: Watch,
    shutdown: Shutdown,
    ready: impl FnOnce(SocketAddr),
) -> anyhow::Result<()> {
    let ServerSettings {
        api: settings,
        tls,
        backends,
        lease,
        quarantine,
    } = settings;
    let Shutdown { announced, stop } = shutdown;
    tokio::spawn({
        let (dispatcher, backends) = (dispatcher.clone(), backends.clone());
        async move { dispatcher.watch_queues(&backends).await }
    });
    let backends = KnownBackends::start(backends, store.clone(), stop.clone());
    let tokens = Tokens::start(store.clone(), &watch, stop.clone());
    if matches!(settings.access, Access::Open) {
        let tokens = tokens.clone();
        let checking = async move { tokens.warn_if_not_demanded().await };
        tokio::spawn(stop.clone().run_until_cancelled_owned(checking));
    }
    let state = ApiState {
        access: settings.access.clone(),
        tokens,
        submitter: Submitter {
            store: store.clone(),
            dispatcher: dispatcher.clone(),
            backlog: BacklogLimit::new(store.clone(), settings.limits.max_waiting),
        },
        fleet: Fleet {
            store: store.clone(),
            lease,
            quarantine,
            backends: backends.clone(),
        },
        claimer: Claimer::new(store.clone(), watch.clone()),
        backends,
        depths: Depths::new(store.clone()),
        store,
        dispatcher,
        watch,
        leaving: announced,
        retry: settings.retry,
        limits: settings.limits.clone(),
        requests: api::RequestLimits::new(
            settings.http.max_requests,
            settings.http.max_waiting_requests,
            settings.http.body_timeout,
        ),
        submission_rate: api::SubmissionRate::new(
            settings.http.submissions_per_minute,
            settings.http.connections.clone(),
        ),
        body_memory: api::BodyMemory::default(),
        answer_memory: api::AnswerMemory::default(),
        circuit_checks: api::CircuitChecks::new(
            cgroup::memory_limit_bytes(),
            freed_memory::return_now,
        ),
    };
    let config = tls.as_ref().map(ServerIdentity::config).transpose()?;
    let (server, address) = api::bind(&settings, config, state)
        .with_context(|| format!("cannot listen on {}", settings.address))?;
    info!(event = "api.listening", %address, tls = tls.is_some(), "API is listening");
    reach::log(&settings.access, address.ip(), &settings.cors_origins);
    if let Some(identity) = tls {
        tokio::spawn(identity.watch(stop.clone()));
    }
    ready(address);
    let handle = server.handle();
    tokio::spawn(async move {
        stop.cancelled().await;
        handle.stop(true).await;
    });
    server.await?;
    info!(event = "api.stopped", "API stopped");
    Ok(())
}
