//! `qtask health`: queries the readiness of a running process, for container health checks.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::telemetry;

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

    /// How long to wait for the answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    timeout: u16,
}

pub fn main(args: &HealthArgs) -> ExitCode {
    let url = args
        .url
        .clone()
        .unwrap_or_else(|| format!("http://127.0.0.1:{}/readyz", args.port));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let answer = match runtime {
        Ok(runtime) => runtime.block_on(ask(&url, Duration::from_secs(args.timeout.into()))),
        Err(error) => Err(error.to_string()),
    };
    let url = without_password(&url);
    let code = match answer {
        Ok(text) => {
            telemetry::print(&format!("{url}: {text}"));
            ExitCode::SUCCESS
        }
        Err(text) => {
            telemetry::print(&format!("{url}: {text}"));
            ExitCode::FAILURE
        }
    };
    telemetry::flush();
    code
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

async fn ask(url: &str, limit: Duration) -> Result<String, String> {
    let say = |error: reqwest::Error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        cause.unwrap_or_else(|| error.to_string())
    };
    let client = reqwest::Client::builder()
        .timeout(limit)
        .no_proxy()
        .build()
        .map_err(say)?;
    let response = client.get(url).send().await.map_err(say)?;
    let status = response.status();
    let text = response.text().await.map_err(say)?;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if status.is_success() {
        Ok(line)
    } else {
        Err(format!("{status}: {line}"))
    }
}
