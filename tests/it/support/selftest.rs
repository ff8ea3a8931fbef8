//! Tests of the harness itself.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

use super::events::Events;
use super::mocks::mock;
use super::wait::DEADLINE;
use super::worker_rows::WorkerRows;
use super::{
    App, PrivatePostgres, PrivateRabbit, Proxy, QueueKind, TestDatabase, TestQueue, database, kept,
    queue, services,
};

#[tokio::test]
async fn a_test_database_is_migrated_and_goes_with_its_test() {
    let made = TestDatabase::create().await;
    assert_eq!(made.tasks_in("processing").await, 0);
    let url = made.url();
    drop(made);
    let is_there = database::try_connect(&url).await.is_ok();
    assert_eq!(is_there, kept::is_kept());
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

/// Set in the second run of a test below, which must fail.
const FAIL: &str = "QTASK_SELFTEST_FAILS";

#[tokio::test]
async fn a_failing_test_prints_the_names_of_what_it_keeps() {
    if std::env::var_os(FAIL).is_some() {
        let _database = TestDatabase::create().await;
        let queues = TestQueue::create();
        declare(&queues, "mock").await;
        panic!("on purpose");
    }
    let name = "a_failing_test_prints_the_names_of_what_it_keeps";
    let printed = run_again(name, &[(FAIL, "1"), ("QTASK_TEST_KEEP", "1")]).await;
    let kept = |kind: &str| {
        let prefix = format!("QTASK_TEST_KEEP: {kind} ");
        let name = printed.lines().find_map(|line| line.strip_prefix(&prefix));
        name.unwrap_or_else(|| panic!("no {kind} in {printed}"))
    };
    let url = Url::parse(kept("database")).unwrap();
    let database = TestDatabase::adopt(&url);
    assert_eq!(database.tasks_in("processing").await, 0);
    let base = kept("queues").split(' ').next().unwrap();
    let queues = TestQueue::adopt(&services::rabbitmq_url(), base);
    assert_eq!(queues.depth("mock").await, Some(0));
}

#[tokio::test]
async fn a_level_that_is_asked_for_is_added_to_the_logs_of_a_test() {
    if std::env::var_os(FAIL).is_some() {
        let _app = App::builder(QueueKind::Postgres).start().await;
        panic!("on purpose");
    }
    let name = "a_level_that_is_asked_for_is_added_to_the_logs_of_a_test";
    let added = ("QTASK_TEST_LOG", "actix_server=trace");
    let printed = run_again(name, &[(FAIL, "1"), added]).await;
    assert!(printed.contains("log lines of api-0"), "{printed}");
    assert!(printed.contains("\"level\":\"TRACE\""), "{printed}");
    assert!(printed.contains("\"level\":\"INFO\""), "{printed}");
    let usual = run_again(name, &[(FAIL, "1")]).await;
    assert!(!usual.contains("\"level\":\"TRACE\""), "{usual}");
}

#[tokio::test]
async fn a_test_that_leaves_a_running_task_fails() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let worker = WorkerRows::register(&app.database, "w1").await;
    let task_id = worker.submit_and_claim(&app, &mock("")).await;
    let failure = failure_of_drop(app).await;
    assert!(
        failure.contains(&format!("task {task_id} runs on w1")),
        "{failure}"
    );
}

#[tokio::test]
async fn a_test_that_leaves_a_message_without_a_task_fails() {
    let app = App::builder(QueueKind::Amqp).start().await;
    let queues = app.queue.as_ref().unwrap();
    declare(queues, "mock").await;
    queues.publish("mock", b"left").await;
    let failure = failure_of_drop(app).await;
    assert!(failure.contains("1 messages without a task"), "{failure}");
}

#[tokio::test]
async fn a_test_that_leaves_a_task_without_its_message_fails() {
    let mut app = App::builder(QueueKind::Amqp).start().await;
    let task_id = app.submit(&mock("")).await;
    app.apis[0].kill9().await;
    let unsend = "UPDATE tasks SET dispatched_at = NULL WHERE task_id = $1";
    assert_eq!(app.database.execute(unsend, &[&task_id]).await, 1);
    let failure = failure_of_drop(app).await;
    assert!(failure.contains("1 tasks without a message"), "{failure}");
}

#[tokio::test]
async fn a_test_may_leave_work_where_it_says_so_or_has_failed() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let worker = WorkerRows::register(&app.database, "w1").await;
    worker.submit_and_claim(&app, &mock("")).await;
    app.abandon_work();

    let app = App::builder(QueueKind::Postgres).start().await;
    let worker = WorkerRows::register(&app.database, "w1").await;
    worker.submit_and_claim(&app, &mock("")).await;
    let failing = tokio::spawn(async move {
        let _app = app;
        panic!("on purpose");
    });
    assert_eq!(failure(failing).await, "on purpose");
}

/// The panic message of the drop of an app.
async fn failure_of_drop(app: App) -> String {
    failure(tokio::spawn(async move { drop(app) })).await
}

async fn failure(failing: JoinHandle<()>) -> String {
    let panic = failing.await.unwrap_err().into_panic();
    let literal = panic.downcast_ref::<&str>().map(ToString::to_string);
    literal.unwrap_or_else(|| panic.downcast_ref::<String>().unwrap().clone())
}

/// Runs one of the tests here in a separate process, in which it must fail, and returns its output.
async fn run_again(test: &str, environment: &[(&str, &str)]) -> String {
    let mut command = tokio::process::Command::new(std::env::current_exe().unwrap());
    let test = format!("support::selftest::{test}");
    command
        .args(["--exact", &test, "--nocapture"])
        .env_remove("QTASK_TEST_KEEP")
        .env_remove("QTASK_TEST_LOG")
        .envs(environment.iter().copied())
        .kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, command.output()).await;
    let output = output.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{printed}");
    printed
}
