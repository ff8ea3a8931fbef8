//! Every operation of the description with every kind of token.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::guarded::{ADMIN, Token, builder, create, revoke, with_scope};
use crate::described::operations::Operation;
use crate::support::App;
use crate::support::answers::header;
use crate::support::client::{Reply, http_client, send};
use crate::support::contract::Contract;

const SCOPES: [&str; 4] = ["tasks:read", "tasks:write", "workers", "admin"];

/// The scopes that include this one.
fn including(scope: &str) -> &'static [&'static str] {
    match scope {
        "tasks:read" => &["tasks:read", "tasks:write", "admin"],
        "tasks:write" => &["tasks:write", "admin"],
        "workers" => &["workers", "admin"],
        "admin" => &["admin"],
        other => panic!("{other} is no scope"),
    }
}

/// The scope that the description names; `None` for a public operation.
fn scope_of<'a>(operation: &Operation<'a>) -> Option<&'a str> {
    let security = operation.described["security"].as_array();
    let security = security.unwrap_or_else(|| panic!("{operation:?} has no scope"));
    let scopes = security.first()?["bearer"].as_array().expect("scopes");
    assert_eq!((security.len(), scopes.len()), (1, 1), "{operation:?}");
    scopes[0].as_str()
}

/// Sends a body that no operation can use: who is not admitted learns nothing about it.
async fn attempt(
    app: &App,
    operation: &Operation<'_>,
    method: Method,
    token: Option<&str>,
) -> Reply {
    let path = operation.at(&Uuid::now_v7().to_string(), "unknown");
    let request = http_client().request(method, app.url(0, &path));
    let request = request.header("content-type", "application/json");
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    send(request.body("{")).await.expect("an answer")
}

fn assert_unauthenticated(reply: Reply, challenge: &str, what: &str) {
    assert_eq!(
        header(&reply.headers, "www-authenticate"),
        challenge,
        "{what}"
    );
    assert_eq!(reply.expect_problem(401), "unauthenticated", "{what}");
}

#[tokio::test]
async fn every_operation_admits_exactly_the_scopes_that_its_description_names() {
    let app = builder().start().await;
    let api = Contract::of(&app).await;
    let mut tokens: Vec<(&str, Token)> = Vec::new();
    for scope in SCOPES {
        tokens.push((scope, with_scope(&app, scope).await));
    }
    for operation in Operation::all(api.document()) {
        let what = format!("{} {}", operation.name, operation.path);
        let scope = scope_of(&operation);
        for (own, token) in &tokens {
            let reply = attempt(&app, &operation, operation.method(), Some(&token.text)).await;
            let status = reply.status.as_u16();
            if scope.is_none_or(|needed| including(needed).contains(own)) {
                assert!(![401, 403].contains(&status), "{what} with {own}: {status}");
                continue;
            }
            let needed = scope.unwrap_or_default();
            let challenge =
                format!("Bearer realm=\"qtask\", error=\"insufficient_scope\", scope=\"{needed}\"");
            assert_eq!(
                header(&reply.headers, "www-authenticate"),
                challenge,
                "{what}"
            );
            let detail = reply.body["detail"].as_str().unwrap_or_default().to_owned();
            assert!(detail.contains(needed), "{what}: {detail}");
            assert_eq!(reply.expect_problem(403), "forbidden", "{what} with {own}");
        }
        let by_admin = attempt(&app, &operation, operation.method(), Some(ADMIN)).await;
        assert!(![401, 403].contains(&by_admin.status.as_u16()), "{what}");
    }
}

#[tokio::test]
async fn every_operation_refuses_callers_without_a_valid_token() {
    let app = builder().start().await;
    let api = Contract::of(&app).await;
    let revoked = create(&app, &json!({"name": "revoked", "scopes": ["admin"]})).await;
    revoke(&app, 0, &revoked).await;
    let expired = create(&app, &json!({"name": "expired", "scopes": ["admin"]})).await;
    let expire = "UPDATE tokens SET expires_at = clock_timestamp() - interval '1 second' WHERE token_id = $1";
    assert_eq!(app.database.execute(expire, &[&expired.id]).await, 1);
    let unknown = format!("qtk_0123456789ab_{}", "0".repeat(64));
    // The id of a token is no secret.
    let guessed = format!("qtk_{}_{}", revoked.id, "0".repeat(64));
    let (none, invalid) = (
        "Bearer realm=\"qtask\"",
        "Bearer realm=\"qtask\", error=\"invalid_token\"",
    );
    for operation in Operation::all(api.document()) {
        let what = format!("{} {}", operation.name, operation.path);
        let method = operation.method();
        let without = attempt(&app, &operation, method.clone(), None).await;
        if scope_of(&operation).is_none() {
            assert_ne!(without.status, 401, "{what}");
            continue;
        }
        assert_unauthenticated(without, none, &what);
        for token in [
            "sesame",
            &unknown,
            &guessed,
            &revoked.text,
            &expired.text,
            &ADMIN[1..],
        ] {
            let refused = attempt(&app, &operation, method.clone(), Some(token)).await;
            assert_unauthenticated(refused, invalid, &what);
        }
        if method == Method::GET {
            let head = attempt(&app, &operation, Method::HEAD, None).await;
            assert_eq!(
                (head.status.as_u16(), head.body),
                (401, Value::Null),
                "{what}"
            );
        }
    }
    for path in ["/", "/docs/", "/openapi.json", "/nowhere"] {
        assert_ne!(app.get(path).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn only_the_holder_of_a_token_learns_that_it_has_ended() {
    let app = builder().start().await;
    let token = with_scope(&app, "tasks:read").await;
    revoke(&app, 0, &token).await;
    let detail = async |text: &str| {
        let refused = super::guarded::get(&app, text, "/backends").await;
        refused.expect(401)["detail"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(detail(&token.text).await.contains("revoked"));
    let guessed = format!("qtk_{}_{}", token.id, "0".repeat(64));
    let unknown = format!("qtk_0123456789ab_{}", "0".repeat(64));
    assert_eq!(detail(&guessed).await, detail(&unknown).await);
}

#[tokio::test]
async fn a_preflight_needs_no_token_and_its_request_does() {
    let origin = "https://app.example.org";
    let app = builder().env("CORS_ORIGINS", origin).start().await;
    let preflight = app
        .request(Method::OPTIONS, "/tasks")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    let allowed = send(preflight).await.expect("an answer");
    assert_eq!(allowed.status, 200);
    assert_eq!(
        header(&allowed.headers, "access-control-allow-origin"),
        origin
    );
    let refused = app.request(Method::GET, "/tasks").header("origin", origin);
    let refused = send(refused).await.expect("an answer");
    // Without the header, the page could not read why it was refused.
    assert_eq!(
        header(&refused.headers, "access-control-allow-origin"),
        origin
    );
    assert_eq!(refused.expect_problem(401), "unauthenticated");
}
