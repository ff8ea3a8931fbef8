//! `GET /tasks`: every filter, every order, page after page, at any size of the table.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::support::wait::{DEADLINE, eventually};
use crate::support::{App, QueueKind, TestDatabase};

/// Tasks of all kinds, submitted a second apart from 2024 on: the last tenth waits, some before it run, the rest is over.
const FILL: &str = "
INSERT INTO tasks (task_id, backend, circuit, shots, problem_id, priority, timeout_seconds, max_attempts, attempt,
                   current_status, submitted_at, available_at, dispatched_at, started_at, completed_at, worker_id, session_id,
                   last_worker_id, result, error_code, correlation_id, name, tags, queue_rank)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid,
       CASE WHEN n % 40 = 9 THEN 'mock' WHEN n % 3 = 0 THEN 'aer' ELSE 'simulator' END,
       CASE WHEN n % 7 > 0 THEN 'x' END, CASE WHEN n % 7 > 0 THEN 1 END, CASE WHEN n % 7 = 0 THEN 'p' || n % 2 END,
       CASE WHEN n % 2 = 0 THEN 5 ELSE n % 11 END, 300, 3, (status <> 'pending')::integer,
       status::task_status, at, CASE WHEN waits THEN at END, at, CASE WHEN runs THEN clock_timestamp() WHEN status <> 'pending' THEN at END,
       CASE WHEN NOT waits AND NOT runs THEN at END, CASE WHEN runs THEN worker END,
       CASE WHEN runs THEN '00000000-0000-0000-0000-000000000001'::uuid END, CASE WHEN status <> 'pending' THEN worker END,
       CASE WHEN status = 'completed' THEN '{}'::jsonb END, CASE WHEN status = 'failed' THEN 'timeout' END, 'c',
       CASE WHEN n % 5 = 0 THEN 'n' || n % 2 END, CASE WHEN n % 4 = 0 THEN '[\"a\", \"b\"]' WHEN n % 4 = 1 THEN '[\"b\"]' ELSE '[]' END::jsonb, at
FROM (
    SELECT *, status IN ('pending', 'retrying') AS waits, status = 'processing' AS runs, 'w' || n % 3 AS worker
    FROM (
        SELECT n, timestamptz '2024-01-01 00:00:00Z' + n * interval '1 second' AS at,
               CASE WHEN n * 10 > $1 * 9 THEN CASE WHEN n % 6 = 0 THEN 'retrying' ELSE 'pending' END
                    WHEN n * 100 > $1 * 89 THEN 'processing'
                    WHEN n % 13 = 0 THEN 'failed' WHEN n % 17 = 0 THEN 'cancelled' ELSE 'completed' END AS status
        FROM generate_series(1, $1) AS n
    ) AS numbered
) AS made";

/// Whose tasks are left alone.
const OWN: &str = "
INSERT INTO workers (worker_id, session_id, backends, lease_ms)
VALUES ('w0', '00000000-0000-0000-0000-000000000001', '{}', 1000000000)";

const TAG: &str = "
INSERT INTO task_tags (tag, priority, task_id)
SELECT tag, priority, task_id FROM tasks CROSS JOIN LATERAL jsonb_array_elements_text(tags) AS tag";

async fn app_with(count: i32) -> App {
    let database = TestDatabase::create().await;
    database.execute(OWN, &[]).await;
    database.execute(FILL, &[&count]).await;
    database.execute(TAG, &[]).await;
    App::builder(QueueKind::Postgres)
        .database(database)
        .start()
        .await
}

fn ids(page: &Value) -> Vec<Uuid> {
    let tasks = page["tasks"].as_array().expect("tasks");
    let id = |task: &Value| task["task_id"].as_str().expect("an id").parse();
    tasks.iter().map(id).collect::<Result<_, _>>().expect("ids")
}

fn with_cursor(query: &str, cursor: Option<&str>) -> String {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    format!("/tasks?{query}{cursor}")
}

/// All tasks of a list, and how many pages it had.
async fn all_pages(app: &App, query: &str) -> (Vec<Uuid>, usize) {
    let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
    loop {
        let path = with_cursor(query, cursor.as_deref());
        let page = app.get(&path).await.expect(200);
        seen.extend(ids(&page));
        pages += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return (seen, pages),
        }
    }
}

/// What the table itself says.
async fn expected(client: &Client, condition: &str, order: &str) -> Vec<Uuid> {
    let query = format!("SELECT task_id FROM tasks WHERE {condition} ORDER BY {order}");
    let rows = client.query(&query, &[]).await.expect("tasks");
    rows.iter().map(|row| row.get(0)).collect()
}

const SORTS: [(&str, &str); 5] = [
    ("", "task_id DESC"),
    ("&sort=-submitted_at", "submitted_at DESC"),
    ("&sort=submitted_at", "submitted_at"),
    ("&sort=-priority", "priority DESC, task_id DESC"),
    ("&sort=priority", "priority, task_id"),
];

