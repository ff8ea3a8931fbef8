//! `qtask health`: queries the readiness of a running process, for container health checks.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::client::is_this_machine;
use crate::telemetry;
use crate::tls::{self, ClientFiles};

/// Ask a running `serve` or `work` whether it is ready
///
/// Prints one line, and exits 0 if it is and 1 if not. Needs no configuration but the address.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 ready, 1 not ready or no answer, 2 usage error.

Examples:
  qtask health                      # the API on port 8000 of this machine
  qtask health --port 8080          # a worker started with --health-port 8080
  qtask health --url http://api:8000/health")]
pub struct HealthArgs {
    /// The port on this machine
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 8000,
        conflicts_with = "url"
    )]
    port: u16,

    /// The whole address, instead of a port
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// A PEM file of certificate authorities that are trusted beside the public ones. The certificate of an https
    /// address on this machine is not verified: the probe sends no secret, and nothing between can answer it
    #[arg(long, env = "QTASK_CA_FILE", value_name = "FILE")]
    ca_file: Option<String>,

    /// The certificate of `qtask serve`: if it is set, the port is asked by https first
    #[arg(long, env = "QTASK_TLS_CERT_FILE", value_name = "FILE")]
    tls_cert_file: Option<String>,

    /// How long to wait for the answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    timeout: u16,
}

pub fn main(args: &HealthArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let answer = match runtime {
        Ok(runtime) => runtime.block_on(args.ask()),
        Err(error) => Err(error.to_string()),
    };
    let code = match &answer {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    };
    telemetry::print(&answer.unwrap_or_else(|text| text));
    telemetry::flush();
    code
}

impl HealthArgs {
    /// Asks each address in turn until one speaks the protocol. The texts name the address.
    async fn ask(&self) -> Result<String, String> {
        let mut first = None;
        for url in self.urls() {
            let shown = without_password(&url);
            match self.ask_at(&url).await {
                Ok((true, text)) => return Ok(format!("{shown}: {text}")),
                Ok((false, text)) => return Err(format!("{shown}: {text}")),
                Err(text) => first = first.or(Some(format!("{shown}: {text}"))),
            }
        }
        Err(first.unwrap_or_default())
    }

    /// The addresses that the process may have. A worker with the environment of a service speaks plain http.
    fn urls(&self) -> Vec<String> {
        if let Some(url) = &self.url {
            return vec![url.clone()];
        }
        let local = |scheme| format!("{scheme}://127.0.0.1:{}/readyz", self.port);
        match &self.tls_cert_file {
            Some(file) if !file.is_empty() => vec![local("https"), local("http")],
            _ => vec![local("http")],
        }
    }

    /// Whether the process is ready, with its words; an error without an answer.
    async fn ask_at(&self, url: &str) -> Result<(bool, String), String> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(self.timeout.into()))
            .no_proxy();
        let client = if url::Url::parse(url).is_ok_and(|url| is_this_machine(&url)) {
            client.tls_danger_accept_invalid_certs(true)
        } else {
            let file = self.ca_file.as_ref().filter(|file| !file.is_empty());
            let files = ClientFiles {
                additional_authorities: file.map(PathBuf::from),
                ..ClientFiles::default()
            };
            client.tls_backend_preconfigured(files.config().map_err(|error| error.to_string())?)
        };
        let client = client.build().map_err(|error| cause(&error))?;
        let response = client.get(url).send().await;
        let response = response.map_err(|error| cause(&error))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| cause(&error))?;
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if status.is_success() {
            Ok((true, line))
        } else {
            Ok((false, format!("{status}: {line}")))
        }
    }
}

/// The innermost cause, which is the specific one.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let text = innermost.to_string();
    tls::explain(&text, "--ca-file or QTASK_CA_FILE").unwrap_or(text)
}

/// Returns the address without its password: container logs keep the output of a health check.
fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            let _ = parsed.set_password(None);
            parsed.into()
        }
        _ => url.to_owned(),
    }
}
