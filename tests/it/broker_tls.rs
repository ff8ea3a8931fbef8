//! RabbitMQ over TLS: which certificates are accepted, what is said about the others, and several brokers.

use std::path::Path;
use std::time::{Duration, Instant};

use qtask::queue::amqp::{AmqpConfig, LinkState, OutgoingMessage, Publisher};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::outages::wait_health;
use crate::support::certificates::Authority;
use crate::support::process::run;
use crate::support::wait::{DEADLINE, eventually, free_port};
use crate::support::{App, QueueKind, Receiver, TestQueue};

/// The time for one connection, over all brokers that are tried.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What a busy machine may take in addition.
const MARGIN: Duration = Duration::from_millis(1_500);

fn publisher(url: &str, authorities: Option<&Path>, stop: &CancellationToken) -> Publisher {
    let mut config = AmqpConfig::parse(url, authorities).expect("a URL");
    config.connect_timeout = TIMEOUT;
    Publisher::start(config, stop)
}

/// Connects and disconnects; returns the time that the connection took.
async fn connects(url: &str, authorities: Option<&Path>) -> Duration {
    let stop = CancellationToken::new();
    let began = Instant::now();
    let publisher = publisher(url, authorities, &stop);
    let up = tokio::time::timeout(DEADLINE, publisher.wait_up()).await;
    let took = began.elapsed();
    assert!(up.is_ok(), "{url}: {}", publisher.state());
    stop.cancel();
    publisher.wait_closed().await;
    took
}

/// The reason for which no connection is opened.
async fn refused(url: &str, authorities: Option<&Path>) -> String {
    let stop = CancellationToken::new();
    let publisher = publisher(url, authorities, &stop);
    let what = format!("{url} is refused");
    let reason = eventually(DEADLINE, &what, async || match publisher.state() {
        LinkState::Down { reason, .. } => Some(reason.to_string()),
        LinkState::Up => panic!("{url} is accepted"),
        _ => None,
    });
    let reason = reason.await;
    stop.cancel();
    publisher.wait_closed().await;
    reason
}

fn assert_says(reason: &str, words: &str) {
    assert!(reason.contains(words), "`{words}` is not in: {reason}");
}

/// A port that accepts connections and never answers.
async fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    (listener, port)
}

#[tokio::test]
async fn brokers_that_do_not_answer_are_named_within_one_timeout() {
    let (_first, first) = silent().await;
    let (_second, second) = silent().await;
    let closed = free_port();
    let began = Instant::now();
    let url = format!("amqps://u:sesame@127.0.0.1:{first},127.0.0.1:{second},localhost:{closed}/v");
    let reason = refused(&url, None).await;
    assert!(began.elapsed() < TIMEOUT + MARGIN, "{:?}", began.elapsed());
    for host in [
        format!("127.0.0.1:{first}/v"),
        format!("127.0.0.1:{second}/v"),
        format!("localhost:{closed}/v"),
    ] {
        assert_says(&reason, &host);
    }
    assert_says(&reason, "no answer within");
    assert_says(&reason, "refused");
    assert!(!reason.contains("sesame"), "{reason}");
}

#[tokio::test]
async fn the_health_of_a_service_says_that_the_authority_is_not_trusted() {
    let authority = Authority::new();
    let stub = Receiver::start_tls(authority.server(&["localhost"]).acceptor(), &[""]).await;
    let url = stub.url("u:sesame@localhost", "/v");
    let app = App::builder(QueueKind::Amqp)
        .env("RABBITMQ_URL", &url.replace("http:", "amqps:"))
        .start_unready()
        .await;
    let health = wait_health(&app, |health| {
        health
            .to_string()
            .contains("an authority that is not trusted here")
    })
    .await;
    assert!(!health.to_string().contains("sesame"), "{health}");
    app.finish().await;
}

