//! Webhooks: qtask calls a task's webhook when the task finishes, at least once, and sends it to no other address.

use std::process::Command;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::app_builder::AppBuilder;
use crate::support::certificates::Authority;
use crate::support::mocks::{mock, mock_with};
use crate::support::receiver::Received;
use crate::support::wait::{DEADLINE, TempDir, eventually, free_port};
use crate::support::{App, QueueKind, Receiver, on_both_queues};

const SECRET: &str = "sesame-5c1d";

fn builder(kind: QueueKind) -> AppBuilder {
    App::builder(kind)
        .env("QTASK_WEBHOOK_SECRET", SECRET)
        .env("QTASK_WEBHOOK_ALLOWED_HOSTS", "127.0.0.0/8")
        .env("QTASK_WEBHOOK_RETRY_DELAY", "50ms")
        .env("QTASK_WEBHOOK_TIMEOUT", "2s")
}

fn with_callback(order: &str, url: &str) -> Value {
    mock_with(order, &json!({"callback_url": url, "name": "told"}))
}

/// What openssl makes of it: an implementation that knows nothing of ours.
fn signature(call: &Received) -> String {
    let text = format!("{}.{}", call.header("x-qtask-timestamp"), call.body);
    let dir = TempDir::new("signature");
    let file = dir.path().join("text");
    std::fs::write(&file, text).expect("a file");
    let output = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET])
        .arg(&file)
        .output()
        .expect("openssl");
    let printed = String::from_utf8(output.stdout).expect("text");
    let (_, digest) = printed.trim().rsplit_once(' ').expect("a digest");
    format!("v1={digest}")
}

async fn row(app: &App, task_id: Uuid) -> Value {
    let query = "SELECT to_jsonb(c) FROM webhooks c WHERE task_id = $1";
    let row = app
        .database
        .connect()
        .await
        .query_opt(query, &[&task_id])
        .await;
    row.expect("webhooks").map_or(Value::Null, |row| row.get(0))
}

async fn wait_over(app: &App, task_id: Uuid) -> Value {
    eventually(DEADLINE, "a webhook that is over", || async {
        let row = row(app, task_id).await;
        (row.is_object() && row["due_at"].is_null()).then_some(row)
    })
    .await
}

on_both_queues!(the_end_of_a_task_is_told_with_a_signature,);

