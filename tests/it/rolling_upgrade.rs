//! Processes of the previous version are replaced by this one, one after the other, while clients submit tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::client::{http_client, send};
use crate::support::mocks::mock;
use crate::support::previous::previous_executable;
use crate::support::process::{current, run, run_from};
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestDatabase, on_both_queues};

/// Clients that submit one task after the other.
const CLIENTS: usize = 4;
/// The number of tasks in each phase of an upgrade.
const PHASE: usize = 50;
/// The worker that is killed while it runs tasks.
const KILLED: &str = "old-killed";

on_both_queues!(
    apis_are_replaced_before_workers_and_nothing_is_lost_or_refused,
    workers_are_replaced_before_apis_and_nothing_is_lost_or_refused,
);

async fn apis_are_replaced_before_workers_and_nothing_is_lost_or_refused(kind: QueueKind) {
    upgrade(
        "apis_are_replaced_before_workers",
        kind,
        [Role::Apis, Role::Workers],
    )
    .await;
}

async fn workers_are_replaced_before_apis_and_nothing_is_lost_or_refused(kind: QueueKind) {
    upgrade(
        "workers_are_replaced_before_apis",
        kind,
        [Role::Workers, Role::Apis],
    )
    .await;
}

#[derive(Clone, Copy)]
enum Role {
    Apis,
    Workers,
}

/// Migrates, then replaces the processes in this order, while clients submit.
async fn upgrade(test: &str, kind: QueueKind, order: [Role; 2]) {
    let Some(previous) = previous_executable(test) else {
        return;
    };
    let mut app = start_previous(kind, &previous).await;
    let load = Load::new([app.url(0, ""), app.url(1, "")]);
    let upgrading = async {
        load.wait_phase().await;
        let url = app.database.url();
        let migrated = run(&["migrate"], &[("DATABASE_URL", url.as_str())]).await;
        assert!(migrated.status.success(), "{migrated:?}");
        // The previous version alone, with the new schema.
        load.wait_phase().await;
        for role in order {
            match role {
                Role::Apis => replace_apis(&mut app, &load).await,
                Role::Workers => replace_workers(&mut app, &load).await,
            }
            load.wait_phase().await;
        }
        load.stop();
    };
    tokio::join!(upgrading, load.run());
    let refused = load.refused.into_inner().unwrap();
    assert_eq!(refused, BTreeMap::new(), "answers other than 201 and 200");
    let accepted = load.accepted.into_inner().unwrap();
    assert_each_completed_once(&app, &accepted).await;
    app.assert_nothing_left_behind().await;
}

fn worker(name: &str) -> Worker {
    Worker::new(name, "mock").args(&["--concurrency", "4"])
}

/// Two APIs and two workers of the previous version, with its schema.
async fn start_previous(kind: QueueKind, previous: &Path) -> App {
    let database = TestDatabase::create_empty().await;
    let url = database.url();
    let migrated = run_from(previous, &["migrate"], &[("DATABASE_URL", url.as_str())]).await;
    assert!(migrated.status.success(), "{migrated:?}");
    App::builder(kind)
        .executable(previous)
        .database(database)
        .apis(2)
        .worker(worker("old-stopped"))
        .worker(worker(KILLED))
        .start()
        .await
}

/// New APIs beside the old ones, of which one is then taken out of service and stopped, and one killed while it serves.
async fn replace_apis(app: &mut App, load: &Load) {
    for _ in 0..2 {
        app.spawn_api_from(current());
    }
    app.wait_ready().await;
    load.add(app.url(2, ""));
    load.add(app.url(3, ""));
    load.wait_phase().await;
    load.remove(&app.url(0, ""));
    let stopped = app.apis[0].terminate().await;
    assert!(stopped.success(), "{stopped}");
    app.apis[1].kill9().await;
    load.remove(&app.url(1, ""));
}

/// New workers beside the old ones, of which one is then stopped, and one killed while it runs tasks.
async fn replace_workers(app: &mut App, load: &Load) {
    app.start_worker(&worker("new-1")).await;
    app.start_worker(&worker("new-2")).await;
    load.wait_phase().await;
    let stopped = app.workers[0].terminate().await;
    assert!(stopped.success(), "{stopped}");
    let owned = "SELECT count(*) FROM tasks WHERE current_status = 'processing' AND worker_id = $1";
    eventually(DEADLINE, "a task of the worker that is killed", || async {
        (app.database.count(owned, &[&KILLED]).await > 0).then_some(())
    })
    .await;
    app.workers[1].kill9().await;
}

/// Every accepted task is stored once and was completed once; only tasks of the killed worker needed more than one attempt.
pub async fn assert_each_completed_once(app: &App, accepted: &BTreeMap<String, Uuid>) {
    let count = i64::try_from(accepted.len()).unwrap();
    eventually(DEADLINE, "all tasks to be completed", || async {
        (app.database.tasks_in("completed").await == count).then_some(())
    })
    .await;
    let query = "SELECT task_id,
                        array_agg(status::text ORDER BY id) AS statuses,
                        array_agg(attempt ORDER BY id) FILTER (WHERE status = 'processing') AS attempts,
                        array_agg(worker_id ORDER BY id) FILTER (WHERE status = 'processing') AS workers
                 FROM status_history GROUP BY task_id";
    let client = app.database.connect().await;
    let rows = client.query(query, &[]).await.expect("the histories");
    let stored: BTreeSet<Uuid> = rows.iter().map(|row| row.get("task_id")).collect();
    assert_eq!(stored, accepted.values().copied().collect());
    for row in rows {
        let id: Uuid = row.get("task_id");
        let statuses: Vec<String> = row.get("statuses");
        let attempts: Vec<i32> = row.get("attempts");
        let workers: Vec<String> = row.get("workers");
        let completed = statuses.iter().filter(|status| *status == "completed");
        assert_eq!(completed.count(), 1, "{id}: {statuses:?}");
        assert_eq!(statuses.last().unwrap(), "completed", "{id}: {statuses:?}");
        let expected: Vec<i32> = (1..).take(attempts.len()).collect();
        assert_eq!(attempts, expected, "{id}: {statuses:?}");
        let (_, lost) = workers.split_last().unwrap();
        assert!(lost.iter().all(|name| name == KILLED), "{id}: {workers:?}");
    }
}

