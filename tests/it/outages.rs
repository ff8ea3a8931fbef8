//! What clients see, and what becomes of tasks, while PostgreSQL or RabbitMQ is away.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::client::{Reply, send};
use crate::support::gate::Gate;
use crate::support::process::run;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{
    App, PrivatePostgres, PrivateRabbit, Proxy, QueueKind, TestDatabase, TestQueue, on_both_queues,
};

/// What the processes here wait for a service, as `DATABASE_TIMEOUT` and `RABBITMQ_TIMEOUT`.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What an answer may take beyond that on a machine that does much else.
const MARGIN: Duration = Duration::from_millis(2_500);

fn task() -> Value {
    json!({"circuit": "x", "backend": "mock"})
}

/// A worker that says over HTTP how it is.
fn worker() -> Worker {
    Worker::new("w", "mock").args(&["--health-port", "0"])
}

/// An app whose ways to both services lead through proxies.
pub struct Reachable {
    pub app: App,
    postgres: Proxy,
    pub rabbit: Option<Proxy>,
    probe: String,
}

impl Reachable {
    pub async fn start(kind: QueueKind) -> Self {
        Self::start_with(kind, "4").await
    }

    /// With so many connections to PostgreSQL in each process.
    async fn start_with(kind: QueueKind, pool_size: &str) -> Self {
        let mut reachable = Self::launch(kind, pool_size, false).await;
        reachable.app.wait_ready().await;
        reachable
    }

    /// With `away`, both services refuse until the proxies resume.
    async fn launch(kind: QueueKind, pool_size: &str, away: bool) -> Self {
        let database = TestDatabase::create().await;
        let postgres = Proxy::start(database.url().port().unwrap_or(5432)).await;
        let url = database.url_through(postgres.port());
        let mut builder = App::builder(kind)
            .database(database)
            .database_url(&url)
            .env("DATABASE_POOL_SIZE", pool_size)
            .env("DATABASE_TIMEOUT", "3s")
            .env("RABBITMQ_TIMEOUT", "3s")
            .worker(worker());
        let mut rabbit = None;
        if kind == QueueKind::Amqp {
            let queue = TestQueue::create();
            let proxy = Proxy::start(queue.broker().port().unwrap_or(5672)).await;
            builder = builder
                .rabbitmq_url(&queue.broker_through(proxy.port()))
                .queue(queue);
            rabbit = Some(proxy);
        }
        if away {
            postgres.cut();
            rabbit.iter().for_each(Proxy::cut);
        }
        let app = builder.start_unready().await;
        let listening = app.workers[0].wait_for("worker.health_listening").await;
        let address = listening.field("address").expect("its address");
        let probe = format!("http://{}/readyz", address.replace("0.0.0.0", "127.0.0.1"));
        Self {
            app,
            postgres,
            rabbit,
            probe,
        }
    }

    /// Waits until the worker's own probe answers this status.
    pub async fn wait_worker(&self, status: u16) {
        let client = crate::support::client::http_client();
        eventually(
            DEADLINE,
            &format!("the worker's readiness to be {status}"),
            || async {
                let reply = send(client.get(&self.probe)).await.ok()?;
                (reply.status == status).then_some(())
            },
        )
        .await;
    }
}

pub async fn wait_health(app: &App, fits: impl Fn(&Value) -> bool) -> Value {
    eventually(DEADLINE, "the health expected", || async {
        let health = app.get("/health").await.expect(200);
        fits(&health).then_some(health)
    })
    .await
}

pub async fn wait_healthy(app: &App) {
    wait_health(app, |health| health["status"] == "healthy").await;
}

/// Fails unless the answer is a 503 of this kind that came in time and says when to try again.
pub fn assert_refused(reply: &Reply, began: Instant, code: &str) {
    let took = began.elapsed();
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert_eq!(reply.body["code"], code, "{}", reply.body);
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    assert_eq!(reply.headers["retry-after"], "2");
    assert!(took < TIMEOUT + MARGIN, "answered after {took:?}");
}

/// A task goes all its way, once.
async fn assert_works(app: &App) {
    let id = app.submit(&task()).await;
    app.wait_status(id, "completed").await;
    assert_eq!(
        app.database.statuses(id).await,
        ["pending", "processing", "completed"]
    );
}

