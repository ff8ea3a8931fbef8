//! The query of `GET /tasks/{task_id}`.

use std::time::Duration;

use super::query;
use crate::api::Problem;

/// The condition that ends a wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Until {
    /// The task is in a terminal status.
    #[default]
    Terminal,
    /// The status of the task has changed.
    Change,
}

/// The parameters of `GET /tasks/{task_id}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// Maximum wait.
    pub wait: Duration,
    /// The condition that ends the wait.
    pub until: Until,
    /// Whether the response contains the log.
    pub include_logs: bool,
    /// Whether the response contains the text of the circuit.
    pub include_circuit: bool,
    /// Whether the response contains the values of the circuit's inputs.
    pub include_parameters: bool,
}

/// Maximum wait, in seconds: the usual timeout of proxies.
const MAX_WAIT_SECONDS: u64 = 60;

/// Parses a wait in seconds, which may have a fraction.
fn wait(value: &str) -> Result<Duration, String> {
    let seconds = value
        .parse()
        .ok()
        .filter(|seconds: &f64| seconds.is_finite());
    let wait = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    wait.filter(|wait| *wait <= Duration::from_secs(MAX_WAIT_SECONDS))
        .ok_or_else(|| format!("must be a number of seconds from 0 to {MAX_WAIT_SECONDS}"))
}

/// Parses a boolean parameter.
fn flag(word: &str) -> Result<bool, String> {
    word.parse().map_err(|_| "must be true or false".to_owned())
}

/// Reads the values of `include`, separated by commas.
fn include(asked: &mut TaskQuery, names: &str) -> Result<(), String> {
    for name in names.split(',').map(str::trim) {
        match name {
            "circuit" => asked.include_circuit = true,
            "parameters" => asked.include_parameters = true,
            _ => {
                return Err(
                    "must name circuit, parameters or both, with a comma between".to_owned(),
                );
            }
        }
    }
    Ok(())
}

fn until(word: &str) -> Result<Until, String> {
    match word {
        "terminal" => Ok(Until::Terminal),
        "change" => Ok(Until::Change),
        _ => Err("must be terminal or change".to_owned()),
    }
}

/// The parameters of `GET /tasks/{task_id}`.
pub fn task_query(query: &str) -> Result<TaskQuery, Problem> {
    let mut asked = TaskQuery::default();
    let errors = query::read(query, |name, value| {
        match name {
            "wait" => asked.wait = wait(value)?,
            "until" => asked.until = until(value)?,
            "include_logs" => asked.include_logs = flag(value)?,
            "include" => include(&mut asked, value)?,
            _ => return Err("is not known here: use wait, until, include, include_logs".to_owned()),
        }
        Ok(())
    });
    query::accept(asked, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_number_of_seconds_within_its_bounds() {
        assert_eq!(wait("0"), Ok(Duration::ZERO));
        assert_eq!(wait("1.5"), Ok(Duration::from_millis(1_500)));
        for wrong in ["", "-1", "61", "nan", "inf", "1e400", "soon"] {
            assert!(wait(wrong).is_err(), "{wrong}");
        }
        let query = task_query("wait=60&until=change&include_logs=true").unwrap();
        assert_eq!((query.until, query.include_logs), (Until::Change, true));
    }
}
