//! The test harness: real services, fault injection between them, and the qtask executable.
//!
//! The harness does not depend on qtask's internals. A test starts `qtask` processes, calls them over HTTP, and
//! inspects PostgreSQL and RabbitMQ directly. Everything that a test creates has a unique name and is deleted after
//! it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a harness that cannot go on must stop the test where it stands"
)]

pub mod answers;
pub mod app;
pub mod app_builder;
pub mod binaries;
pub mod certificates;
pub mod chromium;
pub mod client;
pub mod clock;
pub mod collector;
pub mod contract;
mod control_group;
pub mod cpu_group;
pub mod crowd;
pub mod database;
pub mod events;
pub mod gate;
pub mod http_worker;
pub mod json_generate;
pub mod json_schema;
pub mod kept;
mod leftovers;
pub mod memory_group;
pub mod mocks;
pub mod old_tasks;
pub mod pgbouncer;
pub mod postgres_node;
pub mod postgres_tls;
pub mod previous;
pub mod process;
pub mod proxy;
pub mod queries;
pub mod queue;
pub mod rabbit_node;
pub mod rabbit_tls;
pub mod raw_http;
pub mod receiver;
mod selftest;
pub mod services;
pub mod signals;
pub mod skipped;
pub mod stub;
pub mod sweeps;
pub mod template;
pub mod tls_front;
pub mod wait;
pub mod worker_rows;

pub use app::{App, QueueKind};
pub use database::TestDatabase;
pub use postgres_node::PrivatePostgres;
pub use process::Process;
pub use proxy::Proxy;
pub use queue::TestQueue;
pub use rabbit_node::PrivateRabbit;
pub use receiver::Receiver;

/// Runs each of these functions with both queues: the tests are `name::over_amqp` and `name::over_postgres`.
///
/// ```ignore
/// on_both_queues!(a_task_is_completed);
///
/// async fn a_task_is_completed(kind: QueueKind) { ... }
/// ```
macro_rules! on_both_queues {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            #[tokio::test]
            async fn over_amqp() {
                super::$test($crate::support::QueueKind::Amqp).await;
            }

            #[tokio::test]
            async fn over_postgres() {
                super::$test($crate::support::QueueKind::Postgres).await;
            }
        }
    )+};
}
pub(crate) use on_both_queues;