/// The tables hold this many tasks and nothing of any other.
pub async fn assert_stored(database: &TestDatabase, tasks: i64) {
    let stored = database.count("SELECT count(*) FROM tasks", &[]).await;
    assert_eq!(stored, tasks);
    let strays = "SELECT count(*) FROM status_history h WHERE NOT EXISTS (SELECT FROM tasks t WHERE t.task_id = h.task_id)";
    assert_eq!(
        database.count(strays, &[]).await,
        0,
        "history of tasks that were withdrawn"
    );
}

/// Everything that only reads goes on although the broker is away.
async fn assert_reads_go_on(app: &App, known: Uuid, queue_statuses: &[&str]) {
    assert_eq!(app.task(known).await["status"], "completed");
    app.get("/tasks").await.expect(200);
    app.get("/readyz").await.expect(200);
    let health = wait_health(app, |health| {
        let status = health["queue_status"].as_str().unwrap_or_default();
        queue_statuses.contains(&status) && health["queue_detail"].is_string()
    })
    .await;
    assert_eq!(
        (&health["status"], &health["database_status"]),
        (&json!("degraded"), &json!("connected"))
    );
}

#[tokio::test]
async fn without_its_broker_the_api_refuses_submissions_and_reads_go_on() {
    let reachable = Reachable::start(QueueKind::Amqp).await;
    let (app, rabbit) = (&reachable.app, reachable.rabbit.as_ref().expect("a broker"));
    let known = app.submit(&task()).await;
    app.wait_status(known, "completed").await;

    rabbit.cut();
    assert_reads_go_on(app, known, &["disconnected"]).await;
    for _ in 0..3 {
        let began = Instant::now();
        let reply = app.post("/tasks", &task()).await;
        assert_refused(&reply, began, "queue_unavailable");
        assert!(began.elapsed() < MARGIN, "known before, it is said at once");
    }
    assert_stored(&app.database, 1).await;
    reachable.wait_worker(503).await;

    rabbit.resume();
    wait_healthy(app).await;
    reachable.wait_worker(200).await;
    assert_works(app).await;
    reachable.app.finish().await;
}

#[tokio::test]
async fn a_broker_that_does_not_answer_leaves_no_task_behind() {
    let reachable = Reachable::start(QueueKind::Amqp).await;
    let (app, rabbit) = (&reachable.app, reachable.rabbit.as_ref().expect("a broker"));
    let known = app.submit(&task()).await;
    app.wait_status(known, "completed").await;

    let refusals = join_all((0..8).map(|_| async {
        let began = Instant::now();
        let reply = app.post("/tasks", &task()).await;
        assert_refused(&reply, began, "queue_unavailable");
    }));
    silenced_after_commit(&app.database, rabbit, refusals).await;
    assert_stored(&app.database, 1).await;
    assert_reads_go_on(app, known, &["disconnected", "blocked"]).await;

    // What was held back on the way arrives now, and names tasks that were taken back.
    rabbit.resume();
    wait_healthy(app).await;
    reachable.wait_worker(200).await;
    assert_works(app).await;
    assert_stored(&app.database, 2).await;
    reachable.app.finish().await;
}

