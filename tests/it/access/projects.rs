//! The project of a task is that of the token that submitted it.

use serde_json::{Value, json};

use super::guarded::{ADMIN, Token, builder, create, get, post};
use crate::support::App;
use crate::support::mocks::mock;

async fn member(app: &App, project: &str) -> Token {
    let token = json!({"name": project, "scopes": ["tasks:write"], "project": project});
    create(app, &token).await
}

fn names(page: &Value) -> Vec<&str> {
    let tasks = page["tasks"].as_array().expect("tasks");
    tasks
        .iter()
        .filter_map(|task| task["name"].as_str())
        .collect()
}

#[tokio::test]
async fn a_task_has_the_project_of_its_token_and_is_listed_by_it() {
    let app = builder().start().await;
    let (lab, shop) = (member(&app, "lab").await, member(&app, "shop").await);
    let named = |name: &str| {
        let mut task = mock("");
        task["name"] = json!(name);
        task
    };
    let submitted = post(&app, &lab.text, "/tasks", &named("one"))
        .await
        .expect(201);
    let batch = json!({"tasks": [named("two"), named("three")]});
    post(&app, &lab.text, "/tasks/batch", &batch)
        .await
        .expect(201);
    post(&app, &shop.text, "/tasks", &named("four"))
        .await
        .expect(201);
    post(&app, ADMIN, "/tasks", &named("five"))
        .await
        .expect(201);
    let path = format!("/tasks/{}", submitted["task_id"].as_str().expect("an id"));
    assert_eq!(get(&app, ADMIN, &path).await.expect(200)["project"], "lab");
    let list = async |query: &str| {
        get(&app, ADMIN, &format!("/tasks?{query}"))
            .await
            .expect(200)
    };
    assert_eq!(
        names(&list("project=lab&sort=submitted_at").await),
        ["one", "two", "three"]
    );
    assert_eq!(names(&list("project=shop").await), ["four"]);
    assert_eq!(names(&list("project=default").await), ["five"]);
    assert_eq!(names(&list("project=none").await), [""; 0]);
    assert_eq!(
        names(&list("project=lab&name=two&status=pending").await),
        ["two"]
    );
    app.abandon_work();
}

#[tokio::test]
async fn the_list_of_a_project_reads_its_index() {
    let app = builder().start().await;
    let fill = "INSERT INTO tasks (task_id, backend, project, problem_id, parameters, priority, timeout_seconds, max_attempts,
                                   metadata, tags, correlation_id, submitted_at, available_at, queue_rank)
                SELECT gen_random_uuid(), 'b', CASE WHEN n = 1 THEN 'rare' ELSE 'default' END, 'p', '{}', 5, 60, 1, '{}', '[]', 'c',
                       now(), now(), now()
                FROM generate_series(1, 20000) AS n";
    app.database.execute(fill, &[]).await;
    let page = get(&app, ADMIN, "/tasks?project=rare").await.expect(200);
    assert_eq!(page["tasks"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["next_cursor"], Value::Null, "the whole list is read");
    app.abandon_work();
}
