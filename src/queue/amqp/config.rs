//! The broker's address and the connection settings, parsed once so that a bad URL is refused at start.

use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use thiserror::Error;
use url::Url;

/// AMQP short strings (queue, virtual host, message id, ...) carry their length in one byte.
pub(super) const MAX_SHORT_STRING: usize = 255;

const DEFAULT_PORT: u16 = 5672;
const DEFAULT_HEARTBEAT_SECONDS: u16 = 10;
/// Below two seconds the client library's heartbeat interval (half of it, in whole seconds) is zero.
const MIN_HEARTBEAT_SECONDS: u16 = 2;

/// The queue type that is declared for every backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueType {
    /// A classic queue of version 2 with ten priorities, on one node.
    #[default]
    Classic,
    /// A replicated queue, without priorities below `RabbitMQ` 4.
    Quorum,
}

/// Why an AMQP URL was refused. No message contains the password.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AmqpUrlError {
    /// Not a URL.
    #[error("the RabbitMQ URL is not a valid URL: {0}")]
    Syntax(#[from] url::ParseError),
    /// `amqps://`, which is not supported.
    #[error("amqps:// (TLS) is not supported yet: use amqp:// inside a trusted network")]
    TlsUnsupported,
    /// Neither `amqp` nor `amqps`.
    #[error("the RabbitMQ URL must start with amqp://, not {0}://")]
    Scheme(String),
    /// No host in the URL.
    #[error("the RabbitMQ URL names no host")]
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
}

/// The broker's address, and the limits of every operation on it.
#[derive(Clone)]
pub struct AmqpConfig {
    /// The queue of the `simulator` backend; other backends get `<queue>.<backend>`.
    pub queue: String,
    /// The queue type to declare.
    pub queue_type: QueueType,
    /// Limit for opening a connection, and for every request on it.
    pub connect_timeout: Duration,
    /// Limit for a whole `publish` call.
    pub confirm_timeout: Duration,
    /// Heartbeat to negotiate, in seconds; a peer silent for twice as long counts as lost. At least 2.
    pub heartbeat_seconds: u16,
    /// The name shown in the broker's list of connections.
    pub connection_name: String,
    endpoint: Endpoint,
}

#[derive(Clone)]
struct Endpoint {
    host: String,
    port: u16,
    user: String,
    password: String,
    vhost: String,
}

impl AmqpConfig {
    /// Parses `amqp://user:password@host:port/vhost?heartbeat=10` and sets all other fields to their
    /// defaults. User, password and virtual host are percent-decoded; they default to `guest`,
    /// `guest` and `/`.
    pub fn parse(url: &str) -> Result<Self, AmqpUrlError> {
        let url = Url::parse(url.trim())?;
        match url.scheme() {
            "amqp" => {}
            "amqps" => return Err(AmqpUrlError::TlsUnsupported),
            other => return Err(AmqpUrlError::Scheme(other.to_owned())),
        }
        Ok(Self {
            queue: "quantum_tasks".to_owned(),
            queue_type: QueueType::default(),
            connect_timeout: Duration::from_secs(5),
            confirm_timeout: Duration::from_secs(5),
            heartbeat_seconds: heartbeat(&url)?,
            connection_name: "qtask".to_owned(),
            endpoint: Endpoint::parse(&url)?,
        })
    }

    /// The broker's address without credentials, for logs: `host:port/vhost`.
    pub fn address(&self) -> String {
        let Endpoint {
            host, port, vhost, ..
        } = &self.endpoint;
        if vhost == "/" {
            format!("{host}:{port}")
        } else {
            format!("{host}:{port}/{vhost}")
        }
    }

    pub(super) fn open_arguments(&self, role: &str) -> amqprs::connection::OpenConnectionArguments {
        let Endpoint {
            host,
            port,
            user,
            password,
            vhost,
        } = &self.endpoint;
        amqprs::connection::OpenConnectionArguments::new(host, *port, user, password)
            .virtual_host(vhost)
            .heartbeat(self.heartbeat_seconds.max(MIN_HEARTBEAT_SECONDS))
            .connection_name(&format!("{} {role}", self.connection_name))
            .finish()
    }
}

impl fmt::Debug for AmqpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpConfig")
            .field("address", &self.address())
            .field("user", &self.endpoint.user)
            .field("queue", &self.queue)
            .field("queue_type", &self.queue_type)
            .field("connect_timeout", &self.connect_timeout)
            .field("confirm_timeout", &self.confirm_timeout)
            .field("heartbeat_seconds", &self.heartbeat_seconds)
            .field("connection_name", &self.connection_name)
            .finish_non_exhaustive()
    }
}