/// Ends TLS in front of RabbitMQ, and takes what clients send in small bites, so that their sockets are full.
fn slow_proxy(tls: TlsAcceptor, target: u16) -> (JoinHandle<()>, u16) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let listener = socket.listen(8).expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let accepting = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = split(tls.accept(stream).await?);
                let broker = TcpStream::connect(("127.0.0.1", target)).await?;
                let (mut from_broker, mut to_broker) = broker.into_split();
                let answers = copy(&mut from_broker, &mut to_client);
                let requests = async {
                    let mut bite = [0; 2048];
                    loop {
                        let size = from_client.read(&mut bite).await?;
                        if size == 0 {
                            return std::io::Result::Ok(0);
                        }
                        to_broker.write_all(&bite[..size]).await?;
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                tokio::try_join!(answers, requests)
            });
        }
    });
    (accepting, port)
}

#[tokio::test]
async fn messages_over_a_slow_connection_do_not_wait_for_the_next_heartbeat() {
    let authority = Authority::new();
    let queue = TestQueue::create();
    let target = queue.broker().port().unwrap_or(5672);
    let acceptor = authority.server(&["localhost"]).acceptor();
    let (proxy, port) = slow_proxy(acceptor, target);
    let broker = queue.broker_through(port).to_string();
    let url = broker
        .replace("amqp:", "amqps:")
        .replace("127.0.0.1", "localhost");
    let mut config = AmqpConfig::parse(&url, Some(&authority.file())).expect("a URL");
    queue.base().clone_into(&mut config.queue);
    config.heartbeat_seconds = 60;
    config.confirm_timeout = Duration::from_secs(25);
    let stop = CancellationToken::new();
    let publisher = Publisher::start(config, &stop);
    publisher.wait_up().await;
    for messages in [1, 300, 1000] {
        let message = |_| OutgoingMessage {
            task_id: Uuid::now_v7(),
            backend: "mock".to_owned(),
            priority: 5,
            correlation_id: "c".repeat(200),
            trace: None,
        };
        let began = Instant::now();
        let outcomes = publisher
            .publish((0..messages).map(message).collect())
            .await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let took = began.elapsed();
        assert!(took < Duration::from_secs(12), "{messages}: {took:?}");
    }
    assert_eq!(queue.depth("mock").await, Some(1301));
    stop.cancel();
    publisher.wait_closed().await;
    proxy.abort();
}

#[tokio::test]
async fn files_that_cannot_be_used_are_refused_at_start() {
    let authority = Authority::new();
    let client = authority.client("c");
    let other = authority.client("d");
    let (certificate, key) = (client.certificate.display(), other.key.display());
    for (url, file, words) in [
        (
            "amqps://h?cacertfile=/no/file",
            "",
            "RABBITMQ_URL: `/no/file`",
        ),
        ("amqps://h", "/no/file", "QTASK_CA_FILE: `/no/file`"),
        (
            &format!("amqps://h?certfile={certificate}&keyfile={key}"),
            "",
            "does not fit the certificate in",
        ),
        ("amqps://h?verify=verify_none", "", "always verified"),
    ] {
        let environment = [
            ("DATABASE_URL", "postgresql://localhost/none"),
            ("RABBITMQ_URL", url),
            ("QTASK_CA_FILE", file),
        ];
        let output = run(&["serve"], &environment).await;
        assert_eq!(output.status.code(), Some(2), "{url}");
        assert_says(&String::from_utf8_lossy(&output.stderr), words);
    }
}

/// Named for the group of tests in `.config/nextest.toml` that start services of their own.
mod faults {
    use super::{
        App, Authority, Duration, MARGIN, QueueKind, TIMEOUT, TestQueue, assert_says, connects,
        free_port, json, refused, silent,
    };
    use crate::support::app::Worker;
    use crate::support::rabbit_tls::{ClientCertificates, TlsRabbit};

