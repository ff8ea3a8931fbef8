//! Settings of the broker.

use std::time::Duration;

use clap::Args;

use super::address_part::stands_beside;
use super::broker_parts::{BrokerPartArgs, GivenParts};
use super::secret_file::{Given, value_or_file};
use super::{Checker, without_password};
use crate::queue::amqp::{AmqpConfig, AmqpUrlError, QueueType};
use crate::tls::ClientFiles;

/// Settings of the broker.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Broker")]
pub struct BrokerArgs {
    /// RabbitMQ, as `amqp://user:password@host:5672/vhost`, or `amqps://` with TLS; several hosts are separated by
    /// commas; without it, PostgreSQL is the queue
    #[arg(long, env = "RABBITMQ_URL", value_name = "URL", hide_env_values = true)]
    pub rabbitmq_url: Option<String>,

    /// A file with this URL, so that its password stands neither in the process list nor in the environment
    #[arg(long, env = "RABBITMQ_URL_FILE", value_name = "FILE")]
    pub rabbitmq_url_file: Option<String>,

    #[command(flatten)]
    parts: BrokerPartArgs,

    /// The queue of the simulator; other backends have theirs at QUEUE.BACKEND
    #[arg(
        long,
        env = "QTASK_QUEUE",
        value_name = "QUEUE",
        default_value = "quantum_tasks"
    )]
    pub queue: String,

    /// classic (priorities, on one node) or quorum (replicated)
    #[arg(
        long,
        env = "QTASK_QUEUE_TYPE",
        value_name = "TYPE",
        default_value = "classic"
    )]
    pub queue_type: String,

    /// How long to wait for the broker's answer, to a connection as to a message
    #[arg(
        long,
        env = "RABBITMQ_TIMEOUT",
        value_name = "TIME",
        default_value = "5s"
    )]
    pub rabbitmq_timeout: String,
}

impl BrokerArgs {
    /// Validates the settings; `None` if PostgreSQL is the queue.
    pub fn check(
        &self,
        checker: &mut Checker,
        trusted: &ClientFiles,
        connection_name: &str,
    ) -> Option<AmqpConfig> {
        let range = Duration::from_millis(100)..=Duration::from_mins(5);
        let timeout = checker.duration("RABBITMQ_TIMEOUT", &self.rabbitmq_timeout, range);
        let queue_type = match self.queue_type.trim() {
            "classic" => QueueType::Classic,
            "quorum" => QueueType::Quorum,
            other => {
                checker.refuse(
                    "QTASK_QUEUE_TYPE",
                    format_args!("`{other}` is neither classic nor quorum"),
                );
                QueueType::Classic
            }
        };
        let queue = self.queue.trim();
        checker.require(
            (1..=180).contains(&queue.len()) && !queue.starts_with("amq.") && !queue.contains('\0'),
            "QTASK_QUEUE",
            format_args!(
                "`{}` cannot name a queue: use 1 to 180 characters that do not begin with `amq.`",
                queue.escape_debug()
            ),
        );
        let parts = self.parts.check(checker);
        let (url, url_setting) = self.url(checker, &parts)?;
        let authorities = trusted.additional_authorities.as_deref();
        match AmqpConfig::parse_with(&url, &parts.values, authorities) {
            Ok(mut config) => {
                queue.clone_into(&mut config.queue);
                config.queue_type = queue_type;
                config.connect_timeout = timeout;
                config.confirm_timeout = timeout;
                connection_name.clone_into(&mut config.connection_name);
                if let Err(error) = config.check_files() {
                    checker.refuse("RABBITMQ_URL", error);
                }
                Some(config)
            }
            Err(AmqpUrlError::GivenTwice(part)) => {
                let problem = stands_beside(&part.to_string(), url_setting);
                checker.refuse(parts.setting(part), problem);
                None
            }
            Err(AmqpUrlError::Missing { part, given }) => {
                let given = parts.setting(given);
                checker.refuse(
                    parts.setting(part),
                    format_args!("is missing, and {given} is set"),
                );
                None
            }
            Err(error) => {
                let url = without_password(url.trim());
                checker.refuse("RABBITMQ_URL", format_args!("`{url}`: {error}"));
                None
            }
        }
    }

    /// The URL and its setting. With a host alone it is one that the parts complete.
    fn url(&self, checker: &mut Checker, parts: &GivenParts) -> Option<(String, &'static str)> {
        let given = Given {
            setting: "RABBITMQ_URL",
            value: self.rabbitmq_url.as_deref(),
        };
        let file = Given {
            setting: "RABBITMQ_URL_FILE",
            value: self.rabbitmq_url_file.as_deref(),
        };
        if given.is_present() || file.is_present() {
            let setting = if given.is_present() {
                "RABBITMQ_URL"
            } else {
                "RABBITMQ_URL_FILE"
            };
            return Some((value_or_file(checker, &given, &file)?, setting));
        }
        if !parts.values.hosts.is_empty() {
            return Some(("amqp://".to_owned(), "RABBITMQ_URL"));
        }
        if let Some(part) = parts.first() {
            checker.refuse(
                "RABBITMQ_HOST",
                format_args!(
                    "is missing, and {} is set: set it to use RabbitMQ, or remove the other to use PostgreSQL alone",
                    parts.setting(part)
                ),
            );
        }
        None
    }
}
