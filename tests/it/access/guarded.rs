//! A service that demands tokens, and requests with tokens.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app_builder::AppBuilder;
use crate::support::client::{Reply, send};
use crate::support::{App, QueueKind};

/// The administrator's token of the services here.
pub const ADMIN: &str = "administrators-token-of-the-tests-0123456789";

/// A token of the tests.
#[derive(Debug, Clone)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// Its text.
    pub text: String,
}

/// A service that demands tokens, to be started.
pub fn builder() -> AppBuilder {
    App::builder(QueueKind::Postgres).env("QTASK_ADMIN_TOKEN", ADMIN)
}

/// A request with a token to the API with this index.
pub async fn call(
    (app, api): (&App, usize),
    token: &str,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Reply {
    let client = crate::support::client::http_client();
    let request = client
        .request(method, app.url(api, path))
        .bearer_auth(token);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    send(request).await.expect("an answer")
}

/// GET with a token.
pub async fn get(app: &App, token: &str, path: &str) -> Reply {
    call((app, 0), token, Method::GET, path, None).await
}

/// POST with a token.
pub async fn post(app: &App, token: &str, path: &str, body: &Value) -> Reply {
    call((app, 0), token, Method::POST, path, Some(body)).await
}

/// Creates a token with these fields.
pub async fn create(app: &App, fields: &Value) -> Token {
    let created = post(app, ADMIN, "/tokens", fields).await.expect(201);
    let text = |field: &str| created[field].as_str().expect("a text").to_owned();
    Token {
        id: text("token_id"),
        text: text("token"),
    }
}

/// Creates a token of one scope.
pub async fn with_scope(app: &App, scope: &str) -> Token {
    let name = scope.replace(':', "-");
    create(
        app,
        &json!({"name": format!("of-{name}"), "scopes": [scope]}),
    )
    .await
}

/// Revokes a token through the API with this index.
pub async fn revoke(app: &App, api: usize, token: &Token) {
    let path = format!("/tokens/{}", token.id);
    let revoked = call((app, api), ADMIN, Method::DELETE, &path, None).await;
    assert_eq!(revoked.expect(200)["status"], "revoked");
}
