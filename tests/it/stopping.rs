//! The stop of `serve` and `work`: probes say so at once, and an API serves on for its drain delay.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::net::TcpStream;

use crate::support::app::Worker;
use crate::support::client::{http_client, send};
use crate::support::mocks::mock;
use crate::support::raw_http::{address, get, rest};
use crate::support::wait::{DEADLINE, eventually, free_port};
use crate::support::{App, Process, QueueKind};

/// Longer than a test may take: only a signal ends it.
const LONG: &str = "10m";

async fn start_with(delay: &str) -> App {
    App::builder(QueueKind::Postgres)
        .env("QTASK_DRAIN_DELAY", delay)
        .start()
        .await
}

/// The ids of the events about the stop of a process, oldest first.
fn stop_events(process: &Process) -> Vec<String> {
    const ABOUT_STOP: [&str; 5] = [
        "process.stop_delayed",
        "process.drain_delay_ended",
        "process.stop_requested",
        "process.stop_forced",
        "api.stopped",
    ];
    let events = process
        .events()
        .all(|event| ABOUT_STOP.contains(&event.id()));
    events.iter().map(|event| event.id().to_owned()).collect()
}

#[tokio::test]
async fn during_the_drain_delay_the_api_is_not_ready_and_answers_and_a_second_signal_ends_it() {
    let mut app = start_with(LONG).await;
    let mut kept = TcpStream::connect(address(&app)).await.expect("an API");
    let before = get(&mut kept, "/readyz").await.expect("an answer");
    assert_eq!(before.status, 200);
    assert!(
        !before.head.contains("connection: close"),
        "{}",
        before.head
    );

    app.apis[0].signal(Signal::SIGTERM);
    let delayed = app.apis[0].wait_for("process.stop_delayed").await;
    assert_eq!(delayed.field("delay").as_deref(), Some(LONG));
    assert_eq!(
        app.get("/readyz").await.expect_problem(503),
        "shutting_down"
    );
    assert_eq!(app.get("/livez").await.status, 200);
    let task_id = app.submit(&mock("")).await;
    let mut new = TcpStream::connect(address(&app)).await.expect("an API");
    let answer = get(&mut new, &format!("/tasks/{task_id}")).await;
    assert_eq!(answer.expect("an answer").status, 200);

    // A client with an open connection is sent to another process by the end of that connection.
    let answer = get(&mut kept, "/livez").await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert_eq!(rest(&mut kept).await, b"");

    let status = app.apis[0].terminate().await;
    assert!(status.success(), "{status}");
    assert_eq!(
        stop_events(&app.apis[0]),
        [
            "process.stop_delayed",
            "process.stop_requested",
            "api.stopped"
        ]
    );
    app.abandon_work();
}

#[tokio::test]
async fn no_connection_is_refused_before_the_drain_delay_has_ended() {
    const DELAY: Duration = Duration::from_secs(1);
    let mut app = start_with("1s").await;
    let at = address(&app);
    app.apis[0].signal(Signal::SIGTERM);
    let signalled = Instant::now();
    let refused = eventually(DEADLINE, "a refused connection", async || {
        let answered = async { get(&mut TcpStream::connect(at).await?, "/livez").await };
        answered.await.err()
    });
    let error = refused.await;
    let served = signalled.elapsed();
    assert!(served >= DELAY, "{error} after {served:?}");
    let status = app.apis[0].wait_exit(DEADLINE).await;
    assert!(status.success(), "{status}");
    assert_eq!(
        stop_events(&app.apis[0]),
        [
            "process.stop_delayed",
            "process.drain_delay_ended",
            "process.stop_requested",
            "api.stopped"
        ]
    );
}

#[tokio::test]
async fn an_interrupt_from_the_keyboard_stops_an_api_without_the_drain_delay() {
    let mut app = start_with(LONG).await;
    app.apis[0].signal(Signal::SIGINT);
    let status = app.apis[0].wait_exit(DEADLINE).await;
    assert!(status.success(), "{status}");
    assert_eq!(
        stop_events(&app.apis[0]),
        ["process.stop_requested", "api.stopped"]
    );
}

#[tokio::test]
async fn a_worker_that_was_asked_to_stop_is_not_ready_while_its_task_runs() {
    let port = free_port().to_string();
    let worker = Worker::new("w", "mock").args(&["--health-port", &port, "--shutdown-grace", "1m"]);
    let mut app = App::builder(QueueKind::Postgres)
        .worker(worker)
        .start()
        .await;
    let http = http_client();
    let probe = async |path: &str| {
        let url = format!("http://127.0.0.1:{port}{path}");
        send(http.get(url)).await.expect("an answer")
    };
    let task_id = app.submit(&mock("sleep 10m")).await;
    app.wait_status(task_id, "processing").await;
    assert_eq!(probe("/readyz").await.status, 200);
    app.workers[0].signal(Signal::SIGTERM);
    app.workers[0].wait_for("worker.draining").await;
    let reply = probe("/readyz").await;
    assert_eq!(
        (reply.status.as_u16(), &reply.body),
        (503, &"not ready: draining\n".into())
    );
    assert_eq!(probe("/livez").await.status, 200);
    app.cancel(task_id).await.expect(200);
    let status = app.workers[0].wait_exit(DEADLINE).await;
    assert!(status.success(), "{status}");
}