    #[tokio::test]
    async fn a_certificate_must_be_of_a_trusted_authority_for_the_host_and_of_today() {
        let rabbit = TlsRabbit::start(ClientCertificates::Ignored).await;
        let file = rabbit.authority.file();
        let trusted = Some(file.as_path());
        let only = format!("cacertfile={}", file.display());
        let by_name = rabbit.url("localhost", "");
        connects(&by_name, trusted).await;
        connects(&rabbit.url("127.0.0.1", &only), None).await;

        let stranger = Authority::new();
        let unknown = "an authority that is not trusted here";
        assert_says(&refused(&by_name, None).await, unknown);
        assert_says(&refused(&by_name, Some(&stranger.file())).await, unknown);
        let other_name = rabbit.url("localhost", "server_name_indication=other.example");
        assert_says(
            &refused(&other_name, trusted).await,
            "for another name: \"other.example\"",
        );
        let wrong_password = by_name.replace("guest:guest", "guest:sesame");
        let reason = refused(&wrong_password, trusted).await;
        assert_says(&reason, "wrong user name or password");
        assert!(!reason.contains("sesame"), "{reason}");

        let plain = rabbit.node.url().port().expect("a port");
        let tls_to_plain = format!("amqps://guest:guest@localhost:{plain}");
        assert_says(&refused(&tls_to_plain, trusted).await, "does not speak TLS");
        let plain_to_tls = format!("amqp://guest:guest@127.0.0.1:{}", rabbit.port());
        assert_says(&refused(&plain_to_tls, None).await, "amqps://");

        let authority = &rabbit.authority;
        rabbit.present(&authority.server(&["other.example"])).await;
        assert_says(&refused(&by_name, trusted).await, "for another name");
        connects(&other_name, trusted).await;
        rabbit
            .present(&authority.expired_server(&["localhost"]))
            .await;
        assert_says(&refused(&by_name, trusted).await, "has expired");
        rabbit.present(&stranger.server(&["localhost"])).await;
        assert_says(&refused(&by_name, trusted).await, unknown);
        connects(&by_name, Some(&stranger.file())).await;
    }

    #[tokio::test]
    async fn a_demanded_client_certificate_is_given_and_may_be_the_login() {
        let rabbit = TlsRabbit::start(ClientCertificates::Demanded).await;
        let file = rabbit.authority.file();
        let trusted = Some(file.as_path());
        let with = |authority: &Authority| {
            let client = authority.client("external-user");
            let (certificate, key) = (client.certificate.display(), client.key.display());
            format!("certfile={certificate}&keyfile={key}")
        };
        let certificate = with(&rabbit.authority);
        connects(&rabbit.url("localhost", &certificate), trusted).await;
        let reason = refused(&rabbit.url("localhost", ""), trusted).await;
        assert_says(&reason, "client certificate");
        let stranger = Authority::new();
        let reason = refused(&rabbit.url("localhost", &with(&stranger)), trusted).await;
        assert_says(&reason, "client certificate");

        let external = format!(
            "amqps://localhost:{}/%2f?{certificate}&auth_mechanism=external",
            rabbit.port()
        );
        let reason = refused(&external, trusted).await;
        assert_says(&reason, "wrong user name or password");
        let ctl = async |arguments: &[&str]| rabbit.node.ctl(arguments).await;
        ctl(&["add_user", "external-user", "unused"]).await;
        ctl(&["set_permissions", "external-user", ".*", ".*", ".*"]).await;
        connects(&external, trusted).await;
    }

    #[tokio::test]
    async fn brokers_that_are_away_or_silent_leave_the_work_to_the_one_that_answers() {
        let mut rabbit = TlsRabbit::start(ClientCertificates::Ignored).await;
        let file = rabbit.authority.file();
        let (_silent, silent) = silent().await;
        let away = free_port();
        let hosts = format!("localhost:{away},127.0.0.1:{silent},localhost");
        let url = rabbit.url(&hosts, "");
        for _ in 0..4 {
            let took = connects(&url, Some(&file)).await;
            assert!(took < TIMEOUT + MARGIN, "{took:?}");
        }

        let app = App::builder(QueueKind::Amqp)
            .queue(TestQueue::create_on(&rabbit.node.url()))
            .env("RABBITMQ_URL", &url)
            .env("RABBITMQ_TIMEOUT", "3s")
            .env("QTASK_CA_FILE", file.to_str().expect("a path"))
            .worker(Worker::new("w", "mock"))
            .start()
            .await;
        let task = json!({"circuit": "x", "backend": "mock"});
        let before = app.submit(&task).await;
        app.wait_status(before, "completed").await;
        rabbit.node.kill9().await;
        rabbit.node.restart().await;
        crate::outages::wait_healthy(&app).await;
        let after = app.submit(&task).await;
        app.wait_terminal(after, Duration::from_secs(30)).await;
        app.wait_status(after, "completed").await;
        app.finish().await;
    }
}
