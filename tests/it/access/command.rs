//! `qtask token`, and tokens of the other client commands.

use std::process::Output;

use serde_json::Value;

use super::guarded::{ADMIN, builder};
use crate::support::App;
use crate::support::process::run;
use crate::support::wait::TempDir;

async fn qtask(app: &App, token: (&str, &str), arguments: &[&str]) -> (i32, String, String) {
    let url = app.url(0, "");
    let environment = [("QTASK_URL", url.as_str()), token];
    let Output {
        status,
        stdout,
        stderr,
    } = run(arguments, &environment).await;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("a code"), text(stdout), text(stderr))
}

#[tokio::test]
async fn tokens_are_created_listed_and_revoked_by_commands() {
    let app = builder().start().await;
    let admin = ("QTASK_TOKEN", ADMIN);
    let create = [
        "token",
        "create",
        "ci",
        "--scope",
        "tasks:write",
        "--expires",
        "90d",
        "--project",
        "lab",
    ];
    let (code, token, note) = qtask(&app, admin, &create).await;
    let token = token.trim();
    assert_eq!((code, token.len()), (0, 81), "{note}");
    assert!(
        !note.contains(token) && note.contains("shown only now"),
        "{note}"
    );
    let (code, ..) = qtask(&app, ("QTASK_TOKEN", token), &["list"]).await;
    assert_eq!(code, 0);
    let (code, listed, _) = qtask(&app, admin, &["token", "list"]).await;
    let values: Vec<&str> = listed.trim_end().split('\t').collect();
    assert_eq!(
        (code, values[1..5].to_vec()),
        (0, vec!["ci", "active", "tasks:write", "lab"])
    );
    let (code, listed, _) = qtask(&app, admin, &["token", "list", "--json"]).await;
    let json: Value = serde_json::from_str(&listed).expect("a document");
    assert_eq!((code, &json["token_id"]), (0, &Value::from(values[0])));
    let (code, ..) = qtask(
        &app,
        admin,
        &[
            "token",
            "create",
            "ci",
            "--scope",
            "workers,tasks:read",
            "--json",
        ],
    )
    .await;
    assert_eq!(code, 0);
    let (code, _, error) = qtask(&app, admin, &["token", "revoke", "ci"]).await;
    assert_eq!(code, 2);
    assert!(error.contains(values[0]), "{error}");
    let (code, revoked, _) = qtask(&app, admin, &["token", "revoke", values[0]]).await;
    assert_eq!((code, revoked.split('\t').nth(2)), (0, Some("revoked")));
    let (code, ..) = qtask(&app, admin, &["token", "revoke", "ci"]).await;
    assert_eq!(code, 0);
    let (code, _, error) = qtask(&app, admin, &["token", "revoke", "ci"]).await;
    assert!(code == 2 && error.contains("no valid token"), "{error}");
    let (code, _, error) = qtask(&app, ("QTASK_TOKEN", token), &["list"]).await;
    assert!(code == 2 && error.contains("revoked"), "{error}");
    assert!(!error.contains(token));
}

#[tokio::test]
async fn a_client_says_which_token_it_lacks() {
    let app = builder().start().await;
    let (code, _, error) = qtask(&app, ("QTASK_TOKEN", ""), &["list"]).await;
    assert!(code == 2 && error.contains("QTASK_TOKEN_FILE"), "{error}");
    let create = ["token", "create", "reader", "--scope", "tasks:read"];
    let (_, reader, _) = qtask(&app, ("QTASK_TOKEN", ADMIN), &create).await;
    let (code, _, error) = qtask(&app, ("QTASK_TOKEN", reader.trim()), &["token", "list"]).await;
    assert!(code == 2 && error.contains("`admin`"), "{error}");
    let folder = TempDir::new("token");
    let file = folder.path().join("token");
    std::fs::write(&file, &reader).expect("a file");
    let path = file.to_str().expect("a path");
    let (code, ..) = qtask(&app, ("QTASK_TOKEN_FILE", path), &["list"]).await;
    assert_eq!(code, 0);
    let both = ["list", "--token-file", path];
    let (code, _, error) = qtask(&app, ("QTASK_TOKEN", ADMIN), &both).await;
    assert!(code == 2 && error.contains("remove one of them"), "{error}");
    let (code, ..) = qtask(&app, ("QTASK_TOKEN_FILE", "/nowhere"), &["list"]).await;
    assert_eq!(code, 2);
}

#[tokio::test]
async fn the_administrators_token_may_stand_in_a_file() {
    let folder = TempDir::new("admin-token");
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{ADMIN}\n")).expect("a file");
    let app = App::builder(crate::support::QueueKind::Postgres)
        .env("QTASK_ADMIN_TOKEN_FILE", file.to_str().expect("a path"))
        .start()
        .await;
    assert_eq!(app.get("/tasks").await.status, 401);
    super::guarded::get(&app, ADMIN, "/tasks").await.expect(200);
}
