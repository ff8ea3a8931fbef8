//! Names, numbers and pages of tokens.

use reqwest::Method;
use serde_json::{Value, json};

use super::guarded::{ADMIN, builder, call, create, get, post, revoke};

fn ci() -> Value {
    json!({"name": "ci", "scopes": ["tasks:read"]})
}

#[tokio::test]
async fn a_second_token_of_a_name_replaces_the_first_without_an_interruption() {
    let app = builder().start().await;
    let (old, new) = (create(&app, &ci()).await, create(&app, &ci()).await);
    for token in [&old, &new] {
        get(&app, &token.text, "/backends").await.expect(200);
    }
    let third = post(&app, ADMIN, "/tokens", &ci()).await;
    assert_eq!(third.expect_problem(409), "token_name_in_use");
    revoke(&app, 0, &old).await;
    assert_eq!(get(&app, &old.text, "/backends").await.status, 401);
    get(&app, &new.text, "/backends").await.expect(200);
    create(&app, &ci()).await;
}

#[tokio::test]
async fn an_expired_token_gives_up_its_place() {
    let app = builder().start().await;
    let (first, second) = (create(&app, &ci()).await, create(&app, &ci()).await);
    let expire = "UPDATE tokens SET expires_at = clock_timestamp() WHERE token_id = $1";
    app.database.execute(expire, &[&second.id]).await;
    let third = create(&app, &ci()).await;
    let listed = get(&app, ADMIN, "/tokens?all=true").await.expect(200);
    let status = |id: &str| {
        let tokens = listed["tokens"].as_array().expect("tokens");
        let token = tokens.iter().find(|token| token["token_id"] == id);
        token.expect("the token")["status"].clone()
    };
    let statuses = [&first, &second, &third].map(|token| status(&token.id));
    assert_eq!(statuses, ["active", "expired", "active"]);
}

#[tokio::test]
async fn concurrent_creations_of_one_name_leave_two_tokens() {
    let app = builder().start().await;
    let body = ci();
    let creations = (0..20).map(|_| post(&app, ADMIN, "/tokens", &body));
    let replies = futures_util::future::join_all(creations).await;
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    let refused = replies.iter().filter(|reply| reply.status == 409).count();
    assert_eq!((created, refused), (2, 18));
}

#[tokio::test]
async fn tokens_are_listed_by_name_in_pages() {
    let app = builder().start().await;
    for name in ["c", "a", "b", "b"] {
        create(
            &app,
            &json!({"name": name, "scopes": ["workers"], "backends": ["mock"], "project": "lab"}),
        )
        .await;
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&app, ADMIN, &format!("/tokens?limit=2{cursor}"))
            .await
            .expect(200);
        for token in page["tokens"].as_array().expect("tokens") {
            names.push(token["name"].as_str().expect("a name").to_owned());
            assert_eq!(
                (&token["backends"], &token["project"]),
                (&json!(["mock"]), &json!("lab"))
            );
            assert!(token.get("token").is_none() && token.get("digest").is_none());
        }
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(names, ["a", "b", "b", "c"]);
    let of_b = get(&app, ADMIN, "/tokens?name=b").await.expect(200);
    assert_eq!(of_b["tokens"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn revoked_tokens_stay_in_the_list_of_all_and_a_repeated_revocation_changes_nothing() {
    let app = builder().start().await;
    let token = create(&app, &ci()).await;
    let path = format!("/tokens/{}", token.id);
    let mut times = Vec::new();
    for _ in 0..2 {
        let revoked = call((&app, 0), ADMIN, Method::DELETE, &path, None).await;
        times.push(revoked.expect(200)["revoked_at"].clone());
    }
    assert_eq!(times[0], times[1]);
    let listed = async |query: &str| {
        let page = get(&app, ADMIN, &format!("/tokens{query}"))
            .await
            .expect(200);
        page["tokens"].as_array().map(Vec::len)
    };
    assert_eq!(listed("").await, Some(0));
    assert_eq!(listed("?all=true").await, Some(1));
}
