//! compose.yaml passes each setting to the containers that read it, and the documents name no variable that does not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use saphyr::{LoadableYamlNode, Yaml};

use super::Cli;
use crate::config::access::ADMIN_TOKEN;
use crate::config::traces;
use crate::config::unknown::{OF_COMMANDS, OF_OTHERS};

const COMPOSE: &str = include_str!("../../compose.yaml");

/// The services of compose.yaml that run qtask, and their subcommands.
const ROLES: [(&str, &str); 3] = [("migrate", "migrate"), ("api", "serve"), ("worker", "work")];

/// Settings that the containers have from compose.yaml, whatever .env has: addresses of the other containers and of their own.
const NOT_PASSED: [&str; 10] = [
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "DATABASE_PORT",
    "DATABASE_PASSWORD_FILE",
    "RABBITMQ_URL",
    "RABBITMQ_URL_FILE",
    "RABBITMQ_PORT",
    "RABBITMQ_VHOST",
    "RABBITMQ_PASSWORD_FILE",
    "HOST",
];

/// Settings without a flag, with the subcommands that read them.
const WITHOUT_FLAG: [(&str, &[&str]); 4] = [
    (ADMIN_TOKEN, &["serve"]),
    ("DATABASE_PASSWORD", &["migrate", "serve", "work"]),
    ("RABBITMQ_PASSWORD", &["serve", "work"]),
    ("QTASK_TOKEN", &["submit"]),
];

/// What the names of variables begin with that documents may name.
const PREFIXES: [&str; 5] = ["QTASK_", "DATABASE_", "RABBITMQ_", "POSTGRES_", "OTEL_"];

/// Variables of the scripts, and of the images of PostgreSQL and RabbitMQ.
const OF_SCRIPTS_AND_IMAGES: [&str; 7] = [
    "QTASK_INSTALL",
    "QTASK_CONTAINERS",
    "QTASK_CONTAINERS_EXECUTABLE",
    "QTASK_AER_PYTHON",
    "QTASK_EVALUATOR_PROGRAMS",
    "RABBITMQ_DEFAULT_USER",
    "RABBITMQ_DEFAULT_PASS",
];

/// Files and folders with texts for users and operators.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".env.example",
    "docs",
    "deploy",
    "examples",
    "migrations/README.md",
];

/// The variables that a subcommand reads.
fn settings_of(subcommand: &str) -> BTreeSet<String> {
    let cli = Cli::command();
    let command = cli.find_subcommand(subcommand).unwrap();
    let mut commands = vec![command];
    let mut names = BTreeSet::new();
    while let Some(command) = commands.pop() {
        commands.extend(command.get_subcommands());
        let flags = command.get_arguments();
        names.extend(flags.filter_map(|flag| Some(flag.get_env()?.to_str()?.to_owned())));
    }
    let further = WITHOUT_FLAG
        .iter()
        .filter(|(_, by)| by.contains(&subcommand));
    names.extend(further.map(|(name, _)| (*name).to_owned()));
    if ["serve", "work"].contains(&subcommand) {
        names.extend(traces::VARIABLES.iter().map(|name| (*name).to_owned()));
    }
    names
}

fn all_settings() -> BTreeSet<String> {
    let cli = Cli::command();
    let subcommands = cli.get_subcommands().map(clap::Command::get_name);
    let settings = subcommands.flat_map(settings_of);
    settings
        .chain(WITHOUT_FLAG.iter().map(|(name, _)| (*name).to_owned()))
        .collect()
}

/// The environment of a service, with that of the anchors that it merges.
fn environment(compose: &str, service: &str) -> BTreeSet<String> {
    fn collect(mapping: &Yaml, into: &mut BTreeSet<String>) {
        for (key, value) in mapping.as_mapping().unwrap() {
            match (key.as_str().unwrap(), value.as_vec()) {
                ("<<", Some(merged)) => merged.iter().for_each(|it| collect(it, into)),
                ("<<", None) => collect(value, into),
                (name, _) => drop(into.insert(name.to_owned())),
            }
        }
    }
    let documents = Yaml::load_from_str(compose).unwrap();
    let mut names = BTreeSet::new();
    collect(
        &documents[0]["services"][service]["environment"],
        &mut names,
    );
    names
}

/// Settings that do not reach the containers, and variables of containers that are no settings.
fn drift_of_compose(compose: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (service, subcommand) in ROLES {
        let passed = environment(compose, service);
        let read = settings_of(subcommand);
        for name in &read {
            if !passed.contains(name) && !NOT_PASSED.contains(&name.as_str()) {
                found.push(format!("the service `{service}` lacks the setting {name}"));
            }
        }
        let unknown = passed.difference(&read);
        found.extend(unknown.map(|name| format!("`qtask {subcommand}` does not read {name}")));
    }
    found
}

