//! The URLs of the shared PostgreSQL and RabbitMQ: from the environment, or with the standard ports.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use url::Url;

const POSTGRES: &str = "postgres://postgres:postgres@127.0.0.1:5432/postgres";
const RABBITMQ: &str = "amqp://guest:guest@127.0.0.1:5672/%2f";

/// URL of a database on the shared PostgreSQL, with a role that may create databases.
///
/// # Panics
/// When no server listens there.
pub fn database_url() -> Url {
    discover("DATABASE_URL", POSTGRES, 5432)
}

/// URL of the shared RabbitMQ.
///
/// # Panics
/// When no server listens there.
pub fn rabbitmq_url() -> Url {
    discover("RABBITMQ_URL", RABBITMQ, 5672)
}

fn discover(variable: &str, standard: &str, standard_port: u16) -> Url {
    let text = std::env::var(variable).unwrap_or_else(|_| standard.to_owned());
    let url = Url::parse(&text).unwrap_or_else(|error| panic!("{variable} is not a URL: {error}"));
    if let Some(host) = url.host_str().filter(|host| !host.starts_with('%')) {
        let port = url.port().unwrap_or(standard_port);
        assert!(
            answers(host, port),
            "nothing listens at {host}:{port} ({variable} or its default): run the tests with scripts/test, \
             which starts what is missing"
        );
    }
    url
}

fn answers(host: &str, port: u16) -> bool {
    (host, port).to_socket_addrs().is_ok_and(|mut addresses| {
        addresses
            .any(|address| TcpStream::connect_timeout(&address, Duration::from_secs(3)).is_ok())
    })
}
