//! An API is killed between a commit and the message that follows from it: the tasks run nevertheless.

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::support::app::Worker;
use crate::support::client::{Reply, send};
use crate::support::gate::Gate;
use crate::support::mocks::{claimed, completed, mock};
use crate::support::proxy::Proxy;
use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestQueue};

/// An API that reaches its broker through a proxy.
struct Scene {
    app: App,
    broker: Proxy,
}

impl Scene {
    async fn start() -> Self {
        let queue = TestQueue::create();
        let broker = Proxy::start(queue.broker().port().unwrap_or(5672)).await;
        let url = queue.broker_through(broker.port());
        let app = App::builder(QueueKind::Amqp)
            .queue(queue)
            .rabbitmq_url(&url);
        Self {
            app: app.start().await,
            broker,
        }
    }

    fn queue(&self) -> &TestQueue {
        self.app.queue.as_ref().expect("a queue")
    }

    /// Sends a request whose answer may never come.
    fn post(&self, path: &str) -> JoinHandle<Result<Reply, reqwest::Error>> {
        let request = self.app.request(Method::POST, path).json(&json!({}));
        tokio::spawn(send(request))
    }

    /// Kills the API with its message on the way to the broker. Another API and a worker then run the task, at its first attempt.
    async fn kill_and_run(mut self, task_id: Uuid) {
        let sent = "SELECT count(*) FROM tasks WHERE task_id = $1 AND dispatched_at IS NOT NULL";
        eventually(DEADLINE, "a task that counts as sent", || async {
            (self.app.database.count(sent, &[&task_id]).await == 1).then_some(())
        })
        .await;
        self.app.apis[0].kill9().await;
        self.broker.reset().await;
        assert_eq!(
            self.queue().depth("mock").await,
            Some(0),
            "a message was sent"
        );
        self.app.spawn_api();
        self.app.start_worker(&Worker::new("w", "mock")).await;
        let ended = || async { (self.app.database.tasks_in("completed").await == 1).then_some(()) };
        eventually(DEADLINE, "the task to be completed", ended).await;
        let history = self.app.database.history(task_id).await;
        assert_eq!(history[1..], [claimed(1, "w"), completed(1, "w")]);
        self.app.assert_nothing_left_behind().await;
    }
}

#[tokio::test]
async fn a_rerun_whose_api_is_killed_between_commit_and_publish_runs() {
    let scene = Scene::start().await;
    let (app, database) = (&scene.app, &scene.app.database);
    let ended = app.submit(&mock("")).await;
    app.cancel(ended).await.expect(200);
    scene.queue().purge("mock").await;
    // The API asks the broker before the statement, and sends after it: the connection fails between the two.
    let gate = Gate::closed(database, "pending").await;
    let _answer = scene.post(&format!("/tasks/{ended}/rerun"));
    gate.wait_for_a_comer().await;
    scene.broker.freeze();
    gate.open().await;
    app.apis[0].wait_for("task.rerun").await;
    let rerun = "SELECT task_id FROM tasks WHERE rerun_of = $1";
    let row = database.connect().await.query_one(rerun, &[&ended]).await;
    let rerun: Uuid = row.expect("the rerun").get(0);
    scene.kill_and_run(rerun).await;
}

#[tokio::test]
async fn a_task_of_a_resumed_backend_whose_api_is_killed_between_commit_and_publish_runs() {
    let scene = Scene::start().await;
    let app = &scene.app;
    app.post("/backends/mock/pause", &json!({}))
        .await
        .expect(200);
    let task_id = app.submit(&mock("")).await;
    // What a claim leaves that met the pause: no message, and a task that is to be sent again.
    scene.queue().purge("mock").await;
    let unsent = "UPDATE tasks SET dispatched_at = NULL WHERE task_id = $1";
    assert_eq!(app.database.execute(unsent, &[&task_id]).await, 1);
    scene.broker.freeze();
    let _answer = scene.post("/backends/mock/resume");
    app.apis[0].wait_for("backend.resumed").await;
    scene.kill_and_run(task_id).await;
}
