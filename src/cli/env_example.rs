//! `.env.example` names every setting, with its default, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Command, CommandFactory};

use super::Cli;
use crate::config::traces;

const FILE: &str = include_str!("../../.env.example");
const COMPOSE: &str = include_str!("../../compose.yaml");

/// Settings without a flag, because flags are visible in the process list.
const WITHOUT_FLAG: [&str; 4] = [
    "QTASK_TOKEN",
    "QTASK_ADMIN_TOKEN",
    "DATABASE_PASSWORD",
    "RABBITMQ_PASSWORD",
];

/// The settings in the file: name to value.
fn listed() -> BTreeMap<&'static str, &'static str> {
    let setting = |line: &'static str| line.trim_start_matches('#').split_once('=');
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let found = FILE.lines().filter_map(setting);
    found.filter(|(name, _)| is_name(name)).collect()
}

/// The settings of all subcommands: name to default values.
fn known() -> BTreeMap<String, BTreeSet<String>> {
    fn collect(command: &Command, into: &mut BTreeMap<String, BTreeSet<String>>) {
        for argument in command.get_arguments() {
            let Some(name) = argument.get_env() else {
                continue;
            };
            let values = argument.get_default_values().iter();
            let default: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
            let name = name.to_string_lossy().into_owned();
            into.entry(name).or_default().insert(default.join(","));
        }
        for subcommand in command.get_subcommands() {
            collect(subcommand, into);
        }
    }
    let mut settings = BTreeMap::new();
    collect(&Cli::command(), &mut settings);
    settings
}

#[test]
fn every_setting_stands_in_the_file_with_its_default() {
    let listed = listed();
    for (name, defaults) in known() {
        let default = defaults.first().cloned().unwrap_or_default();
        let value = listed.get(name.as_str()).copied().unwrap_or_else(|| {
            panic!("`.env.example` lacks the setting {name}: add a line `#{name}={default}`, and one above that explains it")
        });
        // Without a default, the file may show an example.
        assert!(
            default.is_empty() || defaults.contains(value),
            "`.env.example` has {name}={value}, but the default is {defaults:?}"
        );
    }
}

#[test]
fn every_variable_of_opentelemetry_stands_in_the_file() {
    let listed = listed();
    let missing = traces::VARIABLES
        .iter()
        .find(|name| !listed.contains_key(*name));
    assert_eq!(missing, None, "`.env.example` lacks a variable");
}

#[test]
fn the_file_names_no_setting_that_does_not_exist() {
    let known = known();
    for name in listed().keys() {
        let of_compose = format!("${{{name}:-");
        assert!(
            known.contains_key(*name)
                || WITHOUT_FLAG.contains(name)
                || traces::VARIABLES.contains(name)
                || COMPOSE.contains(&of_compose),
            "`.env.example` names {name}, which neither qtask nor compose.yaml reads"
        );
    }
}

#[test]
fn what_compose_reads_stands_in_the_file_with_its_default() {
    let listed = listed();
    for part in COMPOSE.split("${").skip(1) {
        let expression = part.split('}').next().unwrap_or_default();
        let (name, default) = expression.split_once(":-").unwrap_or((expression, ""));
        assert_eq!(listed.get(name), Some(&default), "{name} in `.env.example`");
    }
}

#[test]
fn compose_publishes_ports_on_this_machine_only() {
    let ports = COMPOSE.split("ports:\n").skip(1);
    let published: Vec<&str> = ports
        .flat_map(|part| part.lines().map_while(|line| line.strip_prefix("      - ")))
        .collect();
    assert_eq!(published.len(), 3, "{published:?}");
    for port in published {
        let is_local = port.starts_with("127.0.0.1:")
            || port.starts_with("${QTASK_PUBLISH_ADDRESS:-127.0.0.1}:");
        assert!(is_local, "{port}");
    }
}

#[test]
fn every_line_of_the_file_is_explained() {
    let mut above = "";
    for line in FILE.lines() {
        let is_setting = !line.is_empty() && !line.starts_with("# ");
        assert!(
            !is_setting || above.starts_with("# "),
            "`.env.example` does not explain {line}"
        );
        above = line;
    }
}
