//! Callers that an operation does not admit.

use reqwest::RequestBuilder;
use serde_json::json;
use uuid::Uuid;

use super::operations::Operation;
use super::scene::{ADMIN_TOKEN, body};
use crate::support::contract::Contract;

/// Lets every operation refuse a caller without a token, and one whose token lacks its scope.
pub async fn provoke(api: &Contract<'_>) {
    let as_admin = |request: RequestBuilder| request.bearer_auth(ADMIN_TOKEN);
    let mut tokens = Vec::new();
    for scope in ["tasks:read", "workers"] {
        let fields = json!({"name": "t", "scopes": [scope]});
        let create = |request: RequestBuilder| as_admin(request).json(&fields);
        let created = api.send(reqwest::Method::POST, "/tokens", create).await;
        let token = created.expect(201)["token"].as_str().map(str::to_owned);
        tokens.push((scope, token.expect("a token")));
    }
    let owner = json!({"worker_id": "unknown", "session_id": Uuid::now_v7(), "attempt": 1});
    for operation in Operation::all(api.document()) {
        let path = operation.at(&Uuid::now_v7().to_string(), "w");
        let complete = |request: RequestBuilder| {
            if operation.has_body() {
                request.json(&body(&operation, &owner))
            } else {
                request
            }
        };
        if operation.answers("401") {
            let refused = api.send(operation.method(), &path, complete).await;
            assert_eq!(refused.expect_problem(401), "unauthenticated");
        }
        if operation.answers("403") {
            let needed = operation.described["security"][0]["bearer"][0].clone();
            let (_, token) = tokens
                .iter()
                .find(|(scope, _)| needed != **scope)
                .expect("a token");
            let complete = |request: RequestBuilder| complete(request).bearer_auth(token);
            let refused = api.send(operation.method(), &path, complete).await;
            assert_eq!(refused.expect_problem(403), "forbidden");
        }
    }
}