/// Every parameter alone, and its condition.
const FILTERS: [(&str, &str); 20] = [
    ("limit=50", "true"),
    ("status=pending", "current_status = 'pending'"),
    ("status=retrying", "current_status = 'retrying'"),
    ("status=processing", "current_status = 'processing'"),
    ("status=completed", "current_status = 'completed'"),
    ("status=failed", "current_status = 'failed'"),
    (
        "status=failed&status=cancelled&status=pending",
        "current_status IN ('failed', 'cancelled', 'pending')",
    ),
    ("kind=circuit", "circuit IS NOT NULL"),
    ("kind=problem", "problem_id IS NOT NULL"),
    ("backend=aer", "backend = 'aer'"),
    ("backend=mock", "backend = 'mock'"),
    ("backend=none", "false"),
    ("problem_id=p1", "problem_id = 'p1'"),
    ("worker_id=w1", "last_worker_id = 'w1'"),
    ("tag=a", "tags ? 'a'"),
    ("tag=b&tag=a&tag=b", "tags ? 'a'"),
    ("tag=a&tag=c", "false"),
    ("name=n1", "name = 'n1'"),
    (
        "submitted_after=2024-01-01T00:05:00Z",
        "submitted_at >= '2024-01-01 00:05:00Z'",
    ),
    (
        "submitted_before=2024-01-01T01:06:00%2B01:00",
        "submitted_at < '2024-01-01 00:06:00Z'",
    ),
];

#[tokio::test]
async fn every_filter_brings_what_the_table_holds_in_every_order() {
    let app = app_with(400).await;
    let client = app.database.connect().await;
    for (filter, condition) in FILTERS {
        for (sort, order) in SORTS {
            let query = format!("{filter}{sort}");
            let (found, _) = all_pages(&app, &query).await;
            assert_eq!(found, expected(&client, condition, order).await, "{query}");
        }
    }
    app.abandon_work();
}

#[tokio::test]
async fn filters_narrow_each_other_down() {
    let app = app_with(400).await;
    let client = app.database.connect().await;
    for (n, (one, this)) in FILTERS.iter().enumerate() {
        for (other, that) in &FILTERS[n + 1..] {
            let key = |filter: &str| filter.split_once('=').expect("a filter").0.to_owned();
            if key(one) == key(other) {
                continue;
            }
            let (sort, order) = SORTS[n % SORTS.len()];
            let query = format!("{one}&{other}{sort}").replacen("limit=50", "limit=13", 1);
            let (found, _) = all_pages(&app, &query).await;
            let condition = format!("({this}) AND ({that})");
            assert_eq!(found, expected(&client, &condition, order).await, "{query}");
        }
    }
    app.abandon_work();
}