/// Clients that submit tasks to the APIs in service, each under its own key, and repeat a request that got no answer.
pub struct Load {
    http: reqwest::Client,
    in_service: Mutex<Vec<String>>,
    turn: AtomicUsize,
    /// The task of each key.
    pub accepted: Mutex<BTreeMap<String, Uuid>>,
    /// How often each other answer was given.
    pub refused: Mutex<BTreeMap<String, usize>>,
    /// When the first and the last request without an answer were made.
    unanswered: Mutex<Option<(Instant, Instant)>>,
    is_stopped: AtomicBool,
}

impl Load {
    /// Clients of these APIs.
    pub fn new(in_service: impl Into<Vec<String>>) -> Self {
        Self {
            http: http_client(),
            in_service: Mutex::new(in_service.into()),
            unanswered: Mutex::default(),
            turn: AtomicUsize::new(0),
            accepted: Mutex::default(),
            refused: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        }
    }

    /// Submits until it is stopped.
    pub async fn run(&self) {
        join_all((0..CLIENTS).map(|client| self.submit_in_turn(client))).await;
    }

    async fn submit_in_turn(&self, client: usize) {
        // Paces the clients, so that the workers keep up.
        let mut pace = tokio::time::interval(Duration::from_millis(40));
        let mut number = 0;
        while !self.is_stopped.load(Ordering::Relaxed) {
            pace.tick().await;
            number += 1;
            let key = format!("{client}-{number}");
            let task_id = self.submit(&key).await;
            self.accepted.lock().unwrap().insert(key, task_id);
        }
    }

    async fn submit(&self, key: &str) -> Uuid {
        let trying = || async {
            let base = {
                let in_service = self.in_service.lock().unwrap();
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                in_service[turn % in_service.len()].clone()
            };
            let request = self.http.post(format!("{base}/tasks"));
            let request = request
                .header("Idempotency-Key", key)
                .json(&mock("sleep 30ms"));
            let asked = Instant::now();
            let Ok(reply) = send(request).await else {
                self.unanswered
                    .lock()
                    .unwrap()
                    .get_or_insert((asked, asked))
                    .1 = asked;
                return None;
            };
            if reply.status.is_success() {
                return Some(reply.body);
            }
            let answer = format!("{} {}", reply.status, reply.body["code"]);
            *self.refused.lock().unwrap().entry(answer).or_default() += 1;
            None
        };
        let task = eventually(DEADLINE, "a submission to be accepted", trying).await;
        serde_json::from_value(task["task_id"].clone()).expect("a task_id")
    }

    /// Waits until more tasks have been accepted.
    pub async fn wait_phase(&self) {
        let count = || self.accepted.lock().unwrap().len();
        let until = count() + PHASE;
        eventually(DEADLINE, "accepted tasks", || async {
            (count() >= until).then_some(())
        })
        .await;
    }

    fn add(&self, api: String) {
        self.in_service.lock().unwrap().push(api);
    }

    fn remove(&self, api: &str) {
        self.in_service.lock().unwrap().retain(|it| it != api);
    }

    /// The time from the first request without an answer to the last one.
    pub fn outage(&self) -> Duration {
        let unanswered = self.unanswered.lock().unwrap();
        unanswered.map_or(Duration::ZERO, |(first, last)| last - first)
    }

    /// Ends [`run`](Self::run).
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn the_previous_version_refuses_a_schema_that_no_older_version_may_serve() {
    let Some(previous) = previous_executable("the_previous_version_refuses") else {
        return;
    };
    let mut app = start_previous(QueueKind::Postgres, &previous).await;
    let url = app.database.url();
    let migrated = run(&["migrate"], &[("DATABASE_URL", url.as_str())]).await;
    assert!(migrated.status.success(), "{migrated:?}");
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')";
    app.database.execute(newer, &[]).await;
    let task = json!({"circuit": "x", "backend": "mock"});
    let refused = eventually(DEADLINE, "a submission to be refused", || async {
        let reply = app.post("/tasks", &task).await;
        (reply.status == 503).then_some(reply)
    });
    assert_eq!(refused.await.expect_problem(503), "schema_too_new");
    let probe = app.get("/readyz").await;
    assert_eq!(probe.expect_problem(503), "schema_too_new");
    let status = app.get("/health").await.expect(200)["database_status"].clone();
    assert_eq!(status, "schema_too_new");
    app.spawn_worker_from(&previous, &worker("late"));
    let late = app.workers.last().unwrap();
    late.wait_for("worker.registration_failed").await;
    app.abandon_work();
}
