//! TLS to PostgreSQL, against real servers with certificates of a private authority.

mod certificates;
mod clients;
mod hosts;
mod life;
mod middlemen;

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::support::PrivatePostgres;
use crate::support::certificates::Authority;
use crate::support::postgres_tls::PostgresTls;
use crate::support::postgres_tls::roles::PASSWORD;
use crate::support::process::run;
use crate::support::wait::TempDir;

/// The TLS of a server whose certificate is for these names; the authority also issues its clients' certificates.
fn tls(authority: &Authority, names: &[&str]) -> PostgresTls {
    PostgresTls {
        server: authority.server(names),
        clients: authority.file(),
    }
}

/// The URL of the maintenance database.
fn url(role: &str, host: &str, node: &PrivatePostgres, parameters: &str) -> String {
    let port = node.port();
    format!("postgresql://{role}@{host}:{port}/postgres?{parameters}")
}

fn root(file: &Path) -> String {
    format!("sslrootcert={}", file.display())
}

/// Connects for a pool and for migrations, and runs this subcommand of `qtask migrate`, or returns what it prints.
async fn migrate(subcommand: &str, url: &str) -> Result<(), String> {
    let environment = [("DATABASE_URL", url), ("DATABASE_TIMEOUT", "3s")];
    let output = run(&["migrate", subcommand, "--wait", "0s"], &environment).await;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("output in UTF-8");
    assert!(!text.contains(PASSWORD), "{text}");
    if output.status.success() {
        Ok(())
    } else {
        Err(text)
    }
}

/// Whether `psql` connects, without any certificates in a home directory; `None` if it is not installed.
async fn psql_connects(url: &str) -> Option<bool> {
    let home = TempDir::new("psql");
    let mut psql = Command::new("psql");
    psql.args([url, "--no-psqlrc", "--no-password", "--command", "SELECT 1"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .stdin(Stdio::null());
    let output = psql.output().await.ok()?;
    Some(output.status.success())
}

/// Fails unless qtask connects, or refuses with a message that has these parts; and unless psql does the same.
async fn assert_as_psql(url: &str, refusal: &[&str]) {
    assert_outcome(url, refusal).await;
    if let Some(connects) = psql_connects(url).await {
        assert_eq!(connects, refusal.is_empty(), "psql {url}");
    }
}

/// The same for qtask alone.
async fn assert_outcome(url: &str, refusal: &[&str]) {
    assert_outcome_of("status", url, refusal).await;
}

async fn assert_outcome_of(subcommand: &str, url: &str, refusal: &[&str]) {
    let outcome = migrate(subcommand, url).await;
    assert_eq!(outcome.is_ok(), refusal.is_empty(), "{url}: {outcome:?}");
    let text = outcome.err().unwrap_or_default();
    for part in refusal {
        assert!(text.contains(part), "{url}: {part:?} is not in {text}");
    }
}
