//! The brokers and the connection settings, parsed once so that a bad URL is refused at start.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use super::broker_parts::BrokerParts;
use super::broker_url::{BrokerUrls, MIN_HEARTBEAT_SECONDS};
use super::broker_url_error::AmqpUrlError;
use super::endpoint::{Endpoint, Introduction};
use crate::tls::TlsFileError;

const DEFAULT_HEARTBEAT_SECONDS: u16 = 10;

/// The queue type that is declared for every backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueType {
    /// A classic queue of version 2 with ten priorities, on one node.
    #[default]
    Classic,
    /// A replicated queue, without priorities below `RabbitMQ` 4.
    Quorum,
}

/// The brokers, and the limits of every operation on them.
#[derive(Clone)]
pub struct AmqpConfig {
    /// The queue of the `simulator` backend; other backends get `<queue>.<backend>`.
    pub queue: String,
    /// The queue type to declare.
    pub queue_type: QueueType,
    /// Limit for opening a connection, over all brokers that are tried, and for every request on it.
    pub connect_timeout: Duration,
    /// Limit for a whole `publish` call.
    pub confirm_timeout: Duration,
    /// Heartbeat to negotiate, in seconds; a peer silent for twice as long counts as lost. At least 2.
    pub heartbeat_seconds: u16,
    /// The name shown in the broker's list of connections.
    pub connection_name: String,
    endpoints: Vec<Endpoint>,
}

impl AmqpConfig {
    /// Parses `amqp://user:password@host:port/vhost?heartbeat=10`, with TLS as `amqps://`, and sets all other fields
    /// to their defaults. Several hosts (`amqp://user@a:5672,b:5672/vhost`) or several URLs, separated by commas, are
    /// brokers of one cluster. User, password and virtual host are percent-decoded; they default to `guest`, `guest`
    /// and `/`. `authorities` is a file of authorities that are trusted beside the public ones.
    pub fn parse(urls: &str, authorities: Option<&Path>) -> Result<Self, AmqpUrlError> {
        Self::parse_with(urls, &BrokerParts::default(), authorities)
    }

    /// The same, and adds the parts that the URLs lack. A part that a URL has, too, is refused.
    pub fn parse_with(
        urls: &str,
        parts: &BrokerParts,
        authorities: Option<&Path>,
    ) -> Result<Self, AmqpUrlError> {
        let BrokerUrls {
            endpoints,
            heartbeat,
        } = BrokerUrls::parse(urls, parts, authorities)?;
        Ok(Self {
            queue: "quantum_tasks".to_owned(),
            queue_type: QueueType::default(),
            connect_timeout: Duration::from_secs(5),
            confirm_timeout: Duration::from_secs(5),
            heartbeat_seconds: heartbeat.unwrap_or(DEFAULT_HEARTBEAT_SECONDS),
            connection_name: "qtask".to_owned(),
            endpoints,
        })
    }

    /// Reads the files of certificates and keys once, so that unusable ones are refused at start. Each connection
    /// reads them again.
    pub fn check_files(&self) -> Result<(), TlsFileError> {
        self.endpoints.iter().try_for_each(Endpoint::check_files)
    }

    /// The brokers.
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// What a connection for this role tells a broker.
    pub(super) fn introduction(&self, role: &str) -> Introduction {
        Introduction {
            connection_name: format!("{} {role}", self.connection_name),
            heartbeat_seconds: self.heartbeat_seconds.max(MIN_HEARTBEAT_SECONDS),
        }
    }
}

impl fmt::Debug for AmqpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |part: fn(&Endpoint) -> String| -> Vec<String> {
            self.endpoints.iter().map(part).collect()
        };
        f.debug_struct("AmqpConfig")
            .field("brokers", &list(Endpoint::address))
            .field("users", &list(|endpoint| endpoint.user().to_owned()))
            .field("queue", &self.queue)
            .field("queue_type", &self.queue_type)
            .field("connect_timeout", &self.connect_timeout)
            .field("confirm_timeout", &self.confirm_timeout)
            .field("heartbeat_seconds", &self.heartbeat_seconds)
            .field("connection_name", &self.connection_name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_never_shows_the_password() {
        let config = AmqpConfig::parse("amqp://user:sesame@h/v", None).unwrap();
        assert!(!format!("{config:?}").contains("sesame"));
        assert!(format!("{config:?}").contains("user"));
    }
}
