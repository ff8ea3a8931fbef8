//! Creates the cluster, and stops a server that an earlier run left running.

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

/// initdb takes half a second, and much longer on a slow disk or a loaded machine.
const INITDB_LIMIT: Duration = Duration::from_mins(2);

/// Time limit of each shutdown mode of a leftover server, in seconds.
const STOP_SECONDS: u64 = 15;

/// The major version of the cluster in `data`; `None` if there is no cluster yet.
///
/// # Errors
/// When `data` contains something other than a cluster.
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

/// Creates the cluster under a temporary name and renames it when it is complete, so that an interruption
/// leaves no partial cluster.
///
/// # Errors
/// When initdb fails, with its output.
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
        // initdb reads no input; the inherited lock makes the next qtask wait if this one is killed.
        .stdin(Stdio::from(locks.for_helper()?))
        .current_dir(layout.root());
    run(&mut initdb, "initdb", INITDB_LIMIT).await?;
    fs::rename(&unfinished, layout.data()).context("putting the new cluster into its place")
}

/// Stops the server that the cluster's pid file names, if it runs. Never removes the pid file: PostgreSQL
/// does that after it has verified that no process uses the cluster.
///
/// # Errors
/// When the server does not stop.
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

/// Runs a program until it exits; a failure is an error.
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
