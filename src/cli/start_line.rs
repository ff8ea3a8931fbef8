//! The line that says at start what runs: version, queue, address, and the settings that differ from their defaults.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use tracing::{Level, info};

use super::version::version_and_revision;
use crate::config::logging::LogFormat;
use crate::config::without_password;
use crate::service::dispatcher::Dispatcher;
use crate::store::newest_schema;
use crate::telemetry;

/// Maximum length of a shown value, in characters.
const MAX_VALUE: usize = 200;
/// Stands for a value that may be secret.
const HIDDEN: &str = "...";
/// `value_name` of the settings that are command lines, whose arguments may be secret.
const COMMAND_LINE: &str = "COMMAND";

/// The settings of a subcommand that differ from their defaults, without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangedSettings(String);

/// What a process answers, and where.
#[derive(Debug, Clone, Copy)]
pub enum Listening {
    /// The API.
    Api {
        /// The address that the process listens on.
        address: SocketAddr,
        /// Whether it speaks https.
        tls: bool,
    },
    /// The probes of a worker.
    Probes(SocketAddr),
}

impl Listening {
    const fn address(self) -> SocketAddr {
        match self {
            Self::Api { address, .. } | Self::Probes(address) => address,
        }
    }

    /// A URL that reaches the API from this machine.
    fn api_url(self) -> Option<String> {
        let Self::Api { address, tls } = self else {
            return None;
        };
        let scheme = if tls { "https" } else { "http" };
        let (ip, port) = (address.ip(), address.port());
        let is_local = ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::LOCALHOST);
        Some(if is_local {
            format!("{scheme}://localhost:{port}")
        } else {
            format!("{scheme}://{address}")
        })
    }
}

impl ChangedSettings {
    /// Compares the arguments and the environment with the defaults of this subcommand. `without_flag` are secrets that only the
    /// environment has.
    pub fn of(command: &Command, matches: &ArgMatches, without_flag: &[&str]) -> Self {
        let flags = command.get_arguments().filter_map(|argument| {
            let value = changed(argument, matches)?;
            Some(format!("{}={}", name(argument), shown(argument, &value)))
        });
        let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let secrets = without_flag.iter().filter(is_set);
        let secrets = secrets.map(|name| format!("{name}={HIDDEN}"));
        let all: Vec<String> = flags.chain(secrets).collect();
        Self(all.join(" "))
    }

    /// Logs that `subcommand` runs; `listening` is what it answers.
    pub fn log_start(
        &self,
        subcommand: &'static str,
        format: LogFormat,
        dispatcher: &Dispatcher,
        listening: Option<Listening>,
    ) {
        let queue = match dispatcher {
            Dispatcher::Amqp(_) => "RabbitMQ",
            Dispatcher::Postgres => "PostgreSQL",
        };
        let schema = newest_schema();
        if format == LogFormat::Pretty {
            if tracing::enabled!(Level::INFO) {
                let text = self.text(subcommand, queue, schema, listening);
                telemetry::say(&text);
            }
            return;
        }
        let url = listening.and_then(Listening::api_url);
        info!(
            event = "process.started",
            subcommand,
            version = env!("CARGO_PKG_VERSION"),
            revision = crate::REVISION,
            schema,
            queue,
            address = listening.map(|it| display(it.address())),
            docs = url.as_ref().map(|url| format!("{url}/docs")),
            guide = url.as_ref().map(|url| format!("{url}/docs/guide")),
            settings = self.0,
            "process started"
        );
    }

    /// The same for people.
    fn text(
        &self,
        subcommand: &str,
        queue: &str,
        schema: &str,
        listening: Option<Listening>,
    ) -> String {
        let version = version_and_revision();
        let mut text = format!("qtask {version}: {subcommand}, queue {queue}, schema {schema}");
        if let Some(url) = listening.and_then(Listening::api_url) {
            let _ = write!(text, "\n  {url}  API: {url}/docs  guide: {url}/docs/guide");
        }
        if !self.0.is_empty() {
            let _ = write!(text, "\n  settings: {}", self.0);
        }
        text
    }
}

/// The name of a setting as users see it.
fn name(argument: &Arg) -> String {
    match argument.get_env() {
        Some(variable) => variable.to_string_lossy().into_owned(),
        None => format!("--{}", argument.get_long().unwrap_or_default()),
    }
}

/// The value, if it was given and differs from the default. Blank counts as not given where the default is none.
fn changed(argument: &Arg, matches: &ArgMatches) -> Option<String> {
    let id = argument.get_id().as_str();
    let source = matches.value_source(id)?;
    if source == ValueSource::DefaultValue {
        return None;
    }
    let text = |values: Vec<_>| values.join(",");
    let given = matches.get_raw(id)?;
    let given = text(
        given
            .map(|value| value.to_string_lossy().into_owned())
            .collect(),
    );
    let defaults = argument.get_default_values().iter();
    let default = text(
        defaults
            .map(|value| value.to_string_lossy().into_owned())
            .collect(),
    );
    (given != default && !(given.is_empty() && default == "false")).then_some(given)
}

