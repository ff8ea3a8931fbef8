//! `qtask work`: a worker.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::commands::{CommandArgs, Commands};
use super::connections::Connections;
use super::freed_memory;
use super::start_line::{ChangedSettings, Listening};
use super::{process, worker_server};
use crate::cgroup;
use crate::config::broker::BrokerArgs;
use crate::config::database::{DatabaseArgs, DatabaseUse};
use crate::config::environment::{HookArgs, QuarantineArgs};
use crate::config::logging::{LogArgs, LogSettings};
use crate::config::retry::RetryArgs;
use crate::config::simulator::SimulatorArgs;
use crate::config::timing::{LeaseArgs, RuleArgs, SweepArgs, SweepSettings};
use crate::config::traces;
use crate::config::trust::TrustArgs;
use crate::config::{Checker, InvalidSettings};
use crate::domain::backend::{MOCK, SIMULATOR};
use crate::domain::checks::FieldErrors;
use crate::domain::problem_patterns::ProblemPatterns;
use crate::executor::{Executor, Mock, Simulator};
use crate::queue::amqp::AmqpConfig;
use crate::store::{DatabaseSettings, QueuePolicy};
use crate::traces::TraceSettings;
use crate::worker::{self, Executors, TaskSource, WorkerHealth, WorkerSettings};

/// Run tasks
///
/// At the first SIGTERM or Ctrl-C it takes no more tasks, lets running ones finish for the grace
/// time, hands the rest back to other workers, and exits.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 stopped on request, 1 an error that is named, 2 settings that cannot be used, 130 a second
signal.

Examples:
  DATABASE_URL=postgresql://qtask:secret@localhost/qtask \\
  RABBITMQ_URL=amqp://guest:guest@localhost \\
  qtask work --backend simulator --concurrency 4
  DATABASE_URL=postgresql://qtask:secret@localhost/qtask \\
  qtask work --command aiopslab=/opt/runner.py --command-env KUBECONFIG")]
pub struct WorkArgs {
    /// A backend to serve: simulator or mock; repeat it for several. By default simulator, or
    /// only what has a --command
    #[arg(
        long = "backend",
        env = "QTASK_WORKER_BACKENDS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    backends: Vec<String>,

    /// How many tasks to run at once; by default one for each core
    #[arg(long, env = "QTASK_CONCURRENCY", value_name = "N")]
    concurrency: Option<String>,

    /// The worker's name, unique among living workers; by default made from the host's name
    /// and a random number
    #[arg(long, env = "QTASK_WORKER_NAME", value_name = "NAME")]
    name: Option<String>,

    /// Take over the worker's name from a living worker at once, which ends; otherwise this one waits until the
    /// other's session ends, and exits with 1 if it goes on
    #[arg(
        long,
        env = "QTASK_WORKER_REPLACE",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false"
    )]
    replace: bool,

    /// A problem to take, `*` in it standing for any characters; repeat it for several. By default all. The
    /// worker then takes its tasks from the database, also where there is a broker
    #[arg(
        long = "problem",
        env = "QTASK_WORKER_PROBLEMS",
        value_name = "PATTERN",
        value_delimiter = ','
    )]
    problems: Vec<String>,

    /// How long running tasks may go on after a stop was asked for
    #[arg(
        long,
        env = "QTASK_SHUTDOWN_GRACE",
        value_name = "TIME",
        default_value = "30s"
    )]
    shutdown_grace: String,

    /// The port of the worker's own /livez, /readyz, /health and /metrics; none by default
    #[arg(long, env = "QTASK_HEALTH_PORT", value_name = "PORT")]
    health_port: Option<String>,

    #[command(flatten)]
    execution: ExecutionArgs,
    #[command(flatten)]
    retry: RetryArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    broker: BrokerArgs,
    #[command(flatten)]
    trust: TrustArgs,
    #[command(flatten)]
    hooks: HookArgs,
    #[command(flatten)]
    quarantine: QuarantineArgs,
    #[command(flatten)]
    lease: LeaseArgs,
    #[command(flatten)]
    rules: RuleArgs,
    #[command(flatten)]
    sweep: SweepArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Settings of the executors.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Execution")]