impl Endpoint {
    fn parse(url: &Url) -> Result<Self, AmqpUrlError> {
        let host = match url.host_str() {
            None | Some("") => return Err(AmqpUrlError::NoHost),
            Some(host) => percent_decode(host, "host")?,
        };
        let user = percent_decode(url.username(), "user")?;
        let password = percent_decode(url.password().unwrap_or_default(), "password")?;
        let no_user = user.is_empty() && url.password().is_none();
        Ok(Self {
            host,
            port: url.port().unwrap_or(DEFAULT_PORT),
            user: if no_user { "guest".to_owned() } else { user },
            password: if no_user {
                "guest".to_owned()
            } else {
                password
            },
            vhost: vhost(url.path())?,
        })
    }
}

fn vhost(path: &str) -> Result<String, AmqpUrlError> {
    let encoded = path.strip_prefix('/').unwrap_or(path);
    if encoded.is_empty() {
        return Ok("/".to_owned());
    }
    if encoded.contains('/') {
        return Err(AmqpUrlError::VhostSlash);
    }
    let vhost = percent_decode(encoded, "virtual host")?;
    if vhost.len() > MAX_SHORT_STRING {
        return Err(AmqpUrlError::TooLong("virtual host"));
    }
    Ok(vhost)
}

fn heartbeat(url: &Url) -> Result<u16, AmqpUrlError> {
    match url.query_pairs().find(|(key, _)| key == "heartbeat") {
        None => Ok(DEFAULT_HEARTBEAT_SECONDS),
        Some((_, value)) => match value.parse() {
            Ok(seconds) if seconds >= MIN_HEARTBEAT_SECONDS => Ok(seconds),
            _ => Err(AmqpUrlError::Heartbeat),
        },
    }
}

/// Decodes a part of the URL. The library leaves an incomplete escape as it is; here it is an error.
fn percent_decode(text: &str, what: &'static str) -> Result<String, AmqpUrlError> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    let decoded = percent_decode_str(text).decode_utf8();
    match decoded {
        Ok(decoded) if text.split('%').skip(1).all(is_escape) => Ok(decoded.into_owned()),
        _ => Err(AmqpUrlError::Encoding(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_password_and_vhost_are_percent_decoded() {
        let config = AmqpConfig::parse("amqp://us%40er:p%2Fw%25@broker:5673/my%2Fhost").unwrap();
        assert_eq!(config.endpoint.user, "us@er");
        assert_eq!(config.endpoint.password, "p/w%");
        assert_eq!(config.endpoint.vhost, "my/host");
        assert_eq!(config.address(), "broker:5673/my/host");
    }

    #[test]
    fn what_a_url_leaves_out_has_the_usual_default() {
        for url in [
            "amqp://localhost",
            "amqp://localhost/",
            "amqp://localhost:5672/%2f",
        ] {
            let config = AmqpConfig::parse(url).unwrap();
            assert_eq!(config.endpoint.vhost, "/", "{url}");
            assert_eq!(config.endpoint.port, 5672, "{url}");
            assert_eq!(config.endpoint.user, "guest", "{url}");
            assert_eq!(config.heartbeat_seconds, 10, "{url}");
        }
    }

    #[test]
    fn an_ipv6_host_keeps_its_brackets() {
        let config = AmqpConfig::parse("amqp://u:p@[::1]:5672/v?heartbeat=30").unwrap();
        assert_eq!(config.address(), "[::1]:5672/v");
        assert_eq!(config.heartbeat_seconds, 30);
    }

    #[test]
    fn a_bad_url_is_refused_and_the_password_is_never_shown() {
        let cases = [
            ("amqps://u:sesame@h", AmqpUrlError::TlsUnsupported),
            ("http://u:sesame@h", AmqpUrlError::Scheme("http".to_owned())),
            ("amqp://u:sesame%zz@h", AmqpUrlError::Encoding("password")),
            ("amqp://u:sesame@h/a/b", AmqpUrlError::VhostSlash),
            ("amqp://u:sesame@h?heartbeat=1", AmqpUrlError::Heartbeat),
            ("amqp://", AmqpUrlError::NoHost),
        ];
        for (url, expected) in cases {
            let error = AmqpConfig::parse(url).unwrap_err();
            assert_eq!(error, expected, "{url}");
            assert!(!error.to_string().contains("sesame"));
        }
        assert!(AmqpConfig::parse("amqp://u:sesame@h:99999").is_err());
        assert!(AmqpConfig::parse("not a url").is_err());
    }

    #[test]
    fn debug_never_shows_the_password() {
        let config = AmqpConfig::parse("amqp://user:sesame@h/v").unwrap();
        assert!(!format!("{config:?}").contains("sesame"));
        assert!(format!("{config:?}").contains("user"));
    }
}
