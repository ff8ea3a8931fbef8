//! Limits of connections and requests: crowds that idle or stall, and honest clients beside them, over real sockets
//! from several addresses of this machine.

use futures_util::stream::{self, StreamExt};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::support::certificates::Authority;
use crate::support::crowd::{
    AT_A_TIME, CROWD_ADDRESSES, api, assert_served, connect, crowd, send_bytes, submission_head,
};
use crate::support::mocks::mock;
use crate::support::raw_http::{self, answer, ask, get, rest};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind};

/// The crowd of the large test, in connections of each kind.
const IDLE: usize = 6_000;
const SLOW_HEADS: usize = 2_000;
const SLOW_BODIES: usize = 2_000;
/// What an idle connection may cost, in bytes: two buffers of 8 KiB, of which idle connections have touched less.
const MOST_BYTES_PER_CONNECTION: u64 = 40 << 10;
/// The same over TLS.
const MOST_BYTES_PER_TLS_CONNECTION: u64 = 80 << 10;

/// This process opens as many connections as the service has.
fn raise_file_limit(wanted: usize) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    assert!(
        hard >= u64::try_from(wanted).expect("a number"),
        "this test needs {wanted} open files, and the hard limit is {hard}"
    );
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("a higher limit");
}

#[tokio::test]
async fn ten_thousand_idle_and_slow_connections_do_not_block_others() {
    raise_file_limit(IDLE + SLOW_HEADS + SLOW_BODIES + 500);
    let app = api(&[
        ("LOG_LEVEL", "info"),
        ("QTASK_HTTP_IDLE_TIMEOUT", "10m"),
        ("QTASK_HTTP_HEAD_TIMEOUT", "10m"),
        ("QTASK_HTTP_BODY_TIMEOUT", "10m"),
    ])
    .await;
    let request = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let idle = crowd(&app, IDLE, request).await;
    assert_served(&app, 100).await;
    let heads = crowd(&app, SLOW_HEADS, "POST /tasks HTTP/1.1\r\nHost: lo").await;
    assert_served(&app, 101).await;
    let bodies = crowd(&app, SLOW_BODIES, &submission_head(100)).await;
    for from in 102..112 {
        assert_served(&app, from).await;
    }
    // Through the proxy that is trusted, too.
    assert_eq!(app.get("/health").await.expect(200)["status"], "healthy");
    let limited = app.apis[0].wait_for("api.connections_limited").await;
    let open = limited.field("open").expect("a number");
    assert!(open.parse::<usize>().expect("a number") > 9_000, "{open}");
    drop((idle, heads, bodies));
    app.finish().await;
}

#[tokio::test]
async fn a_crowd_beyond_the_limit_gives_way_to_new_clients() {
    let app = api(&[
        ("QTASK_MAX_CONNECTIONS", "100"),
        ("QTASK_MAX_CONNECTIONS_PER_ADDRESS", "50"),
        ("QTASK_HTTP_IDLE_TIMEOUT", "10m"),
        ("QTASK_HTTP_HEAD_TIMEOUT", "10m"),
    ])
    .await;
    // A client with one idle connection, older than those of the crowd.
    let mut modest = connect(&app, 200).await;
    get(&mut modest, "/livez").await.expect("an answer");
    let _idle = crowd(&app, 150, "").await;
    let _heads = crowd(&app, 150, "GET /livez HTT").await;
    for from in 100..110 {
        assert_served(&app, from).await;
    }
    // Those with the most connections have lost some, not the one with a single one.
    get(&mut modest, "/livez").await.expect("an answer");
    app.apis[0].wait_for("api.connections_limited").await;
    app.finish().await;
}

#[tokio::test]
async fn slow_bodies_give_way_to_new_clients() {
    let app = api(&[
        ("QTASK_MAX_CONNECTIONS", "50"),
        ("QTASK_MAX_REQUESTS", "10"),
        ("QTASK_HTTP_BODY_TIMEOUT", "10m"),
    ])
    .await;
    let _bodies = crowd(&app, 49, &submission_head(1_000)).await;
    // They take no slot of the requests in progress, and their connections are needed once they are slow.
    for from in 100..105 {
        eventually(DEADLINE, "a place for a new client", async || {
            let mut stream = connect(&app, from).await;
            let reply = get(&mut stream, "/tasks").await.ok()?;
            (reply.status == 200).then_some(())
        })
        .await;
    }
    app.finish().await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let app = api(&[("QTASK_MAX_CONNECTIONS_PER_ADDRESS", "3")]).await;
    let id = app.submit(&mock("")).await;
    // Streams of events are requests in progress: none of them is closed.
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = connect(&app, 1).await;
        ask(&mut stream, &format!("/tasks/{id}/events"))
            .await
            .expect("bytes");
        raw_http::head(&mut stream)
            .await
            .expect("the head of an answer");
        streams.push(stream);
    }
    let mut refused = connect(&app, 1).await;
    let reply = answer(&mut refused).await.expect("an answer");
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (503, "too_many_connections")
    );
    assert!(
        reply.head.contains("\r\nretry-after: 2\r\n"),
        "{}",
        reply.head
    );
    assert!(rest(&mut refused).await.is_empty());
    // Others have their own.
    assert_served(&app, 2).await;
    drop(streams);
    eventually(DEADLINE, "a place for another", async || {
        let mut stream = connect(&app, 1).await;
        let reply = get(&mut stream, "/livez").await.ok()?;
        (reply.status == 200).then_some(())
    })
    .await;
    app.cancel(id).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn an_idle_connection_of_the_same_address_gives_way() {
    let app = api(&[("QTASK_MAX_CONNECTIONS_PER_ADDRESS", "3")]).await;
    let mut idle = connect(&app, 1).await;
    get(&mut idle, "/livez").await.expect("an answer");
    let mut others = Vec::new();
    for _ in 0..10 {
        let mut stream = connect(&app, 1).await;
        let reply = get(&mut stream, "/livez").await.expect("an answer");
        assert_eq!(reply.status, 200);
        others.push(stream);
    }
    assert!(rest(&mut idle).await.is_empty());
    app.finish().await;
}