/// The names in `${NAME:-default}`.
fn variables_of_compose(compose: &str) -> BTreeSet<String> {
    let expressions = compose.split("${").skip(1);
    let names = expressions.filter_map(|rest| rest.split([':', '}']).next());
    names.map(str::to_owned).collect()
}

/// Variables in the texts, by path, that nothing reads.
fn unknown_variables(texts: &BTreeMap<String, String>) -> Vec<String> {
    let known = all_settings();
    let of_compose = variables_of_compose(COMPOSE);
    let is_known = |name: &str| {
        known.contains(name)
            || of_compose.contains(name)
            || OF_COMMANDS.contains(&name)
            || OF_SCRIPTS_AND_IMAGES.contains(&name)
            || OF_OTHERS.iter().any(|other| name.starts_with(other))
    };
    let mut found = Vec::new();
    for (path, text) in texts {
        for (line, number) in text.lines().zip(1..) {
            let is_end = |c: char| !(c.is_ascii_alphanumeric() || c == '_');
            for word in line.split(is_end) {
                let is_variable = PREFIXES.iter().any(|prefix| {
                    word.strip_prefix(prefix)
                        .is_some_and(|rest| !rest.is_empty())
                });
                let is_upper = !word.contains(|c: char| c.is_ascii_lowercase());
                if is_variable && is_upper && !is_known(word) {
                    found.push(format!("{path}:{number}: nothing reads {word}"));
                }
            }
        }
    }
    found
}

fn documents() -> BTreeMap<String, String> {
    fn read(root: &Path, path: PathBuf, into: &mut BTreeMap<String, String>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                read(root, entry.unwrap().path(), into);
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let name = path.strip_prefix(root).unwrap();
            into.insert(name.display().to_string(), text);
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = BTreeMap::new();
    for name in DOCUMENTS {
        read(root, root.join(name), &mut texts);
    }
    texts
}

#[test]
fn each_setting_reaches_the_containers_that_read_it() {
    assert_eq!(drift_of_compose(COMPOSE), Vec::<String>::new());
}

#[test]
fn documents_name_only_variables_that_exist() {
    assert_eq!(unknown_variables(&documents()), Vec::<String>::new());
}

#[test]
fn qtask_knows_the_variables_of_compose() {
    let settings = all_settings();
    for name in variables_of_compose(COMPOSE) {
        let is_known = !name.starts_with("QTASK_")
            || settings.contains(&name)
            || OF_OTHERS.iter().any(|other| name.starts_with(other));
        assert!(
            is_known,
            "src/config/unknown.rs lacks {name}: a shell that exports .env would be warned of it"
        );
    }
}

#[test]
fn a_missing_setting_is_found() {
    let without = COMPOSE.replace("      QTASK_HTTP_THREADS:\n", "");
    assert_eq!(
        drift_of_compose(&without),
        ["the service `api` lacks the setting QTASK_HTTP_THREADS"]
    );
    let without = COMPOSE.replace("  QTASK_LEASE_DURATION:\n", "");
    assert_eq!(
        drift_of_compose(&without),
        [
            "the service `api` lacks the setting QTASK_LEASE_DURATION",
            "the service `worker` lacks the setting QTASK_LEASE_DURATION",
        ]
    );
}

#[test]
fn an_unknown_variable_of_a_container_is_found() {
    let planted = COMPOSE.replace(
        "      QTASK_MIGRATE_WAIT:\n",
        "      QTASK_MIGRATE_WAIT:\n      QTASK_MIGRATE_WAITS: 3s\n",
    );
    assert_eq!(
        drift_of_compose(&planted),
        ["`qtask migrate` does not read QTASK_MIGRATE_WAITS"]
    );
}

#[test]
fn an_unknown_variable_of_a_document_is_found() {
    let text = "Set `QTASK_LEESE`, QTASK_LEASE_DURATION or\n`QTASK_TEST_KEEP=1` with QTASK_* and POSTGRES_USR.\n";
    let texts = BTreeMap::from([("docs/a.md".to_owned(), text.to_owned())]);
    assert_eq!(
        unknown_variables(&texts),
        [
            "docs/a.md:1: nothing reads QTASK_LEESE",
            "docs/a.md:2: nothing reads POSTGRES_USR",
        ]
    );
}