#[tokio::test]
async fn a_task_with_a_key_is_kept_when_its_message_is_not_confirmed() {
    let reachable = Reachable::start(QueueKind::Amqp).await;
    let (app, rabbit) = (&reachable.app, reachable.rabbit.as_ref().expect("a broker"));
    let submitting = async {
        let request = app
            .request(Method::POST, "/tasks")
            .header("idempotency-key", "k")
            .json(&task());
        send(request).await.expect("an answer").expect(201)
    };
    // Between its commit and its message the broker falls silent.
    let created = silenced_after_commit(&app.database, rabbit, submitting).await;
    let id: Uuid = created["task_id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("a UUID");
    rabbit.resume();
    app.wait_status(id, "completed").await;
    let history = app.database.history(id).await;
    assert_eq!(history.len(), 3, "{history:#?}");
    reachable.app.finish().await;
}

#[tokio::test]
async fn a_repetition_finds_its_task_even_while_the_broker_is_away() {
    let reachable = Reachable::start(QueueKind::Amqp).await;
    let (app, rabbit) = (&reachable.app, reachable.rabbit.as_ref().expect("a broker"));
    let post = |body: Value| {
        let request = app
            .request(Method::POST, "/tasks")
            .header("idempotency-key", "k")
            .json(&body);
        async move { send(request).await.expect("an answer") }
    };
    let first = post(task()).await.expect(201);
    rabbit.cut();
    wait_health(app, |health| health["status"] == "degraded").await;
    // 503 would say that the task was not accepted.
    let again = post(task()).await.expect(201);
    assert_eq!(again["task_id"], first["task_id"]);
    assert_eq!(
        post(json!({"circuit": "y"})).await.expect_problem(409),
        "idempotency_key_reused"
    );
    rabbit.resume();
    wait_healthy(app).await;
    let id = first["task_id"].as_str().expect("an id");
    app.wait_status(id.parse().expect("a UUID"), "completed")
        .await;
    reachable.app.finish().await;
}

#[tokio::test]
async fn faults_a_broker_without_memory_refuses_for_as_long_as_that_lasts() {
    let node = PrivateRabbit::start().await;
    let app = App::builder(QueueKind::Amqp)
        .queue(TestQueue::create_on(&node.url()))
        .env("RABBITMQ_TIMEOUT", "3s")
        .worker(worker())
        .start()
        .await;
    let known = app.submit(&task()).await;
    app.wait_status(known, "completed").await;

    node.ctl(&["set_vm_memory_high_watermark", "0"]).await;
    let began = Instant::now();
    let reply = app.post("/tasks", &task()).await;
    assert_refused(&reply, began, "queue_unavailable");
    assert_stored(&app.database, 1).await;
    assert_reads_go_on(&app, known, &["blocked"]).await;
    let began = Instant::now();
    let reply = app.post("/tasks", &task()).await;
    assert_refused(&reply, began, "queue_unavailable");
    assert!(began.elapsed() < MARGIN, "known before, it is said at once");

    node.ctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    wait_healthy(&app).await;
    assert_works(&app).await;
    assert_stored(&app.database, 2).await;
    app.finish().await;
}

on_both_queues!(
    without_its_database_the_service_says_so_and_comes_back_by_itself,
    a_database_that_does_not_answer_costs_each_caller_one_timeout_at_most,
    a_commit_whose_answer_was_lost_is_said_to_be_unknown_and_found_again_by_its_key,
    processes_that_start_before_their_services_wait_for_them_and_then_work,
    processes_that_start_before_the_schema_wait_for_it_and_then_work,
    faults_a_database_that_is_killed_and_restarted_costs_time_only,
    a_full_disk_is_507_and_a_result_waits_until_there_is_room,
);

async fn without_its_database_the_service_says_so_and_comes_back_by_itself(kind: QueueKind) {
    let reachable = Reachable::start(kind).await;
    let app = &reachable.app;
    let known = app.submit(&task()).await;
    app.wait_status(known, "completed").await;
    reachable.wait_worker(200).await;

    reachable.postgres.cut();
    eventually(DEADLINE, "the API not to be ready", || async {
        (app.get("/readyz").await.status == 503).then_some(())
    })
    .await;
    for _ in 0..3 {
        let began = Instant::now();
        assert_refused(
            &app.post("/tasks", &task()).await,
            began,
            "database_unavailable",
        );
        for path in [
            format!("/tasks/{known}"),
            "/tasks".to_owned(),
            "/readyz".to_owned(),
        ] {
            let began = Instant::now();
            assert_refused(&app.get(&path).await, began, "database_unavailable");
        }
    }
    app.get("/livez").await.expect(200);
    let health = app.get("/health").await.expect(200);
    assert_eq!(
        (&health["status"], &health["database_status"]),
        (&json!("degraded"), &json!("disconnected"))
    );
    reachable.wait_worker(503).await;
    assert_stored(&app.database, 1).await;

    reachable.postgres.resume();
    wait_healthy(app).await;
    reachable.wait_worker(200).await;
    assert_works(app).await;
    reachable.app.finish().await;
}

async fn a_database_that_does_not_answer_costs_each_caller_one_timeout_at_most(kind: QueueKind) {
    let reachable = Reachable::start(kind).await;
    let app = &reachable.app;
    let known = app.submit(&task()).await;
    app.wait_status(known, "completed").await;

    let submit = |n: i64| async move {
        let began = Instant::now();
        let body = json!({"circuit": "x", "backend": "mock", "metadata": {"n": n}});
        let reply = app.post("/tasks", &body).await;
        let code = reply.body["code"].as_str().unwrap_or_default().to_owned();
        assert!(
            matches!(code.as_str(), "outcome_unknown" | "database_unavailable"),
            "{}",
            reply.body
        );
        assert_refused(&reply, began, &code);
        (n, code)
    };
    let read = |path: String| async move {
        let began = Instant::now();
        let reply = app.get(&path).await;
        assert_eq!(reply.status, 503, "{}", reply.body);
        assert!(
            began.elapsed() < TIMEOUT + MARGIN,
            "{path} after {:?}",
            began.elapsed()
        );
    };
    let mut holder = app.database.connect().await;
    let lock = holder.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE tasks IN SHARE MODE")
        .await
        .expect("the lock");
    let later = async {
        // From here on the first one's answer cannot come, and the others queue behind it.
        wait_for_insertion(&app.database).await;
        reachable.postgres.freeze();
        let (refused, _, (), ()) = tokio::join!(
            join_all((1..8).map(submit)),
            join_all((0..6).map(|_| read(format!("/tasks/{known}")))),
            read("/tasks".to_owned()),
            read("/readyz".to_owned()),
        );
        refused
    };
    let (first, mut refused) = tokio::join!(submit(0), later);
    assert_eq!(first.1, "outcome_unknown");
    refused.push(first);
    lock.rollback().await.expect("the end of the lock");
    let health = app.get("/health").await.expect(200);
    assert_eq!(health["status"], "degraded");
    reachable.wait_worker(503).await;

    reachable.postgres.resume();
    wait_healthy(app).await;
    reachable.wait_worker(200).await;
    assert_works(app).await;
    for (n, code) in refused {
        let query =
            "SELECT count(*) FROM tasks WHERE metadata = jsonb_build_object('n', $1::bigint)";
        let stored = app.database.count(query, &[&n]).await;
        assert!(
            stored == 0 || code == "outcome_unknown",
            "{n}: {code}, but stored {stored} times"
        );
    }
    // What did arrive in the end is run like any other task.
    eventually(DEADLINE, "every stored task to be completed", || async {
        let open = "SELECT count(*) FROM tasks WHERE current_status <> 'completed'";
        (app.database.count(open, &[]).await == 0).then_some(())
    })
    .await;
    reachable.app.finish().await;
}

async fn a_commit_whose_answer_was_lost_is_said_to_be_unknown_and_found_again_by_its_key(
    kind: QueueKind,
) {
    let reachable = Reachable::start_with(kind, "1").await;
    let app = &reachable.app;
    assert_works(app).await;
    let post = || {
        let request = app
            .request(Method::POST, "/tasks")
            .header("idempotency-key", "k")
            .json(&task());
        async move { send(request).await.expect("an answer") }
    };
    // Holds the insertion back within the server, so that its answer finds the way closed. All of it has been sent
    // when it stands there, over whichever connection: a lock on the table would stop it at its preparation.
    let gate = Gate::closed(&app.database, "pending").await;
    let lose_the_answer = async {
        gate.wait_for_a_comer().await;
        reachable.postgres.freeze();
        gate.open().await;
        eventually(DEADLINE, "the commit", || async {
            let stored = app.database.count("SELECT count(*) FROM tasks", &[]).await;
            (stored == 2).then_some(())
        })
        .await;
    };
    let (reply, ()) = tokio::join!(post(), lose_the_answer);
    assert_eq!(reply.headers["retry-after"], "2");
    let problem = reply.expect(503);
    assert_eq!(problem["code"], "outcome_unknown", "{problem}");
    assert!(
        problem["detail"]
            .as_str()
            .expect("a text")
            .contains("Idempotency-Key"),
        "{problem}"
    );
    assert_stored(&app.database, 2).await;

    reachable.postgres.resume();
    wait_healthy(app).await;
    let found = post().await.expect(201);
    let id: Uuid = found["task_id"]
        .as_str()
        .expect("an id")
        .parse()
        .expect("a UUID");
    assert_stored(&app.database, 2).await;
    app.wait_status(id, "completed").await;
    // The worker's claim may have lost its answer as well, which costs an attempt.
    let statuses = app.database.statuses(id).await;
    assert_eq!(
        statuses
            .iter()
            .filter(|status| *status == "completed")
            .count(),
        1,
        "{statuses:?}"
    );
    reachable.app.finish().await;
}

async fn processes_that_start_before_their_services_wait_for_them_and_then_work(kind: QueueKind) {
    let mut reachable = Reachable::launch(kind, "4", true).await;
    let app = &reachable.app;
    app.get("/livez").await.expect(200);
    assert_eq!(
        app.get("/readyz").await.expect_problem(503),
        "database_unavailable"
    );
    let health = app.get("/health").await.expect(200);
    assert_eq!(
        (&health["status"], &health["database_status"]),
        (&json!("degraded"), &json!("disconnected"))
    );
    let reply = app.post("/tasks", &task()).await;
    assert_eq!(reply.headers["retry-after"], "2");
    let code = if kind == QueueKind::Amqp {
        "queue_unavailable"
    } else {
        "database_unavailable"
    };
    assert_eq!(reply.expect_problem(503), code);
    reachable.wait_worker(503).await;
    app.workers[0].wait_for("worker.registration_failed").await;

    // One after the other, the broker first.
    reachable.rabbit.iter().for_each(Proxy::resume);
    reachable.postgres.resume();
    wait_healthy(app).await;
    reachable.app.wait_ready().await;
    reachable.wait_worker(200).await;
    assert_works(&reachable.app).await;
    assert_stored(&reachable.app.database, 1).await;
    reachable.app.finish().await;
}

async fn processes_that_start_before_the_schema_wait_for_it_and_then_work(kind: QueueKind) {
    let mut app = App::builder(kind)
        .database(TestDatabase::create_empty().await)
        .worker(worker())
        .start_unready()
        .await;
    app.workers[0].wait_for("worker.registration_failed").await;
    for reply in [app.post("/tasks", &task()).await, app.get("/tasks").await] {
        assert_eq!(reply.headers["retry-after"], "2");
        reply.expect_problem(503);
    }
    let url = app.database.url();
    let migrated = run(&["migrate"], &[("DATABASE_URL", url.as_str())]).await;
    assert!(migrated.status.success());
    app.wait_ready().await;
    assert_works(&app).await;
    app.finish().await;
}

async fn faults_a_database_that_is_killed_and_restarted_costs_time_only(kind: QueueKind) {
    let mut node = PrivatePostgres::start().await;
    let app = App::builder(kind)
        .database(TestDatabase::create_on(&node.url()).await)
        .env("DATABASE_TIMEOUT", "3s")
        .worker(worker())
        .start()
        .await;
    for kill in [true, false] {
        let running = app
            .submit(&json!({"circuit": "// mock: sleep 1s", "backend": "mock"}))
            .await;
        app.workers[0]
            .wait_for_field("task.claimed", "task_id", &running.to_string())
            .await;
        let waiting = app.submit(&task()).await;
        if kill {
            node.kill9().await;
        } else {
            node.stop().await;
        }
        eventually(DEADLINE, "the API not to be ready", || async {
            (app.get("/readyz").await.status == 503).then_some(())
        })
        .await;
        let began = Instant::now();
        assert_refused(
            &app.post("/tasks", &task()).await,
            began,
            "database_unavailable",
        );
        assert_eq!(app.get("/health").await.expect(200)["status"], "degraded");

        node.restart().await;
        wait_healthy(&app).await;
        for id in [running, waiting] {
            app.wait_status(id, "completed").await;
        }
        assert_eq!(
            app.database.statuses(waiting).await,
            ["pending", "processing", "completed"]
        );
        let ended = app.database.statuses(running).await;
        assert_eq!(
            ended.iter().filter(|status| *status == "completed").count(),
            1,
            "{ended:?}"
        );
        assert_works(&app).await;
    }
    assert_stored(&app.database, 6).await;
    app.finish().await;
}

async fn a_full_disk_is_507_and_a_result_waits_until_there_is_room(kind: QueueKind) {
    let app = App::builder(kind).worker(worker()).start().await;
    fill_disk(&app.database, "WHEN (NEW.status = 'completed')").await;
    let running = app.submit(&task()).await;
    app.workers[0].wait_for("task.outcome_delayed").await;
    fill_disk(&app.database, "").await;
    let reply = app.post("/tasks", &task()).await;
    assert_eq!(reply.headers["retry-after"], "2");
    assert_eq!(reply.expect_problem(507), "storage_full");
    assert_stored(&app.database, 1).await;
    assert_eq!(
        app.task(running).await["status"],
        "processing",
        "reads go on"
    );
    app.get("/tasks").await.expect(200);

    app.database
        .execute("DROP FUNCTION full_disk CASCADE", &[])
        .await;
    app.wait_status(running, "completed").await;
    assert_eq!(
        app.database.statuses(running).await,
        ["pending", "processing", "completed"]
    );
    assert_works(&app).await;
    app.finish().await;
}

/// Lets statements that note such a status fail as PostgreSQL itself does when its disk is full.
async fn fill_disk(database: &TestDatabase, condition: &str) {
    let fail = "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE EXCEPTION 'could not extend file \"base/16384/16385\": No space left on device'
                USING ERRCODE = 'disk_full', HINT = 'Check free disk space.'; END $$";
    database.execute(fail, &[]).await;
    let trigger = format!(
        "CREATE OR REPLACE TRIGGER full_disk BEFORE INSERT ON status_history
         FOR EACH ROW {condition} EXECUTE FUNCTION full_disk()"
    );
    database.execute(&trigger, &[]).await;
}

#[tokio::test]
async fn a_lookup_that_fails_does_not_disown_a_neighbour_that_was_committed() {
    // One connection for all statements, so that what one of them does to it meets the next.
    let app = App::builder(QueueKind::Postgres)
        .env("DATABASE_POOL_SIZE", "1")
        .env("QTASK_HTTP_THREADS", "1")
        .start()
        .await;
    let post = |key: Option<&'static str>, metadata: Value| {
        let body = json!({"circuit": "x", "metadata": metadata});
        let mut request = app.request(Method::POST, "/tasks").json(&body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        async move { send(request).await.expect("an answer") }
    };
    post(Some("k"), json!({})).await.expect(201);
    // A task with the mark is stored, and leaves a connection behind that finds no table any more.
    let lose = "CREATE FUNCTION lose_path() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM set_config('search_path', 'nowhere', false); RETURN NULL; END $$";
    app.database.execute(lose, &[]).await;
    let trigger =
        "CREATE TRIGGER lose_path AFTER INSERT ON tasks FOR EACH ROW WHEN (NEW.metadata ? 'marked')
                   EXECUTE FUNCTION lose_path()";
    app.database.execute(trigger, &[]).await;

    // Behind an insertion that hangs, the marked one and a repetition gather and share the next statement.
    let mut holder = app.database.connect().await;
    let lock = holder.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE tasks IN SHARE MODE")
        .await
        .expect("the lock");
    let behind_it = async {
        wait_for_insertion(&app.database).await;
        let release = async {
            for _ in 0..20 {
                app.get("/livez").await.expect(200);
            }
            lock.rollback().await.expect("the end of the lock");
        };
        tokio::join!(
            post(None, json!({"marked": true})),
            post(Some("k"), json!({})),
            release
        )
    };
    let (first, (marked, _, ())) = tokio::join!(post(None, json!({})), behind_it);
    first.expect(201);
    // It is in the table, so anything but success would be untrue.
    let stored = "SELECT count(*) FROM tasks WHERE metadata ? 'marked'";
    assert_eq!(app.database.count(stored, &[]).await, 1);
    marked.expect(201);
    assert_stored(&app.database, 3).await;
}

/// Submits while insertions are held back until the broker's link is frozen: what is committed then cannot be sent.
pub async fn silenced_after_commit<T>(
    database: &TestDatabase,
    rabbit: &Proxy,
    submitting: impl Future<Output = T>,
) -> T {
    let mut holder = database.connect().await;
    let lock = holder.transaction().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE tasks IN SHARE MODE")
        .await
        .expect("the lock");
    let silencing = async {
        wait_for_insertion(database).await;
        rabbit.freeze();
        lock.rollback().await.expect("the end of the lock");
    };
    tokio::join!(submitting, silencing).0
}

/// Waits until an insertion hangs at a lock.
pub async fn wait_for_insertion(database: &TestDatabase) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                   AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO idempotency_keys%'";
    eventually(DEADLINE, "an insertion to wait", || async {
        (database.count(waiting, &[]).await == 1).then_some(())
    })
    .await;
}
