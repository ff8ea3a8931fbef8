//! The end of a program: its result or error message, or its exit status.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

use super::output::{Said, Tail};
use crate::domain::settlement::{ErrorCode, Failure, Outcome};

/// A shell exits with this plus the signal's number if a signal killed the program that it ran.
const SHELL_SIGNAL: i32 = 128;

/// The result, or why there is none.
pub fn conclude(
    said: Said,
    status: io::Result<ExitStatus>,
    stderr: &Tail,
) -> Result<Outcome, Failure> {
    if let Some(failure) = said.violation.or(said.error) {
        return Err(failure);
    }
    let status = status.map_err(|error| {
        let message = format!("how the program ended is not known: {error}");
        Failure::transient(ErrorCode::ExecutionError, message)
    })?;
    match said.result {
        Some(outcome) if status.success() => Ok(outcome),
        _ => Err(failure(status, stderr)),
    }
}

fn failure(status: ExitStatus, stderr: &Tail) -> Failure {
    let shell_signal = status.code().map(|code| code - SHELL_SIGNAL);
    let signal = status.signal().or(shell_signal);
    let signal = signal.and_then(|number| Signal::try_from(number).ok());
    let how = match (status.code(), signal) {
        (Some(0), _) => "the program ended without a result".to_owned(),
        (Some(code), None) => format!("the program exited with code {code}"),
        (Some(code), Some(signal)) => format!("the program exited with code {code} ({signal})"),
        (None, Some(signal)) => {
            format!(
                "the program was killed by signal {} ({signal})",
                signal as i32
            )
        }
        (None, None) => format!("the program ended: {status}"),
    };
    let told = |how: &str| match stderr.text() {
        Some(text) => format!("{how}; the end of its standard error:\n{text}"),
        None => how.to_owned(),
    };
    match signal {
        Some(Signal::SIGKILL) => {
            let how = format!("{how}: out of memory?");
            Failure::transient(ErrorCode::Killed, told(&how))
        }
        // A machine's shutdown sends these signals to every process, not only to the worker.
        Some(Signal::SIGTERM | Signal::SIGINT | Signal::SIGHUP) => {
            Failure::transient(ErrorCode::ExecutionError, told(&how))
        }
        _ => Failure::permanent(ErrorCode::ExecutionError, told(&how)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ended(raw: i32) -> Failure {
        let said = Said {
            result: (raw != 0).then(|| Outcome::new(json!(1), json!({}))),
            ..Said::default()
        };
        conclude(said, Ok(ExitStatus::from_raw(raw)), &Tail::default()).unwrap_err()
    }

    #[test]
    fn how_a_program_ended_is_said() {
        let (failed, killed) = (ErrorCode::ExecutionError, ErrorCode::Killed);
        for (raw, code, transient, message) in [
            (0, &failed, false, "the program ended without a result"),
            (3 << 8, &failed, false, "the program exited with code 3"),
            (
                137 << 8,
                &killed,
                true,
                "the program exited with code 137 (SIGKILL): out of memory?",
            ),
            (
                9,
                &killed,
                true,
                "the program was killed by signal 9 (SIGKILL): out of memory?",
            ),
            (
                11,
                &failed,
                false,
                "the program was killed by signal 11 (SIGSEGV)",
            ),
            (
                15,
                &failed,
                true,
                "the program was killed by signal 15 (SIGTERM)",
            ),
            (255 << 8, &failed, false, "the program exited with code 255"),
        ] {
            let failure = ended(raw);
            assert_eq!(failure.message, message);
            assert_eq!(
                (&failure.code, failure.transient),
                (code, transient),
                "{message}"
            );
        }
    }

    #[test]
    fn the_programs_own_error_goes_before_its_result_and_its_exit_code() {
        let own = Failure::permanent("no_quota".parse().unwrap(), "m");
        for raw in [0, 3 << 8] {
            let said = Said {
                result: Some(Outcome::new(json!(1), json!({}))),
                error: Some(own.clone()),
                violation: None,
            };
            let status = Ok(ExitStatus::from_raw(raw));
            assert_eq!(conclude(said, status, &Tail::default()), Err(own.clone()));
        }
    }
}
