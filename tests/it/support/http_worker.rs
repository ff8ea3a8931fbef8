//! An HTTP worker like that of a third party; each answer is validated against the OpenAPI document.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::App;
use crate::support::client::{Reply, send};
use crate::support::contract::Contract;

/// A problem task for a backend.
pub fn problem(backend: &str, fields: &Value) -> Value {
    let mut task = json!({"backend": backend, "problem_id": "astronomy_shop_failure-1"});
    for (name, value) in fields.as_object().into_iter().flatten() {
        task[name] = value.clone();
    }
    task
}

/// The id of a claimed task.
pub fn id_of(task: &Value) -> Uuid {
    serde_json::from_value(task["task_id"].clone()).expect("a task_id")
}

/// A worker and its session.
#[derive(Debug, Clone)]
pub struct HttpWorker {
    /// Its name.
    pub name: String,
    /// The session id from the registration.
    pub session: Uuid,
}

impl HttpWorker {
    /// Registers for one backend; fails the test if the registration is rejected.
    pub async fn register(app: &App, name: &str, backend: &str) -> Self {
        Self::register_with(app, name, backend, &json!({})).await
    }

    /// The same with additional fields.
    pub async fn register_with(app: &App, name: &str, backend: &str, fields: &Value) -> Self {
        let mut body = json!({"worker_id": name, "backends": [backend]});
        for (field, value) in fields.as_object().into_iter().flatten() {
            body[field] = value.clone();
        }
        let api = Contract::of(app).await;
        let registered = api.post("/workers/register", &body).await.expect(201);
        Self {
            name: name.to_owned(),
            session: serde_json::from_value(registered["session_id"].clone()).expect("a session"),
        }
    }

    /// Sends a heartbeat with these tasks.
    pub async fn beat(&self, app: &App, tasks: &[Uuid]) -> Reply {
        let body = json!({"worker_id": self.name, "session_id": self.session, "tasks": tasks});
        let api = Contract::of(app).await;
        api.post("/workers/heartbeat", &body).await
    }

    /// Sends a claim with these fields.
    pub async fn ask(&self, app: &App, fields: &Value) -> Reply {
        let mut body = fields.clone();
        body["session_id"] = json!(self.session);
        let path = format!("/workers/{}/claim", self.name);
        Contract::of(app).await.post(&path, &body).await
    }

    /// Claims, and returns the tasks.
    pub async fn claim(&self, app: &App, fields: &Value) -> Vec<Value> {
        let answer = self.ask(app, fields).await.expect(200);
        answer["tasks"].as_array().expect("tasks").clone()
    }

    /// Claims one task; fails the test if none is returned within its wait.
    pub async fn claim_one(&self, app: &App) -> Value {
        let tasks = self.claim(app, &json!({"wait": 20})).await;
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        tasks[0].clone()
    }

    /// Begins a claim and disconnects when `until` completes; an earlier answer fails the test.
    pub async fn claim_and_hang_up(&self, app: &App, wait: f64, until: impl Future<Output = ()>) {
        let path = format!("/workers/{}/claim", self.name);
        let body = json!({"session_id": self.session, "wait": wait});
        let request = app.request(Method::POST, &path).json(&body);
        tokio::select! {
            answer = send(request) => panic!("answered: {answer:?}"),
            () = until => {}
        }
    }

    /// Reports a result for a claimed task.
    pub async fn complete(&self, app: &App, task: &Value) -> Reply {
        let result = json!({"logs": [], "metrics": {"steps": 1}, "output": {"solved": true}});
        self.write(app, task, "complete", &json!({"result": result}))
            .await
    }

    /// Sends any write for a claimed task, with its owner.
    pub async fn write(&self, app: &App, task: &Value, what: &str, fields: &Value) -> Reply {
        let mut body = fields.clone();
        body["worker_id"] = json!(self.name);
        body["session_id"] = json!(self.session);
        body["attempt"] = task["attempt"].clone();
        let path = format!("/tasks/{}/{what}", id_of(task));
        Contract::of(app).await.post(&path, &body).await
    }

    /// The worker as the API shows it.
    pub async fn view(&self, app: &App) -> Value {
        let path = format!("/workers/{}", self.name);
        Contract::of(app).await.get(&path).await.expect(200)
    }
}

/// Sends heartbeats for a session until dropped.
pub async fn keep_alive(app: &App, worker: &HttpWorker) {
    loop {
        let body = json!({"worker_id": worker.name, "session_id": worker.session});
        app.post("/workers/heartbeat", &body).await.expect(200);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