async fn the_end_of_a_task_is_told_with_a_signature(kind: QueueKind) {
    let receiver = Receiver::start(&["204 No Content"]).await;
    let app = builder(kind)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let url = receiver.url("127.0.0.1", "/done?who=me");
    let task_id = app.submit(&with_callback("", &url)).await;
    let calls = receiver.wait_for(1).await;
    let call = &calls[0];
    assert_eq!(call.path, "/done?who=me");
    assert_eq!(call.header("content-type"), "application/json");
    assert_eq!(call.header("x-qtask-signature"), signature(call));
    let sent_at: i64 = call.header("x-qtask-timestamp").parse().expect("seconds");
    let age = time::OffsetDateTime::now_utc().unix_timestamp() - sent_at;
    assert!((0..60).contains(&age), "{age}");
    let task = app.task(task_id).await;
    let expected = json!({
        "task_id": task_id, "status": "completed", "kind": "circuit", "name": "told", "attempt": 1,
        "result": {"00": 500, "11": 500}, "completed_at": task["completed_at"],
        "correlation_id": task["correlation_id"],
    });
    assert_eq!(call.json(), expected);
    let row = wait_over(&app, task_id).await;
    assert_eq!(
        call.header("x-qtask-delivery"),
        row["delivery_id"].as_str().unwrap()
    );
    assert!(row["delivered_at"].is_string(), "{row}");
    app.finish().await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn failed_and_cancelled_tasks_are_told_as_well_and_others_are_not() {
    let receiver = Receiver::start(&["200 OK"]).await;
    let app = builder(QueueKind::Postgres).start().await;
    let url = receiver.url("127.0.0.1", "/");
    let cancelled = app.submit(&with_callback("", &url)).await;
    // The statement that any client's cancellation is, too: the call is owed by whoever ends the task.
    let cancel =
        "UPDATE tasks SET current_status = 'cancelled', completed_at = now(), available_at = NULL,
                  cancel_requested_at = now() WHERE task_id = $1";
    app.database.execute(cancel, &[&cancelled]).await;
    assert_eq!(receiver.wait_for(1).await[0].json()["status"], "cancelled");

    let mut app = app;
    app.start_worker(&Worker::new("w1", "mock")).await;
    let silent = app.submit(&mock("")).await;
    app.wait_terminal(silent, DEADLINE).await;
    let failed = app.submit(&with_callback("fail", &url)).await;
    let body = receiver.wait_for(2).await[1].json();
    assert_eq!(body["task_id"], failed.to_string());
    assert_eq!(
        (&body["status"], &body["error_code"]),
        (&json!("failed"), &json!("execution_error"))
    );
    assert!(
        body["error_message"].is_string() && body.get("result").is_none(),
        "{body}"
    );
    wait_over(&app, failed).await;
    assert_eq!(row(&app, silent).await, Value::Null);
    app.finish().await;
}

#[tokio::test]
async fn a_call_is_made_again_after_an_error_a_silence_and_a_refused_connection() {
    let port = free_port();
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_TIMEOUT", "300ms")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let url = format!("http://127.0.0.1:{port}/");
    let task_id = app.submit(&with_callback("", &url)).await;
    let [api] = &app.apis[..] else {
        panic!("one API")
    };
    let refused = api.wait_for("webhook.failed").await;
    assert!(refused.field("reason").unwrap().contains("cannot connect"));

    let receiver = Receiver::start_on(
        port,
        &["500 Oops", "", "302 Found\r\nlocation: /", "201 Created"],
    )
    .await;
    let calls = receiver.wait_for(4).await;
    let row = wait_over(&app, task_id).await;
    assert!(
        row["delivered_at"].is_string() && row["attempts"].as_i64() >= Some(5),
        "{row}"
    );
    for call in &calls {
        assert_eq!(
            call.header("x-qtask-delivery"),
            row["delivery_id"].as_str().unwrap()
        );
        assert_eq!((call.path.as_str(), &call.body), ("/", &calls[0].body));
        assert_eq!(call.header("x-qtask-signature"), signature(call));
    }
    let reasons = api.events().all(|event| event.is("webhook.failed"));
    let reasons: Vec<String> = reasons
        .iter()
        .filter_map(|event| event.field("reason"))
        .collect();
    for expected in ["answered 500", "no answer within 300ms", "answered 302"] {
        assert!(
            reasons.iter().any(|reason| reason.contains(expected)),
            "{expected}: {reasons:?}"
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn a_call_that_never_arrives_is_given_up_and_the_task_is_as_it_was() {
    let receiver = Receiver::start(&["503 Later"]).await;
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_ATTEMPTS", "3")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let task_id = app
        .submit(&with_callback("", &receiver.url("127.0.0.1", "/")))
        .await;
    let before = app.wait_terminal(task_id, DEADLINE).await;
    let row = wait_over(&app, task_id).await;
    assert!(row["given_up_at"].is_string(), "{row}");
    assert!(row["last_error"].as_str().unwrap().contains("503"), "{row}");
    assert_eq!(receiver.received().len(), 3);
    app.apis[0]
        .wait_for_field("webhook.given_up", "task_id", &task_id.to_string())
        .await;
    assert_eq!(
        app.task(task_id).await["status_history"],
        before["status_history"]
    );
    assert_eq!(app.task(task_id).await["result"], before["result"]);
    app.finish().await;
}

#[tokio::test]
async fn two_processes_make_each_call_once() {
    const TASKS: usize = 60;
    let receiver = Receiver::start(&["200 OK"]).await;
    let worker = Worker::new("w1", "mock").args(&["--concurrency", "8"]);
    let app = builder(QueueKind::Postgres)
        .apis(2)
        .worker(worker)
        .start()
        .await;
    let url = receiver.url("127.0.0.1", "/");
    let mut tasks = Vec::new();
    for _ in 0..TASKS {
        tasks.push(app.submit(&with_callback("", &url)).await.to_string());
    }
    receiver.wait_for(TASKS).await;
    let left = "SELECT count(*) FROM webhooks WHERE delivered_at IS NULL OR attempts <> 1";
    eventually(DEADLINE, "all calls delivered at the first try", || async {
        (app.database.count(left, &[]).await == 0).then_some(())
    })
    .await;
    app.finish().await;
    let mut told: Vec<String> = receiver
        .received()
        .iter()
        .map(|call| call.json()["task_id"].as_str().unwrap().to_owned())
        .collect();
    told.sort();
    tasks.sort();
    assert_eq!(told, tasks);
}

#[tokio::test]
async fn a_call_is_made_although_the_process_dies_before_it() {
    let receiver = Receiver::start(&[""]).await;
    let mut app = builder(QueueKind::Postgres)
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let waiting = app
        .submit(&with_callback(
            "sleep 300ms",
            &receiver.url("127.0.0.1", "/"),
        ))
        .await;
    // Killed before the task has ended: nobody is there to hear of the call.
    app.apis[0].kill9().await;
    eventually(DEADLINE, "a call that is owed", || async {
        row(&app, waiting).await.is_object().then_some(())
    })
    .await;
    app.spawn_api();
    app.wait_ready().await;
    receiver.wait_for(1).await;
    // Killed while the call is under way: it is due again when the lease of that try is over.
    app.apis[1].kill9().await;
    let taken = row(&app, waiting).await;
    assert_eq!(
        (&taken["attempts"], &taken["delivered_at"]),
        (&json!(1), &Value::Null)
    );
    let over = "UPDATE webhooks SET due_at = now() WHERE task_id = $1";
    app.database.execute(over, &[&waiting]).await;
    drop(receiver);

    let receiver = Receiver::start(&["200 OK"]).await;
    let elsewhere = "UPDATE webhooks SET url = $2 WHERE task_id = $1";
    app.database
        .execute(elsewhere, &[&waiting, &receiver.url("127.0.0.1", "/")])
        .await;
    app.spawn_api();
    app.wait_ready().await;
    assert_eq!(
        receiver.wait_for(1).await[0].json()["task_id"],
        waiting.to_string()
    );
    assert_eq!(wait_over(&app, waiting).await["attempts"], 2);
    app.apis.drain(..2);
    app.finish().await;
}

#[tokio::test]
async fn nothing_inside_the_network_is_called_by_default() {
    let receiver = Receiver::start(&["200 OK"]).await;
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_ALLOWED_HOSTS", "public")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
    ] {
        let refused = app
            .post("/tasks", &with_callback("", &receiver.url(host, "/")))
            .await
            .expect(422);
        let message = refused["errors"]["callback_url"]
            .as_str()
            .unwrap_or_default();
        assert!(message.contains("public address"), "{host}: {refused}");
    }
    // A name is looked up when it is called.
    let task_id = app
        .submit(&with_callback("", &receiver.url("localhost", "/")))
        .await;
    let row = wait_over(&app, task_id).await;
    assert!(
        row["given_up_at"].is_string() && row["attempts"] == 1,
        "{row}"
    );
    let error = row["last_error"].as_str().unwrap();
    assert!(
        error.contains("localhost resolves to ") && error.contains("not a public address"),
        "{error}"
    );
    assert_eq!(app.task(task_id).await["status"], "completed");
    app.finish().await;
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let inside = Receiver::start(&["200 OK"]).await;
    let location = format!(
        "307 Temporary Redirect\r\nlocation: {}",
        inside.url("127.0.0.2", "/secret")
    );
    let receiver = Receiver::start(&[&location]).await;
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_ATTEMPTS", "2")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let task_id = app
        .submit(&with_callback("", &receiver.url("127.0.0.1", "/")))
        .await;
    let row = wait_over(&app, task_id).await;
    assert!(
        row["last_error"].as_str().unwrap().contains("answered 307"),
        "{row}"
    );
    assert_eq!((receiver.received().len(), inside.received().len()), (2, 0));
    app.finish().await;
}

#[tokio::test]
async fn a_large_result_is_left_out_and_calls_without_a_secret_are_not_signed() {
    let receiver = Receiver::start(&["200 OK"]).await;
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_SECRET", "")
        .start()
        .await;
    app.apis[0].wait_for("webhook.unsigned").await;
    let task_id = app
        .submit(&with_callback("", &receiver.url("127.0.0.1", "/")))
        .await;
    let finish =
        "UPDATE tasks SET current_status = 'completed', completed_at = now(), available_at = NULL,
                  result = jsonb_build_object('text', repeat('x', 300000)) WHERE task_id = $1";
    app.database.execute(finish, &[&task_id]).await;
    let calls = receiver.wait_for(1).await;
    assert_eq!(calls[0].json()["status"], "completed");
    assert!(calls[0].json().get("result").is_none());
    assert_eq!(calls[0].header("x-qtask-signature"), "");
    wait_over(&app, task_id).await;
    app.finish().await;
}

/// Ends tasks by the database's hand, all of them in one commit.
async fn end_all(app: &App, result: &str) {
    let end = format!(
        "UPDATE tasks SET current_status = 'completed', completed_at = now(), available_at = NULL, result = {result}"
    );
    app.database.execute(&end, &[]).await;
}

#[tokio::test]
async fn results_that_cannot_be_printed_in_time_keep_no_call_waiting() {
    const TASKS: usize = 40;
    let receiver = Receiver::start(&["200 OK"]).await;
    let app = builder(QueueKind::Postgres).start().await;
    let url = receiver.url("127.0.0.1", "/");
    let all = vec![with_callback("", &url); TASKS];
    app.post("/tasks/batch", &json!({"tasks": all}))
        .await
        .expect(201);
    // Stored in few bytes. Printing one takes some time, and printing all of them longer than a statement may take.
    let numbers =
        "(SELECT jsonb_build_object('n', jsonb_agg(1e300)) FROM generate_series(1, 100000))";
    end_all(&app, numbers).await;
    let calls = receiver.wait_for(TASKS).await;
    assert!(calls.iter().all(|call| call.json().get("result").is_none()));
    let left = "SELECT count(*) FROM webhooks WHERE delivered_at IS NULL OR attempts <> 1";
    eventually(DEADLINE, "all calls delivered at the first try", || async {
        (app.database.count(left, &[]).await == 0).then_some(())
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_has_few_of_the_calls_and_others_get_theirs() {
    let (dead, alive) = (
        Receiver::start(&[""]).await,
        Receiver::start(&["200 OK"]).await,
    );
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_TIMEOUT", "1m")
        .start()
        .await;
    let mut all = vec![with_callback("", &dead.url("127.0.0.1", "/")); 70];
    all.extend(vec![with_callback("", &alive.url("127.0.0.1", "/")); 20]);
    app.post("/tasks/batch", &json!({"tasks": all}))
        .await
        .expect(201);
    end_all(&app, "'{}'").await;
    // More than are under way at once: the end of one makes room for the next.
    alive.wait_for(20).await;
    let under_way = "SELECT count(*) FROM webhooks WHERE attempts > 0 AND delivered_at IS NULL";
    eventually(DEADLINE, "only calls of the dead are under way", || async {
        (app.database.count(under_way, &[]).await == 8).then_some(())
    })
    .await;
    assert_eq!(dead.wait_for(8).await.len(), 8);
}

/// Whether so many calls have been begun, of which none was delivered.
async fn wait_under_way(app: &App, count: i64) {
    let under_way = "SELECT count(*) FROM webhooks WHERE attempts > 0 AND delivered_at IS NULL";
    let what = format!("{count} calls under way");
    eventually(DEADLINE, &what, || async {
        (app.database.count(under_way, &[]).await == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_host_has_its_share_of_the_calls_however_its_url_is_written() {
    let (dead, alive) = (
        Receiver::start(&[""]).await,
        Receiver::start(&["200 OK"]).await,
    );
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_TIMEOUT", "1m")
        .start()
        .await;
    // Each has another host where the part before the last `@` is taken for a user.
    let disguised = |n: usize| {
        let plain = dead.url("127.0.0.1", "");
        with_callback("", &format!("{plain}\\@host{n}/"))
    };
    let mut all: Vec<Value> = (0..70).map(disguised).collect();
    all.push(with_callback("", &alive.url("127.0.0.1", "/")));
    app.post("/tasks/batch", &json!({"tasks": all}))
        .await
        .expect(201);
    let stored = "SELECT count(DISTINCT webhook_host) FROM tasks";
    assert_eq!(app.database.count(stored, &[]).await, 2);
    end_all(&app, "'{}'").await;
    alive.wait_for(1).await;
    wait_under_way(&app, 8).await;
    assert_eq!(dead.wait_for(8).await.len(), 8);
}

#[tokio::test]
async fn calls_from_before_their_hosts_were_stored_are_counted_by_their_urls() {
    let (dead, alive) = (
        Receiver::start(&[""]).await,
        Receiver::start(&["200 OK"]).await,
    );
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_TIMEOUT", "1m")
        .start()
        .await;
    let mut all = vec![with_callback("", &dead.url("127.0.0.1", "/")); 70];
    all.extend(vec![with_callback("", &alive.url("127.0.0.1", "/")); 20]);
    app.post("/tasks/batch", &json!({"tasks": all}))
        .await
        .expect(201);
    // Tasks without a host, and calls under hosts as another reading of their URLs brought them.
    let forget = "UPDATE tasks SET webhook_host = NULL";
    app.database.execute(forget, &[]).await;
    let misread = "CREATE FUNCTION misread() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF hashtext(NEW.task_id::text) % 2 = 0 THEN NEW.host := 'host-' || NEW.task_id; END IF; RETURN NEW;
        END $$;";
    app.database
        .connect()
        .await
        .batch_execute(misread)
        .await
        .expect("a function");
    let trigger =
        "CREATE TRIGGER misread BEFORE INSERT ON webhooks FOR EACH ROW EXECUTE FUNCTION misread()";
    app.database.execute(trigger, &[]).await;
    end_all(&app, "'{}'").await;
    alive.wait_for(20).await;
    wait_under_way(&app, 8).await;
    assert_eq!(dead.wait_for(8).await.len(), 8);
    let tries = "SELECT max(attempts)::bigint FROM webhooks";
    assert_eq!(app.database.count(tries, &[]).await, 1);
}

#[tokio::test]
async fn calls_that_were_over_long_ago_are_forgotten() {
    let app = builder(QueueKind::Postgres).start().await;
    let rows = "INSERT INTO webhooks (task_id, url, due_at, delivered_at, given_up_at) VALUES
        (gen_random_uuid(), 'delivered', NULL, now() - interval '8 days', NULL),
        (gen_random_uuid(), 'given up', NULL, NULL, now() - interval '8 days'),
        (gen_random_uuid(), 'of late', NULL, now() - interval '6 days', NULL)";
    app.database.execute(rows, &[]).await;
    let some = "SELECT count(*) FROM webhooks";
    eventually(DEADLINE, "one call that is remembered", || async {
        (app.database.count(some, &[]).await == 1).then_some(())
    })
    .await;
    let late = "SELECT count(*) FROM webhooks WHERE url = 'of late'";
    assert_eq!(app.database.count(late, &[]).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn a_call_by_tls_goes_to_whom_the_machine_trusts_and_to_nobody_else() {
    let authority = Authority::new();
    let acceptor = authority.server(&["127.0.0.1"]).acceptor();
    let receiver = Receiver::start_tls(acceptor, &["200 OK"]).await;
    let url = receiver.url("127.0.0.1", "/").replace("http:", "https:");
    let app = builder(QueueKind::Postgres)
        .env("QTASK_WEBHOOK_ATTEMPTS", "1")
        .worker(Worker::new("w1", "mock"))
        .start()
        .await;
    let task_id = app.submit(&with_callback("", &url)).await;
    let row = wait_over(&app, task_id).await;
    let error = row["last_error"].as_str().unwrap();
    assert!(error.contains("QTASK_CA_FILE"), "{error}");
    app.finish().await;
    assert_eq!(receiver.received().len(), 0);

    let file = authority.file();
    for setting in ["QTASK_CA_FILE", "SSL_CERT_FILE"] {
        let before = receiver.received().len();
        let app = builder(QueueKind::Postgres)
            .env(setting, file.to_str().unwrap())
            .worker(Worker::new("w1", "mock"))
            .start()
            .await;
        let task_id = app.submit(&with_callback("", &url)).await;
        let calls = receiver.wait_for(before + 1).await;
        let call = calls.last().unwrap();
        assert_eq!(call.header("x-qtask-signature"), signature(call));
        assert!(wait_over(&app, task_id).await["delivered_at"].is_string());
        app.finish().await;
    }
}
