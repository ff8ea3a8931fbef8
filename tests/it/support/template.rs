//! One migrated template database per set of migrations; tests copy it in some 50 ms.
//!
//! The test runner runs each test in a separate process, so the first one migrates the template under an advisory
//! lock, and the others wait for it. `scripts/test` drops the templates when it ends.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use tokio_postgres::Client;
use url::Url;

use super::database;
use super::process::run;

/// Held while a template is looked up, created, or copied. An arbitrary number that no other lock uses.
const LOCK: i64 = 7_146_982_351;

/// Creates the database `name` as a copy of the template for the migrations in this repository.
pub async fn clone_into(server: &Url, name: &str) {
    let template = format!("qtask_template_{:016x}", fingerprint());
    let admin = database::connect(server).await;
    execute(&admin, &format!("SELECT pg_advisory_lock({LOCK})")).await;
    if !exists(&admin, &template).await {
        build(&admin, server, &template).await;
    }
    execute(
        &admin,
        &format!("CREATE DATABASE {name} TEMPLATE {template}"),
    )
    .await;
    execute(&admin, &format!("SELECT pg_advisory_unlock({LOCK})")).await;
}

/// Migrates under a temporary name and renames, so that a template is always complete.
async fn build(admin: &Client, server: &Url, template: &str) {
    let building = format!("{template}_building");
    execute(
        admin,
        &format!("DROP DATABASE IF EXISTS {building} WITH (FORCE)"),
    )
    .await;
    execute(admin, &format!("CREATE DATABASE {building}")).await;
    let url = database::on(server, &building);
    let migrated = run(&["migrate", "up"], &[("DATABASE_URL", url.as_str())]).await;
    assert!(
        migrated.status.success(),
        "qtask migrate up: {}",
        String::from_utf8_lossy(&migrated.stderr)
    );
    execute(
        admin,
        &format!("ALTER DATABASE {building} RENAME TO {template}"),
    )
    .await;
}

async fn exists(admin: &Client, database: &str) -> bool {
    let query = "SELECT 1 FROM pg_database WHERE datname = $1";
    admin
        .query_opt(query, &[&database])
        .await
        .expect("pg_database")
        .is_some()
}

async fn execute(admin: &Client, statement: &str) {
    admin
        .batch_execute(statement)
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error:?}"));
}

/// A hash of the names and contents of all migrations: each set has its own template.
fn fingerprint() -> u64 {
    let mut files = Vec::new();
    collect(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")),
        &mut files,
    );
    files.sort();
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    hasher.finish()
}

fn collect(directory: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push((
                path.display().to_string(),
                std::fs::read(&path).expect("a migration"),
            ));
        }
    }
}
