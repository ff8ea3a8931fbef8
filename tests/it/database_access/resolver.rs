//! A host that does not exist ends a migration soon; a resolver that cannot answer now is waited for.

use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::support::process::current;
use crate::support::skipped::report_skipped;
use crate::support::wait::{DEADLINE, TempDir};

/// Runs `qtask migrate` in a network without servers, where the C library looks names up in these sources; `None` if this machine
/// has no such namespaces.
async fn migrate(sources: &str, wait: &str) -> Option<(String, Duration)> {
    const ENTER: &str = r#"mount --bind "$1" /etc/nsswitch.conf && mount --bind "$2" /etc/resolv.conf && ip link set lo up || exit 99
shift 2; exec "$@""#;
    let directory = TempDir::new("resolver");
    let files = [
        ("nsswitch.conf", format!("hosts: {sources}\n")),
        (
            "resolv.conf",
            "nameserver 127.0.0.1\noptions attempts:1 timeout:1\n".to_owned(),
        ),
    ];
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "sh", "-c", ENTER, "sh"]);
    for (name, text) in files {
        let file = directory.path().join(name);
        std::fs::write(&file, text).expect("a file");
        command.arg(file);
    }
    command
        .arg(current())
        .args(["migrate", "up", "--wait", wait])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("DATABASE_URL", "postgresql://u@no-such-host/d")
        .kill_on_drop(true);
    let began = Instant::now();
    let running = tokio::time::timeout(DEADLINE, command.output());
    let output = running.await.expect("an end").ok()?;
    if output.status.code() == Some(99) || !std::fs::exists("/etc/nsswitch.conf").is_ok_and(|it| it)
    {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    if text.starts_with("unshare:") {
        return None;
    }
    assert_eq!(output.status.code(), Some(1), "{text}");
    Some((text, began.elapsed()))
}

#[tokio::test]
async fn a_host_that_does_not_exist_ends_a_migration_within_five_seconds() {
    let Some((text, took)) = migrate("files", "60s").await else {
        report_skipped(
            "database_access::resolver",
            "no namespaces can be made here",
        );
        return;
    };
    let end = text.lines().last().unwrap_or_default();
    assert!(end.contains("no-such-host"), "{text}");
    assert!(end.contains("correct DATABASE_HOST"), "{text}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn a_resolver_that_cannot_answer_is_waited_for() {
    let Some((text, took)) = migrate("dns", "3s").await else {
        report_skipped(
            "database_access::resolver",
            "no namespaces can be made here",
        );
        return;
    };
    let end = text.lines().last().unwrap_or_default();
    assert!(end.contains("(waited "), "{text}");
    assert!(!end.contains("correct DATABASE_HOST"), "{text}");
    assert!(took >= Duration::from_secs(3), "{took:?}");
}