pub(super) struct ExecutionArgs {
    /// How many threads the circuits that run at the same time share; one alone has all of them. By
    /// default as many as there are cores
    #[arg(long, env = "QTASK_SIMULATOR_THREADS", value_name = "N")]
    simulator_threads: Option<String>,

    /// How long the mock backend takes for each task
    #[arg(
        long,
        env = "QTASK_MOCK_DELAY",
        value_name = "TIME",
        default_value = "0s"
    )]
    mock_delay: String,

    #[command(flatten)]
    simulator: SimulatorArgs,
    #[command(flatten)]
    commands: CommandArgs,
}

/// The checked executors.
pub(super) struct ExecutionSettings {
    pub(super) commands: Commands,
    pub(super) simulator_memory_bytes: u64,
    simulator: Simulator,
    mock: Mock,
}

impl ExecutionArgs {
    pub(super) fn check(&self, checker: &mut Checker) -> ExecutionSettings {
        let hour = Duration::from_hours(1);
        let simulator_memory_bytes = self
            .simulator
            .run_bytes(checker, cgroup::memory_limit_bytes());
        let threads = match &self.simulator_threads {
            Some(text) => checker.number("QTASK_SIMULATOR_THREADS", text, 1..=MAX_THREADS),
            None => cores().min(MAX_THREADS),
        };
        ExecutionSettings {
            commands: self.commands.check(checker),
            simulator_memory_bytes,
            simulator: Simulator::new(simulator_memory_bytes, threads),
            mock: Mock {
                delay: checker.duration(
                    "QTASK_MOCK_DELAY",
                    &self.mock_delay,
                    Duration::ZERO..=hour,
                ),
            },
        }
    }
}

impl ExecutionSettings {
    /// The executor of a backend, if there is one.
    pub(super) fn executor(&self, backend: &str) -> Option<Arc<dyn Executor>> {
        match backend {
            SIMULATOR => Some(Arc::new(self.simulator.clone())),
            MOCK => Some(Arc::new(self.mock)),
            _ => Some(Arc::new(self.commands.get(backend)?.clone())),
        }
    }
}

struct WorkSettings {
    worker: WorkerSettings,
    executors: Executors,
    commands: Commands,
    health: Option<SocketAddr>,
    database: DatabaseSettings,
    broker: Option<AmqpConfig>,
    rules: QueuePolicy,
    sweep: SweepSettings,
    log: LogSettings,
    traces: Option<TraceSettings>,
}

impl WorkArgs {
    fn check(&self) -> Result<WorkSettings, InvalidSettings> {
        let mut checker = Checker::default();
        let name = self.name.clone().unwrap_or_else(default_name);
        checker.name("QTASK_WORKER_NAME", "worker", &name);
        let concurrency = concurrency(&mut checker, self.concurrency.as_deref());
        let execution = self.execution.check(&mut checker);
        let database = self.database.check(&mut checker, DatabaseUse::Worker);
        let trusted = self.trust.check(&mut checker);
        let broker = self
            .broker
            .check(&mut checker, &trusted, &format!("qtask work {name}"));
        let problems = self.problems(&mut checker);
        // Messages are not filtered by problem: workers that do not serve it would requeue the message from
        // one to the next.
        let by_message = broker.clone().filter(|_| problems.is_none());
        let source = by_message.map_or(TaskSource::Postgres, TaskSource::Amqp);
        let settings = WorkSettings {
            worker: WorkerSettings {
                name,
                replace: self.replace,
                concurrency,
                grace: checker.duration(
                    "QTASK_SHUTDOWN_GRACE",
                    &self.shutdown_grace,
                    Duration::ZERO..=Duration::from_hours(24),
                ),
                lease: self.lease.check(&mut checker),
                claim_limit: database.timeout * 2,
                retry: self.retry.check(&mut checker),
                source,
                database: database.clone(),
                environment: self.hooks.check(&mut checker),
                quarantine: self.quarantine.check(&mut checker),
                problems,
            },
            executors: self.executors(&mut checker, &execution),
            commands: execution.commands,
            health: self.health_port.as_ref().map(|port| {
                SocketAddr::new(
                    IpAddr::from([0, 0, 0, 0]),
                    checker.number("QTASK_HEALTH_PORT", port, 0..=u16::MAX),
                )
            }),
            database,
            broker,
            rules: self.rules.check(&mut checker),
            sweep: self.sweep.check(&mut checker),
            log: self.log.check(&mut checker),
            traces: traces::check(&mut checker, "qtask-work", &trusted, traces::of_environment),
        };
        checker.finish(settings)
    }

