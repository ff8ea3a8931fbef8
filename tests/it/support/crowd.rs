//! Crowds of connections from several addresses of this machine, and honest clients beside them.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use reqwest::Method;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::app_builder::AppBuilder;
use super::client::send;
use super::mocks::mock;
use super::raw_http::{address, answer, connect_from, get};
use super::{App, QueueKind};

/// The addresses that the crowd comes from.
pub const CROWD_ADDRESSES: usize = 10;
/// How many connections are opened at a time.
pub const AT_A_TIME: usize = 64;
/// How long an honest request may take beside the crowd, on a machine that runs other tests, too.
const PROMPTLY: Duration = Duration::from_secs(5);

/// An address of this machine; `127.0.0.1` alone is a trusted proxy by default.
fn source(number: usize) -> IpAddr {
    let last = u8::try_from(number % 250 + 2).expect("a small number");
    Ipv4Addr::new(127, 0, 0, last).into()
}

/// An API with these settings.
pub async fn api(settings: &[(&str, &str)]) -> App {
    let builder = App::builder(QueueKind::Postgres);
    let set = |builder: AppBuilder, (name, value): &(&str, &str)| builder.env(name, value);
    settings.iter().fold(builder, set).start().await
}

/// Connects from an address of this machine.
pub async fn connect(app: &App, from: usize) -> TcpStream {
    let stream = connect_from(source(from), address(app)).await;
    stream.expect("a connection")
}

/// Sends bytes; a server that has closed the connection need not take them.
pub async fn send_bytes(stream: &mut TcpStream, bytes: &str) {
    let _ = stream.write_all(bytes.as_bytes()).await;
}

/// The head of a submission whose body does not come.
pub fn submission_head(length: usize) -> String {
    format!(
        "POST /tasks HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Opens many connections, each of which then sends these bytes.
pub async fn crowd(app: &App, count: usize, bytes: &str) -> Vec<TcpStream> {
    let opening = stream::iter(0..count).map(async |n| {
        let mut stream = connect(app, n % CROWD_ADDRESSES).await;
        send_bytes(&mut stream, bytes).await;
        stream
    });
    opening.buffer_unordered(AT_A_TIME).collect().await
}

/// A submission and a read over a new connection from this address.
pub async fn assert_served(app: &App, from: usize) {
    let began = Instant::now();
    let mut stream = connect(app, from).await;
    let task = mock("").to_string();
    let request = submission_head(task.len()) + &task;
    send_bytes(&mut stream, &request).await;
    let created = answer(&mut stream).await.expect("an answer");
    assert_eq!(created.status, 201);
    let task: Value = serde_json::from_slice(&created.body).expect("JSON");
    let id = task["task_id"].as_str().expect("an id");
    let read = get(&mut stream, &format!("/tasks/{id}")).await;
    assert_eq!(read.expect("an answer").status, 200);
    assert!(began.elapsed() < PROMPTLY, "{:?}", began.elapsed());
    let cancelled = send(app.request(Method::DELETE, &format!("/tasks/{id}"))).await;
    cancelled.expect("an answer").expect(200);
}
