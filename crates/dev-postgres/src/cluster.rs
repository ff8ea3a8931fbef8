//! Makes the cluster, and stops a server that an earlier run left behind.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::Command;

use super::account::Account;
use super::binaries::Installation;
use super::layout::{Layout, create_private_dir};
use super::lock::Locks;
use super::pid_file::PidFile;

/// initdb takes half a second; a slow disk or a loaded machine may take much longer.
const INITDB_LIMIT: Duration = Duration::from_mins(2);

/// How long each way of stopping an old server may take.
const STOP_SECONDS: u64 = 15;

/// The major version of the cluster in `data`; `None` where there is no cluster yet.
///
/// # Errors
/// When something else than a cluster is there.
pub(super) fn major_version(data: &Path) -> anyhow::Result<Option<u32>> {
    let path = data.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => {
            // Before version 10 the major version had two parts, as in 9.6.
            let major = text
                .trim()
                .split('.')
                .next()
                .and_then(|major| major.parse().ok());
            major
                .map(Some)
                .with_context(|| format!("{} holds {text:?}, not a version", path.display()))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("reading {}", path.display()))
        }
        Err(_) if data.exists() => {
            bail!(
                "{} exists but is not a PostgreSQL cluster; move it away",
                data.display()
            )
        }
        Err(_) => Ok(None),
    }
}

/// Makes the cluster under another name and renames it when it is whole, so that an interruption
/// leaves nothing that looks like a cluster.
///
/// # Errors
/// When initdb fails, with what it said.
pub(super) async fn create(
    layout: &Layout,
    server: &Installation,
    account: Account,
    locks: &Locks,
) -> anyhow::Result<()> {
    let unfinished = layout.unfinished_data();
    let context = || format!("preparing {}", unfinished.display());
    match fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(context);
        }
        _ => {}
    }
    create_private_dir(&unfinished).with_context(context)?;
    account.own(&unfinished).with_context(context)?;

    let mut initdb = account.command(server.program("initdb"));
    initdb
        .arg("-D")
        .arg(&unfinished)
        .args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
        ])
        // It reads nothing; holding the lock keeps the next qtask waiting if this one is killed.
        .stdin(Stdio::from(locks.for_helper()?))
        .current_dir(layout.root());
    run(&mut initdb, "initdb", INITDB_LIMIT).await?;
    fs::rename(&unfinished, layout.data()).context("putting the new cluster into its place")
}

/// Stops the server that the cluster's pid file names, if there is one. The pid file itself is
/// never removed: PostgreSQL does that when it has made sure that nobody uses the cluster.
///
/// # Errors
/// When a server is there and does not stop.
pub(super) async fn stop_leftover(
    layout: &Layout,
    server: &Installation,
    account: Account,
) -> anyhow::Result<()> {
    let data = layout.data();
    for mode in ["fast", "immediate"] {
        let Some(file) = PidFile::read(&data)? else {
            return Ok(());
        };
        if !file.is_alive(&data).await {
            return Ok(());
        }
        tracing::info!(
            event = "postgres.leftover_found",
            pid = file.pid(),
            mode,
            "leftover PostgreSQL found: stopping it"
        );
        let mut pg_ctl = account.command(server.program("pg_ctl"));
        pg_ctl
            .arg("stop")
            .arg("-D")
            .arg(&data)
            .args(["-m", mode, "-w"]);
        pg_ctl
            .args(["-t", &STOP_SECONDS.to_string()])
            .current_dir(layout.root());
        let limit = Duration::from_secs(STOP_SECONDS + 5);
        if let Err(error) = run(&mut pg_ctl, "pg_ctl stop", limit).await {
            tracing::warn!(
                event = "postgres.leftover_stop_failed",
                error = format!("{error:#}"),
                mode,
                "leftover PostgreSQL did not stop"
            );
        }
    }
    match PidFile::read(&data)? {
        Some(file) if file.is_alive(&data).await => {
            bail!(
                "the PostgreSQL in {} (pid {:?}) does not stop",
                data.display(),
                file.pid()
            )
        }
        _ => Ok(()),
    }
}

/// Runs a program to its end, and makes an error of a failure.
async fn run(command: &mut Command, name: &str, limit: Duration) -> anyhow::Result<()> {
    let output = tokio::time::timeout(limit, command.output());
    let output = output
        .await
        .with_context(|| format!("{name} takes more than {limit:?}"))?;
    let output = output.with_context(|| format!("running {name}"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "{name} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&said).trim()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_cluster_is_read_from_its_file() {
        let data = std::env::temp_dir().join(format!("qtask-cluster-{}", std::process::id()));
        assert_eq!(major_version(&data).unwrap(), None);
        fs::create_dir(&data).unwrap();
        let message = major_version(&data).unwrap_err().to_string();
        assert!(message.contains("not a PostgreSQL cluster"), "{message}");
        for (content, major) in [("15\n", Some(15)), ("9.6\n", Some(9)), ("?", None)] {
            fs::write(data.join("PG_VERSION"), content).unwrap();
            assert_eq!(major_version(&data).ok().flatten(), major);
        }
        fs::remove_dir_all(data).unwrap();
    }
}
