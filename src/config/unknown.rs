//! Warns of environment variables that are misspelled settings.

use tracing::warn;

/// Prefix of the names of qtask's variables.
const PREFIX: &str = "QTASK_";
/// Variables that a worker sets for the command of a task, or for the commands around it; a `qtask` that they start inherits them.
pub const OF_COMMANDS: [&str; 8] = [
    "QTASK_WORKER",
    "QTASK_WORKER_MARK",
    "QTASK_TASK_ID",
    "QTASK_ATTEMPT",
    "QTASK_BACKEND",
    "QTASK_TIMEOUT_SECONDS",
    "QTASK_OUTCOME",
    "QTASK_ERROR_CODE",
];
const TASK_ID: &str = "QTASK_TASK_ID";
/// What the variables begin with that other programs read: qtask's tests, and compose.yaml.
pub const OF_OTHERS: [&str; 15] = [
    "QTASK_TEST_",
    "QTASK_FUZZ_",
    "QTASK_API_CPUS",
    "QTASK_API_MEMORY",
    "QTASK_API_REPLICAS",
    "QTASK_IMAGE",
    "QTASK_LOG_MAX_",
    "QTASK_PORT",
    "QTASK_PROXY_PORT",
    "QTASK_PUBLISH_ADDRESS",
    "QTASK_PULL_POLICY",
    "QTASK_WORKERS",
    "QTASK_WORKER_CPUS",
    "QTASK_WORKER_MEMORY",
    "QTASK_WORKER_STOP_GRACE_PERIOD",
];
/// Maximum edit distance between a name and the setting that is suggested.
const MAX_TYPOS: usize = 3;

/// Warns of each variable of this process that has the prefix of settings but is not in `known`, and suggests the
/// most similar setting.
pub fn warn_of_unknown(known: &[String]) {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in unknown(names.collect(), known) {
        let meant = meant(&name, known);
        warn!(
            event = "config.unknown_variable",
            variable = name,
            meant,
            "environment variable is not a setting"
        );
    }
}

fn unknown(names: Vec<String>, known: &[String]) -> Vec<String> {
    let of_commands: &[&str] = if names.iter().any(|name| name == TASK_ID) {
        &OF_COMMANDS
    } else {
        &[]
    };
    let mut unknown = names;
    unknown.retain(|name| {
        name.starts_with(PREFIX)
            && !known.contains(name)
            && !OF_OTHERS.iter().any(|other| name.starts_with(other))
            && !of_commands.contains(&name.as_str())
    });
    unknown.sort();
    unknown
}

/// The setting most similar to `name`: its whole name, or its first words, are within the edit distance.
fn meant<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let candidates = known.iter().map(|setting| {
        let typos = first_words(setting).map(|words| strsim::osa_distance(name, words));
        let typos = typos.min().unwrap_or(usize::MAX);
        // Among settings with equal first words, the one with the smallest edit distance.
        (typos, strsim::osa_distance(name, setting), setting)
    });
    let (typos, _, nearest) = candidates.min()?;
    if typos <= MAX_TYPOS {
        return Some(nearest);
    }
    let begins = known
        .iter()
        .filter(|setting| name.starts_with(setting.as_str()));
    begins
        .max_by_key(|setting| setting.len())
        .map(String::as_str)
}

/// Yields the prefixes of a name: for `QTASK_LEASE_DURATION`, `QTASK_LEASE` and the whole name.
fn first_words(setting: &str) -> impl Iterator<Item = &str> {
    let ends = setting.match_indices('_').map(|(end, _)| end);
    let ends = ends.filter(|end| *end > PREFIX.len());
    ends.chain([setting.len()])
        .filter_map(|end| setting.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn only_names_that_look_like_settings_are_unknown() {
        let known = names(&["QTASK_LEASE_DURATION"]);
        let given = names(&[
            "PATH",
            "QTASK_LEASE_DURATION",
            "QTASK_LEESE",
            "QTASK_TEST_PG_PORT",
            "QTASK_BACKEND",
        ]);
        assert_eq!(
            unknown(given.clone(), &known),
            ["QTASK_BACKEND", "QTASK_LEESE"]
        );
        let of_command = [given, names(&["QTASK_TASK_ID"])].concat();
        assert_eq!(unknown(of_command, &known), ["QTASK_LEESE"]);
    }

    #[test]
    fn the_variable_that_was_meant_is_named() {
        let known = names(&[
            "QTASK_LEASE_DURATION",
            "QTASK_HEARTBEAT_INTERVAL",
            "QTASK_WEBHOOK_SECRET",
            "QTASK_SHUTDOWN_GRACE",
        ]);
        assert_eq!(meant("QTASK_LEESE", &known), Some("QTASK_LEASE_DURATION"));
        assert_eq!(
            meant("QTASK_LEASE_DURATION_MS", &known),
            Some("QTASK_LEASE_DURATION")
        );
        assert_eq!(meant("QTASK_WEBHOOK", &known), Some("QTASK_WEBHOOK_SECRET"));
        assert_eq!(meant("QTASK_NOTHING_LIKE_IT", &known), None);
    }
}
