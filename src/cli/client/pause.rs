//! `qtask pause` and `qtask resume`: stop and continue the claims of a backend.

use clap::Args;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use super::common::{ClientSession, CommonArgs};
use super::error::ClientError;
use super::model::BackendPause;
use super::output::Form;
use super::render::text;
use super::retry_policy::retrying;

/// Pause a backend: its tasks wait until it is resumed
///
/// No task of the backend is claimed after the answer. Tasks that run continue to their end, and new tasks are accepted and wait.
/// The pause holds for all workers, those that start later too, and until `qtask resume`. Repeating it is no error.
#[derive(Debug, Args)]
#[command(
    after_help = "In a pipe, tabs between: backend, `paused`, since, reason.

Exit codes: 0 done, 2 usage error, 3 the service cannot be reached.

Examples:
  qtask pause aer --reason calibration                  # in quotes if it has blanks
  qtask list --backend aer --status processing          # what still runs
  qtask resume aer"
)]
pub struct PauseArgs {
    /// The backend's name; it need not have workers or tasks yet
    #[arg(value_name = "BACKEND")]
    backend: String,

    /// Why, for those whose tasks wait: shown with each of them
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// Resume a backend that was paused
///
/// Its tasks are claimed again, in the order of their queue. Resuming a backend that is not paused is no error.
#[derive(Debug, Args)]
#[command(after_help = "In a pipe, tabs between: backend, `resumed`.

Exit codes: 0 done, 2 usage error, 3 the service cannot be reached.

Examples:
  qtask resume aer
  qtask backends                                        # what is paused, and since when")]
pub struct ResumeBackendArgs {
    /// The backend's name
    #[arg(value_name = "BACKEND")]
    backend: String,

    #[command(flatten)]
    pub common: CommonArgs,
}

/// Pauses a backend.
pub async fn pause(args: &PauseArgs, session: &ClientSession) -> Result<bool, ClientError> {
    let body = json!({"reason": args.reason}).to_string();
    change(session, &args.backend, "pause", &body).await
}

/// Resumes a backend.
pub async fn resume(
    args: &ResumeBackendArgs,
    session: &ClientSession,
) -> Result<bool, ClientError> {
    change(session, &args.backend, "resume", "").await
}

async fn change(
    session: &ClientSession,
    backend: &str,
    action: &str,
    body: &str,
) -> Result<bool, ClientError> {
    let (api, output) = (&session.api, &session.output);
    let request = async || {
        let mut request = api.request(Method::POST, &["backends", backend, action], &[]);
        if !body.is_empty() {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_owned());
        }
        api.fetch(request).await
    };
    let document = retrying(output, request).await?;
    let state: BackendPause =
        serde_json::from_str(&document).map_err(|error| api.bad_answer(&error))?;
    match output.form {
        Form::Json => output.json(&document)?,
        Form::Columns => match &state.pause {
            Some(pause) => {
                let reason = pause.reason.as_deref().unwrap_or_default();
                output.columns(&[&state.backend, "paused", &pause.since, reason])?;
            }
            None => output.columns(&[&state.backend, "resumed"])?,
        },
        Form::Human => output.line(&sentence(&state))?,
    }
    Ok(true)
}

fn sentence(state: &BackendPause) -> String {
    let name = text::line(&state.backend);
    if state.paused {
        format!("{name} is paused: its tasks wait until `qtask resume {name}`.")
    } else {
        format!("{name} is not paused: its tasks are claimed.")
    }
}
