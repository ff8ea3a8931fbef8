//! Callers that an operation does not admit.

use serde_json::json;
use uuid::Uuid;

use super::operations::Operation;
use super::refusals::send;
use crate::support::contract::Contract;

/// Lets every operation refuse a caller without a token.
pub async fn provoke(api: &Contract<'_>) {
    let unknown = json!({"worker_id": "unknown", "session_id": Uuid::now_v7(), "attempt": 1});
    for operation in Operation::all(api.document()) {
        if operation.answers("401") {
            let path = operation.at(&Uuid::now_v7().to_string(), "w");
            let refused = send(api, &operation, &path, &unknown).await;
            assert_eq!(refused.expect_problem(401), "unauthenticated");
        }
    }
}