/// The value without what may be secret.
fn shown(argument: &Arg, value: &str) -> String {
    let is_secret = argument.is_hide_env_values_set();
    let is_command = argument
        .get_value_names()
        .is_some_and(|names| names.iter().any(|name| name == COMMAND_LINE));
    let value = if is_secret && name(argument).ends_with("_URL") {
        without_password(value)
    } else if is_secret || is_command {
        HIDDEN.to_owned()
    } else {
        value.to_owned()
    };
    let mut shortened: String = value.chars().take(MAX_VALUE).collect();
    if shortened.len() < value.len() {
        shortened.push('…');
    }
    if shortened.contains(|c: char| c.is_whitespace() || c == '"') {
        format!("{shortened:?}")
    } else {
        shortened
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::builder::Resettable;

    use super::super::{Cli, SERVICE_SECRETS};
    use super::*;

    const SECRET: &str = "sesame";

    fn of_this(arguments: &[&str]) -> String {
        let command = Cli::command();
        // The settings of the machine that runs the test are not those of the test.
        let without_environment = command.clone().mut_subcommand(arguments[1], |it| {
            it.mut_args(|argument| argument.env(Resettable::Reset))
        });
        let matches = without_environment.get_matches_from(arguments);
        let (name, matches) = matches.subcommand().unwrap();
        let command = command.find_subcommand(name).unwrap();
        ChangedSettings::of(command, matches, &[]).0
    }

    #[test]
    fn settings_that_differ_from_their_defaults_are_shown_and_no_others() {
        let database = "postgresql://u:sesame@h/d?password=sesame";
        let shown = of_this(&[
            "qtask",
            "serve",
            "--database-url",
            database,
            "--port",
            "9000",
            "--retention=90 d",
            "--lease-duration=15s",
            "--open",
        ]);
        assert_eq!(
            shown,
            "PORT=9000 QTASK_OPEN=true DATABASE_URL=postgresql://u:...@h/d QTASK_RETENTION=\"90 d\""
        );
    }

    /// Every setting of both subcommands, given with a secret in it.
    #[test]
    fn no_setting_that_may_hold_a_secret_is_shown() {
        for subcommand in ["serve", "work"] {
            let command = Cli::command();
            let command = command.find_subcommand(subcommand).unwrap();
            let is_secret = |it: &&Arg| {
                let name = name(it);
                let is_file = name.ends_with("_FILE");
                it.is_hide_env_values_set()
                    || it
                        .get_value_names()
                        .is_some_and(|names| names[0] == COMMAND_LINE)
                    || !is_file
                        && ["PASSWORD", "SECRET", "TOKEN", "_URL"]
                            .iter()
                            .any(|word| name.ends_with(word))
            };
            let secrets: Vec<&Arg> = command.get_arguments().filter(is_secret).collect();
            assert!(secrets.len() >= 3, "{secrets:?}");
            for argument in secrets {
                let flag = format!("--{}", argument.get_long().unwrap());
                for value in ["x://u:sesame@h/sesame?a=sesame", "a=b sesame", SECRET] {
                    let value = if name(argument).ends_with("_URL") {
                        value.replace("h/sesame", "h/d")
                    } else {
                        value.to_owned()
                    };
                    let shown = of_this(&["qtask", subcommand, &flag, &value]);
                    assert!(shown.starts_with(&name(argument)), "{flag}: {shown}");
                    assert!(!shown.contains(SECRET), "{flag}: {shown}");
                }
            }
        }
        let without_flag = SERVICE_SECRETS.iter().all(|name| !name.ends_with("_FILE"));
        assert!(without_flag);
    }

    #[test]
    fn the_url_reaches_the_process_from_this_machine() {
        for (address, tls, url) in [
            ("0.0.0.0:80", false, "http://localhost:80"),
            ("[::]:80", true, "https://localhost:80"),
            ("127.0.0.1:80", false, "http://localhost:80"),
            ("[::1]:80", false, "http://[::1]:80"),
            ("192.0.2.1:80", false, "http://192.0.2.1:80"),
        ] {
            let address = address.parse().unwrap();
            let listening = Listening::Api { address, tls };
            assert_eq!(listening.api_url().as_deref(), Some(url));
        }
    }

    #[test]
    fn the_text_for_people_has_a_line_for_each_part() {
        let settings = ChangedSettings("PORT=80".to_owned());
        let address = "0.0.0.0:80".parse().unwrap();
        let listening = Listening::Api {
            address,
            tls: false,
        };
        let text = settings.text("serve", "PostgreSQL", "s", Some(listening));
        let version = version_and_revision();
        assert_eq!(
            text,
            format!(
                "qtask {version}: serve, queue PostgreSQL, schema s\n  \
                 http://localhost:80  API: http://localhost:80/docs  guide: http://localhost:80/docs/guide\n  \
                 settings: PORT=80"
            )
        );
        let quiet = ChangedSettings(String::new());
        let text = quiet.text("work", "RabbitMQ", "s", Some(Listening::Probes(address)));
        assert_eq!(
            text,
            format!("qtask {version}: work, queue RabbitMQ, schema s")
        );
    }
}
