//! The harness proves itself: a test that fails because of its tools wastes a day.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::events::Events;
use super::wait::DEADLINE;
use super::{
    PrivatePostgres, PrivateRabbit, Proxy, TestDatabase, TestQueue, database, queue, services,
};

#[tokio::test]
async fn a_test_database_is_migrated_and_goes_with_its_test() {
    let made = TestDatabase::create().await;
    assert_eq!(made.tasks_in("processing").await, 0);
    let url = made.url();
    drop(made);
    assert!(database::try_connect(&url).await.is_err());
}

#[tokio::test]
async fn an_event_is_found_before_and_after_it_is_written() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let events = Events::collect(reader);
    let line = |message: &str| format!("{{\"message\":\"{message}\",\"attempt\":2}}\n");
    std::io::Write::write_all(&mut writer, line("first").as_bytes()).unwrap();
    let first = events
        .first_after(0, |event| event.message() == "first")
        .await
        .unwrap();
    assert_eq!(first.field("attempt").as_deref(), Some("2"));
    let mark = events.len();
    let later = events.first_after(mark, |event| event.message() != "x");
    std::io::Write::write_all(&mut writer, line("second").as_bytes()).unwrap();
    assert_eq!(later.await.unwrap().message(), "second");
    drop(writer);
    assert!(
        events
            .first_after(0, |event| event.message() == "third")
            .await
            .is_none()
    );
}

#[tokio::test]
async fn a_proxy_passes_freezes_cuts_and_resumes() {
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(echo.local_addr().unwrap().port()).await;
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = echo.accept().await {
            let (mut from, mut to) = stream.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from, &mut to).await });
        }
    });
    let mut client = TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .unwrap();
    let mut byte = [0];
    client.write_all(b"a").await.unwrap();
    client.read_exact(&mut byte).await.unwrap();

    proxy.freeze();
    client.write_all(b"b").await.unwrap();
    let silence =
        tokio::time::timeout(Duration::from_millis(200), client.read_exact(&mut byte)).await;
    assert!(silence.is_err());

    proxy.resume();
    client.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"b");

    proxy.cut();
    assert!(!matches!(client.read(&mut byte).await, Ok(1..)));
    let mut refused = TcpStream::connect(("127.0.0.1", proxy.port()))
        .await
        .unwrap();
    assert!(!matches!(refused.read(&mut byte).await, Ok(1..)));
    serving.abort();
}

#[tokio::test]
async fn a_queue_of_a_test_holds_what_was_published_until_it_is_purged() {
    let queues = TestQueue::create_on(&services::rabbitmq_url());
    assert_eq!(queues.depth("mock").await, None);
    declare(&queues, "mock").await;
    queues.publish("mock", b"not even JSON").await;
    assert_eq!(queues.total_depth().await, 1);
    queues.purge("mock").await;
    assert_eq!(queues.depth("mock").await, Some(0));
    queues.delete("mock").await;
    assert_eq!(queues.depth("mock").await, None);
}

#[tokio::test]
async fn faults_a_private_postgres_survives_stop_and_kill() {
    let mut node = PrivatePostgres::start().await;
    let made = TestDatabase::create_on(&node.url()).await;
    made.execute("CREATE TABLE kept (n int)", &[]).await;
    node.stop().await;
    assert!(database::try_connect(&node.url()).await.is_err());
    node.restart().await;
    made.execute("INSERT INTO kept VALUES (1)", &[]).await;
    node.kill9().await;
    node.restart().await;
    assert_eq!(made.count("SELECT count(*) FROM kept", &[]).await, 1);
}

#[tokio::test]
async fn faults_a_private_broker_survives_stop_and_kill_and_loses_its_disk() {
    let mut node = PrivateRabbit::start().await;
    let queues = TestQueue::create_on(&node.url());
    declare(&queues, "mock").await;
    node.stop().await;
    assert!(
        tokio::time::timeout(DEADLINE, queue::try_open(&node.url()))
            .await
            .unwrap()
            .is_err()
    );
    node.restart().await;
    assert_eq!(queues.depth("mock").await, Some(0));
    assert!(
        node.ctl(&["list_queues", "name"])
            .await
            .contains(&queues.of("mock"))
    );
    node.lose_disk().await;
    node.restart().await;
    assert_eq!(queues.depth("mock").await, None);
}

/// Declares a durable queue, as qtask does.
async fn declare(queues: &TestQueue, backend: &str) {
    use amqprs::channel::QueueDeclareArguments;
    let (connection, channel) = queue::try_open(queues.broker()).await.unwrap();
    channel
        .queue_declare(QueueDeclareArguments::durable_client_named(
            &queues.of(backend),
        ))
        .await
        .unwrap();
    connection.close().await.unwrap();
}
