//! An HTTP client of qtask.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::App;
use super::wait::{DEADLINE, eventually};

/// A complete answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body as JSON; a string if it is not JSON, `Null` if it is empty.
    pub body: Value,
}

impl Reply {
    /// The body, if the status is `status`.
    ///
    /// # Panics
    /// When the status differs.
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// The `code` of a problem+json answer with this status.
    pub fn expect_problem(self, status: u16) -> String {
        let kind = self
            .headers
            .get("content-type")
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        assert!(
            kind.starts_with("application/problem+json"),
            "{kind}: {}",
            self.body
        );
        let body = self.expect(status);
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// An HTTP client with the default options of the tests.
///
/// # Panics
/// When the client cannot be built.
pub fn http_client() -> reqwest::Client {
    http_client_builder().build().expect("an HTTP client")
}

/// The builder of an HTTP client.
pub fn http_client_builder() -> reqwest::ClientBuilder {
    qtask::tls::install_provider();
    reqwest::Client::builder()
}

/// Sends a request and reads its answer.
pub async fn send(request: RequestBuilder) -> Result<Reply, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await?;
    let body = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    };
    Ok(Reply {
        status,
        headers,
        body,
    })
}

impl App {
    /// Builds a request to the first API, to be sent by [`send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(0, path))
    }

    /// GET a path of the first API.
    pub async fn get(&self, path: &str) -> Reply {
        send(self.request(Method::GET, path))
            .await
            .expect("an answer")
    }

    /// POST JSON to a path of the first API.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        send(self.request(Method::POST, path).json(body))
            .await
            .expect("an answer")
    }

    /// DELETE of a task: requests its cancellation.
    pub async fn cancel(&self, task_id: Uuid) -> Reply {
        send(self.request(Method::DELETE, &format!("/tasks/{task_id}")))
            .await
            .expect("an answer")
    }

    /// Submits a task that must be accepted, and returns its id.
    pub async fn submit(&self, task: &Value) -> Uuid {
        let created = self.post("/tasks", task).await.expect(201);
        created["task_id"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .expect("a task_id")
    }

    /// The task as the API shows it.
    pub async fn task(&self, task_id: Uuid) -> Value {
        self.get(&format!("/tasks/{task_id}")).await.expect(200)
    }

    /// Waits until the task has the status, and returns it. Retries while the API is unreachable.
    pub async fn wait_status(&self, task_id: Uuid, status: &str) -> Value {
        self.wait_task(task_id, DEADLINE, status, |now| now == status)
            .await
    }

    /// Waits until the task is terminal, and returns it.
    pub async fn wait_terminal(&self, task_id: Uuid, limit: Duration) -> Value {
        self.wait_task(task_id, limit, "a terminal status", |now| {
            matches!(now, "completed" | "failed" | "cancelled")
        })
        .await
    }

    async fn wait_task(
        &self,
        task_id: Uuid,
        limit: Duration,
        what: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Value {
        let path = format!("/tasks/{task_id}");
        let what = format!("task {task_id} in {what}");
        let look = || async {
            let task = send(self.request(Method::GET, &path)).await.ok()?.body;
            task["status"].as_str().is_some_and(&fits).then_some(task)
        };
        eventually(limit, &what, look).await
    }
}