#[tokio::test]
async fn heads_and_idle_connections_end_in_time() {
    let app = api(&[
        ("QTASK_HTTP_HEAD_TIMEOUT", "1s"),
        ("QTASK_HTTP_BODY_TIMEOUT", "1s"),
        ("QTASK_HTTP_IDLE_TIMEOUT", "1s"),
    ])
    .await;
    let mut silent = connect(&app, 1).await;
    let mut first = connect(&app, 1).await;
    send_bytes(&mut first, "GET /livez HTTP/1.1\r\nHost: lo").await;
    // actix limits only the first head of a connection.
    let mut second = connect(&app, 1).await;
    get(&mut second, "/livez").await.expect("an answer");
    send_bytes(&mut second, "GET /livez HTTP/1.1\r\nHost: lo").await;
    let mut idle = connect(&app, 1).await;
    get(&mut idle, "/livez").await.expect("an answer");
    let mut body = connect(&app, 1).await;
    send_bytes(&mut body, &submission_head(10)).await;
    for stream in [&mut first, &mut second, &mut body] {
        let reply = answer(stream).await.expect("an answer");
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (408, "request_timeout")
        );
    }
    for stream in [&mut first, &mut second, &mut silent, &mut idle] {
        assert!(rest(stream).await.is_empty());
    }
    app.finish().await;
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused_by_its_own_code() {
    let app = api(&[]).await;
    let mut stream = connect(&app, 1).await;
    // No longer than the server reads: the end of a connection with unread bytes would discard the answer.
    let begun = "GET /livez HTTP/1.1\r\na: ";
    let long = "x".repeat((128 << 10) - begun.len());
    send_bytes(&mut stream, &format!("{begun}{long}")).await;
    let reply = answer(&mut stream).await.expect("an answer");
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (431, "head_too_large")
    );
    app.finish().await;
}

/// The growth of the process's memory by many idle connections, in bytes for each.
async fn bytes_per_connection(
    app: &App,
    open: impl AsyncFn() -> Vec<Box<dyn raw_http::Connection>>,
) -> u64 {
    let before = app.apis[0].resident_memory_kib();
    let connections = open().await;
    let after = app.apis[0].resident_memory_kib();
    let count = u64::try_from(connections.len()).expect("a number");
    (after.saturating_sub(before) << 10) / count
}

#[tokio::test]
async fn an_idle_connection_costs_little_memory() {
    const CONNECTIONS: usize = 1_000;
    let app = api(&[("LOG_LEVEL", "info")]).await;
    let open = async || {
        let opening = stream::iter(0..CONNECTIONS).map(async |n| {
            let mut stream = connect(&app, n % CROWD_ADDRESSES).await;
            get(&mut stream, "/livez").await.expect("an answer");
            Box::new(stream) as Box<dyn raw_http::Connection>
        });
        opening
            .buffer_unordered(AT_A_TIME)
            .collect::<Vec<_>>()
            .await
    };
    let bytes = bytes_per_connection(&app, open).await;
    println!("an idle connection takes {bytes} bytes");
    assert!(bytes < MOST_BYTES_PER_CONNECTION, "{bytes}");
    app.finish().await;
}

#[tokio::test]
async fn an_idle_connection_over_tls_costs_little_memory() {
    const CONNECTIONS: usize = 500;
    let authority = Authority::new();
    let files = authority.server(&["localhost", "127.0.0.1"]);
    let builder = App::builder(QueueKind::Postgres).https(&authority, &files);
    let app = builder.env("LOG_LEVEL", "info").start().await;
    let open = async || {
        let opening = stream::iter(0..CONNECTIONS).map(async |_| {
            let stream = raw_http::connect_tls(&app, &authority, "localhost").await;
            let mut stream = stream.expect("TLS");
            get(&mut stream, "/livez").await.expect("an answer");
            Box::new(stream) as Box<dyn raw_http::Connection>
        });
        opening
            .buffer_unordered(AT_A_TIME)
            .collect::<Vec<_>>()
            .await
    };
    let bytes = bytes_per_connection(&app, open).await;
    println!("an idle connection over TLS takes {bytes} bytes");
    assert!(bytes < MOST_BYTES_PER_TLS_CONNECTION, "{bytes}");
    app.finish().await;
}
