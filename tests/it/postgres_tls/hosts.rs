//! Several hosts: each kind of connection goes to the first that answers and is of the requested kind.

use std::net::TcpListener;
use std::time::Duration;

use super::{assert_outcome, assert_outcome_of, url};
use crate::support::app::Worker;
use crate::support::mocks::mock;
use crate::support::wait::free_port;
use crate::support::{App, PrivatePostgres, QueueKind, TestDatabase};

const LIMIT: Duration = Duration::from_secs(20);

/// The URL of a database on these loopback ports.
fn at(ports: &[u16], database: &str, parameters: &str) -> String {
    let hosts: Vec<_> = ports
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    format!(
        "postgresql://postgres@{}/{database}?{parameters}",
        hosts.join(",")
    )
}

#[tokio::test]
async fn a_host_that_is_down_or_does_not_answer_is_passed_over() {
    let node = PrivatePostgres::start().await;
    // It accepts connections, as a frozen server does, and answers nothing.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let silent_port = silent.local_addr().expect("its address").port();
    let down = free_port();
    for first in [down, silent_port] {
        assert_outcome(&at(&[first, node.port()], "postgres", ""), &[]).await;
    }
    let text = at(&[down, silent_port], "postgres", "");
    let parts = [
        format!("127.0.0.1:{down}: error connecting to server: Connection refused"),
        format!("127.0.0.1:{silent_port}: no connection within 1.5s"),
    ];
    assert_outcome(&text, &parts.each_ref().map(String::as_str)).await;
    let keywords = format!(
        "host=127.0.0.1,127.0.0.1 port={down},{} user=postgres dbname=postgres",
        node.port()
    );
    assert_outcome(&keywords, &[]).await;
}

#[tokio::test]
async fn sessions_are_of_the_requested_kind() {
    let primary = PrivatePostgres::start().await;
    let database = TestDatabase::create_on(&primary.url()).await;
    let standby = PrivatePostgres::start_standby_of(&primary).await;
    let ports = [standby.port(), primary.port()];
    let name = database.url().path().trim_start_matches('/').to_owned();
    for (kind, refusal) in [
        ("primary", &[][..]),
        ("read-write", &[]),
        // Connected to the standby, it cannot migrate.
        ("any", &["read-only transaction"]),
        ("standby", &["read-only transaction"]),
        ("read-only", &["read-only transaction"]),
        ("prefer-standby", &["read-only transaction"]),
    ] {
        let parameters = format!("target_session_attrs={kind}");
        assert_outcome_of("up", &at(&ports, &name, &parameters), refusal).await;
    }
    for (kind, refusal) in [
        ("standby", &["server is not a standby"][..]),
        ("read-only", &["database is not read only"]),
        ("prefer-standby", &[]),
    ] {
        let parameters = format!("target_session_attrs={kind}");
        assert_outcome(
            &url("postgres", "127.0.0.1", &primary, &parameters),
            refusal,
        )
        .await;
    }

    let url = at(&ports, &name, "target_session_attrs=read-write");
    let app = App::builder(QueueKind::Postgres)
        .database(database)
        .env("DATABASE_URL", &url)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    app.apis[0].wait_for("database.listener_connected").await;
    app.workers[0].wait_for("database.listener_connected").await;
    let task_id = app.submit(&mock("")).await;
    assert_eq!(
        app.wait_terminal(task_id, LIMIT).await["status"],
        "completed"
    );
    app.finish().await;
}
