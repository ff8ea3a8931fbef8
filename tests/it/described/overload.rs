//! More checks of circuits than a service takes at once.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::contract::Contract;
use crate::support::wait::{DEADLINE, eventually};

/// More than run and wait together.
const BURST: usize = 48;
/// Nothing is known of it but that it goes on.
const ENDLESS: &str = "OPENQASM 3; qubit q; int i = 0; while (true) { i = 1 - i; }";

/// Lets checks be refused for want of room.
pub async fn provoke(api: &Contract<'_>) {
    let body = json!({"circuit": ENDLESS});
    let checks = (0..BURST).map(|_| api.post("/circuits/check", &body));
    let mut refused = join_all(checks).await;
    refused.retain(|reply| reply.status != 200);
    assert!(!refused.is_empty());
    for reply in refused {
        assert_eq!(reply.headers["retry-after"], "2");
        assert_eq!(reply.expect_problem(503), "overloaded");
    }
    let small = json!({"circuit": "OPENQASM 3; qubit q;"});
    eventually(DEADLINE, "room for another check", async || {
        let reply = api.post("/circuits/check", &small).await;
        (reply.status == 200).then_some(())
    })
    .await;
}