    fn problems(&self, checker: &mut Checker) -> Option<ProblemPatterns> {
        let texts: Vec<String> = self
            .problems
            .iter()
            .map(|text| text.trim().to_owned())
            .collect();
        if texts.is_empty() {
            return None;
        }
        let mut errors = FieldErrors::new();
        let problems = ProblemPatterns::check(&mut errors, "--problem", texts);
        for (field, error) in errors {
            checker.refuse(&field, error);
        }
        problems
    }

    fn executors(&self, checker: &mut Checker, execution: &ExecutionSettings) -> Executors {
        let mut executors = Executors::new();
        for backend in execution.commands.backends() {
            let executor = execution.executor(backend);
            executors.extend(executor.map(|executor| (backend.clone(), executor)));
        }
        let simulator = [SIMULATOR.to_owned()];
        let others = if self.backends.is_empty() && executors.is_empty() {
            &simulator[..]
        } else {
            &self.backends
        };
        for backend in others.iter().map(|backend| backend.trim()) {
            match execution.executor(backend) {
                Some(_) if execution.commands.get(backend).is_some() => checker.refuse(
                    "--backend",
                    format_args!("`{backend}` has a command already, and needs no --backend"),
                ),
                Some(executor) => drop(executors.insert(backend.to_owned(), executor)),
                None => checker.refuse(
                    "--backend",
                    format_args!("`{backend}` has no executor; there are simulator and mock, and those with a --command"),
                ),
            }
        }
        executors
    }
}

/// Each task of the simulator occupies a thread.
const MAX_CONCURRENCY: u16 = 1_000;

/// More threads do not speed up a simulation on any known machine.
const MAX_THREADS: usize = 256;

pub(super) fn concurrency(checker: &mut Checker, setting: Option<&str>) -> u16 {
    match setting {
        Some(text) => checker.number("QTASK_CONCURRENCY", text, 1..=MAX_CONCURRENCY),
        None => u16::try_from(cores()).unwrap_or(u16::MAX),
    }
}

/// The number of cores available to this process.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// A random suffix keeps the name unique: the second worker of a name does not start. To identify a worker
/// across restarts, set a name.
pub(super) fn default_name() -> String {
    let host = nix::unistd::gethostname()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let host: String = host
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(48)
        .collect();
    format!("worker-{host}-{:06x}", rand::random_range(0..1 << 24_u32))
}

pub fn main(args: &WorkArgs, changed: ChangedSettings) -> ExitCode {
    process::run(args.check(), |settings, stop| async move {
        let format = settings.log.format;
        process::start_log(settings.log);
        if cgroup::memory_limit_bytes().is_some() {
            freed_memory::return_at_once();
        }
        let _watchdog = settings.commands.guard()?;
        process::traced(settings.traces, async {
            let connections = Connections::open(
                &settings.database,
                settings.broker,
                settings.rules,
                settings.sweep,
                &stop,
            )?;
            let store = connections.store.clone();
            let health = Arc::new(WorkerHealth::starting());
            let probes = CancellationToken::new();
            let probes_at = |address| {
                worker_server::start(address, health.clone(), store.clone(), probes.clone())
            };
            let address = settings.health.map(probes_at).transpose()?;
            let listening = address.map(Listening::Probes);
            changed.log_start("work", format, &connections.dispatcher, listening);
            let ended = worker::run(settings.worker, store, settings.executors, health, stop).await;
            probes.cancel();
            connections.close().await;
            Ok(ended?)
        })
        .await
    })
}
