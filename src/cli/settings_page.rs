//! `docs/configuration.md` lists every setting, generated from the arguments of the subcommands.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use clap::{Arg, Command, CommandFactory};

use super::Cli;

const PAGE: &str = "docs/configuration.md";
const EXAMPLE: &str = include_str!("../../.env.example");
/// The list stands between these lines.
const BEGIN: &str = "<!-- Written by `just settings`: change the arguments in src/ instead. -->\n";
const END: &str = "<!-- End of the list. -->\n";
/// Settings without a flag, because flags are visible in the process list. `.env.example` explains them.
const WITHOUT_FLAG: [(&str, &str, &str); 2] = [
    ("QTASK_ADMIN_TOKEN", "Access", "`serve`"),
    ("QTASK_TOKEN", CLIENT, "client"),
];
/// The heading of settings that only commands of the client have.
const CLIENT: &str = "The client";
/// The heading of settings that have none in `--help`.
const OTHER: &str = "General";
/// Commands of the service; all others are the client.
const SERVICE: [&str; 5] = ["serve", "work", "dev", "migrate", "health"];

/// A row of the list.
#[derive(Debug, Default)]
struct Setting {
    heading: String,
    flag: String,
    defaults: Vec<String>,
    commands: Vec<String>,
    meaning: String,
}

/// The settings of all subcommands, by their variables.
fn settings() -> BTreeMap<String, Setting> {
    let mut settings: BTreeMap<String, Setting> = BTreeMap::new();
    let mut cli = Cli::command();
    cli.build();
    // `serve` and `work` first: where texts differ, those of the service are shown.
    let of_service = SERVICE.iter().filter_map(|name| cli.find_subcommand(name));
    let others = cli.get_subcommands();
    let others = others.filter(|it| !SERVICE.contains(&it.get_name()) && !it.is_hide_set());
    for command in of_service.chain(others) {
        collect(command, command.get_name(), &mut settings);
    }
    for (name, heading, command) in WITHOUT_FLAG {
        let setting = settings.entry(name.to_owned()).or_default();
        heading.clone_into(&mut setting.heading);
        "none".clone_into(&mut setting.flag);
        setting.commands = vec![command.trim_matches('`').to_owned()];
        setting.meaning = explanation(name);
    }
    settings
}

fn collect(command: &Command, name: &str, settings: &mut BTreeMap<String, Setting>) {
    let is_service = SERVICE.contains(&name);
    for argument in command.get_arguments() {
        let Some(variable) = argument.get_env() else {
            continue;
        };
        let variable = variable.to_string_lossy().into_owned();
        let setting = settings.entry(variable).or_default();
        if setting.flag.is_empty() {
            setting.flag = format!("`--{}`", argument.get_long().unwrap_or_default());
            setting.meaning = meaning(argument);
            let heading = if is_service { OTHER } else { CLIENT };
            let heading = argument.get_help_heading().unwrap_or(heading);
            heading.clone_into(&mut setting.heading);
        }
        let values = argument.get_default_values().iter();
        let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
        let default = values.join(",");
        if !default.is_empty() && !setting.defaults.contains(&default) {
            setting.defaults.push(default);
        }
        let command = if is_service { name } else { "client" }.to_owned();
        if !setting.commands.contains(&command) {
            setting.commands.push(command);
        }
    }
    for subcommand in command.get_subcommands() {
        collect(subcommand, name, settings);
    }
}

fn meaning(argument: &Arg) -> String {
    let help = argument.get_help().map(ToString::to_string);
    help.unwrap_or_default()
        .replace('\n', " ")
        .replace('|', "\\|")
}

/// The lines above the setting in `.env.example`.
fn explanation(name: &str) -> String {
    let line = format!("#{name}=");
    let (before, _) = EXAMPLE.split_once(&line).expect("the setting");
    let lines = before.lines().rev().map_while(|it| it.strip_prefix("# "));
    let mut lines: Vec<&str> = lines.collect();
    lines.reverse();
    lines.join(" ").trim_end_matches('.').to_owned()
}

/// The list, one table for each heading of `--help`.
fn list() -> String {
    let settings = settings();
    let mut headings: Vec<&str> = settings.values().map(|it| it.heading.as_str()).collect();
    headings.sort_by_key(|heading| (*heading == CLIENT, *heading != OTHER, *heading));
    headings.dedup();
    let mut list = String::new();
    for heading in headings {
        let _ = write!(
            list,
            "\n## {heading}\n\n| variable | flag | default | read by | meaning |\n|---|---|---|---|---|\n"
        );
        for (name, setting) in settings.iter().filter(|(_, it)| it.heading == heading) {
            let codes = |values: &[String]| {
                let codes: Vec<String> = values.iter().map(|it| format!("`{it}`")).collect();
                codes.join(", ")
            };
            let commands = codes(&setting.commands).replace("`client`", "the client");
            let (flag, meaning) = (&setting.flag, &setting.meaning);
            let defaults = codes(&setting.defaults);
            let _ = writeln!(
                list,
                "| `{name}` | {flag} | {defaults} | {commands} | {meaning} |"
            );
        }
    }
    list.push('\n');
    list
}

#[test]
fn the_page_lists_every_setting_as_the_arguments_have_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the line before the list");
    let (listed, after) = rest.split_once(END).expect("the line after the list");
    let list = list();
    if env::var_os("QTASK_WRITE_SETTINGS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{list}{END}{after}")).unwrap();
        return;
    }
    let first = list.lines().zip(listed.lines()).find(|(a, b)| a != b);
    assert!(
        listed == list,
        "{PAGE} is not up to date: run `just settings` (QTASK_WRITE_SETTINGS=1 cargo test --lib settings_page). \
         The first difference: {first:?}"
    );
}

#[test]
fn no_setting_lacks_a_meaning() {
    for (name, setting) in settings() {
        assert!(!setting.meaning.is_empty(), "{name}");
        assert!(!setting.commands.is_empty(), "{name}");
    }
}
