//! Tokens while the database is away.

use serde_json::json;

use super::guarded::{ADMIN, builder, post, with_scope};
use crate::support::{Proxy, TestDatabase};

#[tokio::test]
async fn a_token_that_was_looked_up_lately_is_accepted_while_the_database_is_away() {
    let database = TestDatabase::create().await;
    let proxy = Proxy::start(database.url().port().unwrap_or(5432)).await;
    let url = database.url_through(proxy.port());
    let app = builder()
        .database(database)
        .database_url(&url)
        .env("DATABASE_TIMEOUT", "1s")
        .start()
        .await;
    let known = with_scope(&app, "tasks:read").await;
    let other = with_scope(&app, "tasks:write").await;
    let circuit = json!({"circuit": "OPENQASM 3; qubit q;"});
    let check = async |token: &str| post(&app, token, "/circuits/check", &circuit).await;
    check(&known.text).await.expect(200);
    proxy.cut();
    check(&known.text).await.expect(200);
    check(ADMIN).await.expect(200);
    let refused = check(&other.text).await;
    assert_eq!(refused.expect_problem(503), "database_unavailable");
    assert_eq!(check("sesame").await.expect_problem(401), "unauthenticated");
}
