//! Why the address of the brokers is refused.

use std::fmt;

use thiserror::Error;

/// Why an AMQP URL was refused. No message contains the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AmqpUrlError {
    /// Not a URL.
    #[error("the RabbitMQ URL is not a valid URL: {0}")]
    Syntax(#[from] url::ParseError),
    /// Neither `amqp` nor `amqps`.
    #[error("the RabbitMQ URL must start with amqp:// or amqps://, not {0}://")]
    Scheme(String),
    /// No host in the URL, or an empty one in the list.
    #[error("the RabbitMQ URL names no host, or an empty one between commas")]
    NoHost,
    /// A `%` that is not followed by two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the {0} in the RabbitMQ URL is not valid percent-encoded UTF-8")]
    Encoding(&'static str),
    /// A virtual host with an unescaped slash.
    #[error("the virtual host in the RabbitMQ URL contains a slash: write it as %2F")]
    VhostSlash,
    /// Longer than the protocol allows.
    #[error("the {0} in the RabbitMQ URL is longer than 255 bytes")]
    TooLong(&'static str),
    /// A heartbeat that is not a number of seconds from 2 to 65535.
    #[error("the heartbeat in the RabbitMQ URL must be 2 to 65535 seconds")]
    Heartbeat,
    /// A parameter of TLS without TLS.
    #[error("the RabbitMQ URL has `{0}`, which needs amqps://")]
    Unencrypted(&'static str),
    /// `verify` is not `verify_peer`.
    #[error(
        "verify=`{0}` is refused: the broker's certificate is always verified (verify_peer). Name its authority \
         by cacertfile or QTASK_CA_FILE, and the name in its certificate by server_name_indication"
    )]
    Verify(String),
    /// Only one of `certfile` and `keyfile`.
    #[error("the RabbitMQ URL needs both certfile and keyfile, or none of them")]
    HalfIdentity,
    /// `auth_mechanism` is neither `plain` nor `external`.
    #[error("auth_mechanism=`{0}` is unknown: use plain or external")]
    Mechanism(String),
    /// `auth_mechanism=external` without a client certificate.
    #[error("auth_mechanism=external needs amqps:// with certfile and keyfile")]
    ExternalWithoutCertificate,
    /// A host that no certificate can name.
    #[error(
        "no certificate can be for the name `{0}`: set server_name_indication to the name in the broker's"
    )]
    ServerName(String),
    /// A part of the address beside a URL that has it, too.
    #[error("stands beside the {0} in the RabbitMQ URL: remove one of them")]
    GivenTwice(BrokerPart),
    /// A part of the address needs another one.
    #[error("is missing, and the {given} is set")]
    Missing {
        /// The part that is needed.
        part: BrokerPart,
        /// The part that needs it.
        given: BrokerPart,
    },
}

/// The name of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerPart {
    /// The hosts.
    Host,
    /// The port.
    Port,
    /// The user.
    User,
    /// The user's password.
    Password,
    /// The virtual host.
    Vhost,
}

impl fmt::Display for BrokerPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Port => "port",
            Self::User => "user",
            Self::Password => "password",
            Self::Vhost => "virtual host",
        })
    }
}