#[tokio::test]
async fn pages_meet_each_task_once_while_new_ones_arrive() {
    for (sort, _) in &SORTS[1..] {
        let app = app_with(120).await;
        let known: BTreeSet<Uuid> = expected(&app.database.connect().await, "true", "task_id")
            .await
            .into_iter()
            .collect();
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        // Four pages hold what was there; in ascending order the new ones come behind it.
        for _ in 0..12 {
            let path = with_cursor(&format!("limit=30{sort}"), cursor.as_deref());
            let page = app.get(&path).await.expect(200);
            seen.extend(ids(&page));
            for priority in [0, 5, 10] {
                app.submit(&json!({"circuit": "x", "priority": priority}))
                    .await;
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        let distinct: BTreeSet<Uuid> = seen.iter().copied().collect();
        assert_eq!(distinct.len(), seen.len(), "one of them twice: {sort}");
        assert!(distinct.is_superset(&known), "one of them missing: {sort}");
        app.abandon_work();
    }
}

#[tokio::test]
async fn a_submitted_task_is_found_by_each_of_its_tags() {
    let app = App::builder(QueueKind::Postgres).start().await;
    let tagged = app
        .submit(&json!({"circuit": "x", "tags": ["nightly", "größer"], "name": "first"}))
        .await;
    app.submit(&json!({"circuit": "x", "tags": ["other"]}))
        .await;
    for query in [
        "tag=nightly",
        "tag=gr%C3%B6%C3%9Fer",
        "tag=gr%C3%B6%C3%9Fer&tag=nightly",
        "name=first",
    ] {
        let (found, _) = all_pages(&app, query).await;
        assert_eq!(found, [tagged], "{query}");
    }
    let (found, _) = all_pages(&app, "tag=nightly&tag=other").await;
    assert_eq!(found, Vec::<Uuid>::new());
}

#[tokio::test]
async fn all_that_is_wrong_with_a_query_is_said_at_once() {
    let app = app_with(30).await;
    let query = "status=done&kind=task&limit=101&sort=name&cursor=x&colour=red&backend=&name=%00&worker_id=a&worker_id=b\
                 &submitted_after=yesterday&submitted_before=1";
    let reply = app.get(&format!("/tasks?{query}")).await;
    let errors = reply.expect(422)["errors"].clone();
    let named: BTreeSet<&str> = errors
        .as_object()
        .expect("errors")
        .keys()
        .map(String::as_str)
        .collect();
    let wrong = [
        "status",
        "kind",
        "limit",
        "sort",
        "cursor",
        "colour",
        "backend",
        "name",
        "worker_id",
        "submitted_after",
        "submitted_before",
    ];
    assert_eq!(named, BTreeSet::from(wrong), "{errors}");

    let newest = app.get("/tasks?limit=1").await.expect(200);
    let cursor = newest["next_cursor"].as_str().expect("a next page");
    for sort in ["submitted_at", "priority", "-priority"] {
        let reply = app
            .get(&format!("/tasks?sort={sort}&cursor={cursor}"))
            .await;
        let errors = reply.expect(422)["errors"].clone();
        assert!(
            errors["cursor"]
                .as_str()
                .expect("a message")
                .contains("sort"),
            "{errors}"
        );
    }
    app.abandon_work();
}

/// What lists read from tables and indexes so far. Not counted are the indexes that sweeps read, too.
const READ: &str = "
SELECT (SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes
        WHERE relname IN ('tasks', 'task_tags') AND indexrelname NOT IN ('tasks_claimable', 'tasks_undispatched', 'tasks_running'))
     + (SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE relname IN ('tasks', 'task_tags'))";

/// The figure as it is once every connection of the service has told what it did, which it does when it ends.
async fn rows_read(client: &Client) -> i64 {
    let ended = "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let rows = client.query(ended, &[]).await.expect("the connections");
    let pids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    let gone = || async {
        let left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)";
        let row = client.query_one(left, &[&pids]).await.ok()?;
        (row.get::<_, i64>(0) == 0).then_some(())
    };
    eventually(DEADLINE, "the connections to end", gone).await;
    let query = format!("SELECT ({READ})::bigint");
    client
        .query_one(&query, &[])
        .await
        .expect("statistics")
        .get(0)
}

#[tokio::test]
async fn no_page_of_a_large_table_reads_more_than_a_part_of_it() {
    const TASKS: i32 = 100_000;
    const AT_MOST: i64 = 16_000;
    let app = app_with(TASKS).await;
    let client = app.database.connect().await;
    for filter in FILTERS.map(|(filter, _)| filter).into_iter().chain([
        "worker_id=nobody",
        "worker_id=nobody&tag=b",
        "worker_id=w1&tag=a&name=n1&backend=aer&status=failed&kind=problem",
        "status=completed&backend=nowhere&name=n0",
        "status=completed&backend=mock&kind=problem",
        "status=retrying&backend=mock&worker_id=w9",
        "kind=circuit&submitted_before=2024-01-01T01:00:00Z",
    ]) {
        for (sort, _) in &SORTS[2..] {
            let query = format!("/tasks?{filter}{sort}");
            let before = rows_read(&client).await;
            // The first request may meet a connection that has just been ended.
            let answered = || async { (app.get(&query).await.status == 200).then_some(()) };
            eventually(DEADLINE, "a page", answered).await;
            let read = rows_read(&client).await - before;
            assert!((0..=AT_MOST).contains(&read), "{query} read {read} rows");
        }
    }
    app.abandon_work();
}

#[tokio::test]
async fn a_search_that_reads_too_much_for_one_page_goes_on_where_it_stopped() {
    let app = app_with(30_000).await;
    let client = app.database.connect().await;
    for (query, condition) in [
        ("backend=mock&name=n1", "backend = 'mock' AND name = 'n1'"),
        ("kind=circuit&worker_id=w9", "false"),
        (
            "status=completed&backend=mock&kind=problem&limit=100",
            "current_status = 'completed' AND backend = 'mock' AND problem_id IS NOT NULL",
        ),
    ] {
        for (sort, order) in SORTS {
            let (found, _) = all_pages(&app, &format!("{query}{sort}")).await;
            assert_eq!(
                found,
                expected(&client, condition, order).await,
                "{query}{sort}"
            );
        }
    }
    let (found, pages) = all_pages(
        &app,
        "backend=simulator&kind=circuit&submitted_before=2024-01-01T00:00:00Z",
    )
    .await;
    assert_eq!((found, pages), (vec![], 1), "the time bounds the ids");
    let (found, pages) = all_pages(&app, "backend=nowhere").await;
    assert_eq!(
        (found, pages),
        (vec![], 1),
        "a backend without tasks is known by its index"
    );
    // Nothing but a walk through the whole table finds that there is none.
    client
        .execute("DELETE FROM tasks WHERE backend = 'mock'", &[])
        .await
        .expect("tasks");
    let (found, pages) = all_pages(&app, "backend=mock").await;
    assert_eq!(found, Vec::<Uuid>::new());
    assert!(pages > 1, "the pages of a long search are short");
    app.abandon_work();
}
