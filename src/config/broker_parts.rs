//! The parts of RabbitMQ's address as settings of their own, whose values are not percent-encoded.

use clap::Args;

use super::Checker;
use super::address_part::{hosts, port, present};
use super::secret_file::{Given, variable_or_file};
use crate::queue::amqp::{BrokerPart, BrokerParts};

/// The variable of the password. It has no flag: a flag is visible in the process list.
pub const RABBITMQ_PASSWORD: &str = "RABBITMQ_PASSWORD";

/// The parts, each of which `RABBITMQ_URL` may lack.
#[derive(Debug, Clone, Default, Args)]
pub struct BrokerPartArgs {
    /// RabbitMQ's host instead of a URL; several are separated by commas. The values of this setting and the next
    /// ones are taken as they are: no character is escaped. The password is in the variable `RABBITMQ_PASSWORD`
    #[arg(long, env = "RABBITMQ_HOST", value_name = "HOST")]
    pub rabbitmq_host: Option<String>,

    /// The port of these hosts; by default 5672
    #[arg(long, env = "RABBITMQ_PORT", value_name = "PORT")]
    pub rabbitmq_port: Option<String>,

    /// The user; by default guest, with this password
    #[arg(long, env = "RABBITMQ_USER", value_name = "USER")]
    pub rabbitmq_user: Option<String>,

    /// A file with the user's password, if it is not in the variable `RABBITMQ_PASSWORD`
    #[arg(long, env = "RABBITMQ_PASSWORD_FILE", value_name = "FILE")]
    pub rabbitmq_password_file: Option<String>,

    /// The virtual host; by default /
    #[arg(long, env = "RABBITMQ_VHOST", value_name = "VHOST")]
    pub rabbitmq_vhost: Option<String>,
}

/// The parts that were given, and the setting of the password.
pub struct GivenParts {
    /// The parts.
    pub values: BrokerParts,
    password_setting: String,
}

impl BrokerPartArgs {
    /// Validates the settings, and reads the password.
    pub fn check(&self, checker: &mut Checker) -> GivenParts {
        let file = Given {
            setting: "RABBITMQ_PASSWORD_FILE",
            value: self.rabbitmq_password_file.as_deref(),
        };
        let hosts = hosts(checker, "RABBITMQ_HOST", self.rabbitmq_host.as_deref());
        let port = port(checker, "RABBITMQ_PORT", self.rabbitmq_port.as_deref());
        let password = variable_or_file(checker, RABBITMQ_PASSWORD, &file);
        let text = |value: &Option<String>| present(value.as_deref()).map(str::to_owned);
        let (password, password_setting) = match password {
            Some(password) => (Some(password.value), password.setting),
            None => (None, RABBITMQ_PASSWORD.to_owned()),
        };
        GivenParts {
            values: BrokerParts {
                hosts,
                port,
                user: text(&self.rabbitmq_user),
                password,
                vhost: text(&self.rabbitmq_vhost),
            },
            password_setting,
        }
    }
}

impl GivenParts {
    /// The setting of a part.
    pub fn setting(&self, part: BrokerPart) -> &str {
        match part {
            BrokerPart::Host => "RABBITMQ_HOST",
            BrokerPart::Port => "RABBITMQ_PORT",
            BrokerPart::User => "RABBITMQ_USER",
            BrokerPart::Password => &self.password_setting,
            BrokerPart::Vhost => "RABBITMQ_VHOST",
        }
    }

    /// The first part that was given.
    pub fn first(&self) -> Option<BrokerPart> {
        let BrokerParts {
            hosts,
            port,
            user,
            password,
            vhost,
        } = &self.values;
        let given = [
            (!hosts.is_empty(), BrokerPart::Host),
            (user.is_some(), BrokerPart::User),
            (password.is_some(), BrokerPart::Password),
            (vhost.is_some(), BrokerPart::Vhost),
            (port.is_some(), BrokerPart::Port),
        ];
        given
            .iter()
            .find(|(is_given, _)| *is_given)
            .map(|(_, part)| *part)
    }
}
