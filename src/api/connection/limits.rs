//! Limits of connections, and the networks that they are counted by.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use ipnet::IpNet;

/// Limits of the connections of one server.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// Maximum number of connections.
    pub max_connections: usize,
    /// Maximum number of connections from one network of a client.
    pub max_per_address: usize,
    /// Proxies: they are exempt from `max_per_address`, and their `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// How long the head of a request may take, from its first byte. Also how long a new connection may send nothing,
    /// and how long a TLS handshake may take.
    pub head_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub idle_timeout: Duration,
}

/// The limit that refuses a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooManyConnections {
    /// All connections.
    InAll(usize),
    /// Those of one client.
    OfClient(usize),
}

impl TooManyConnections {
    /// The name of the limit in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::InAll(_) => "all",
            Self::OfClient(_) => "address",
        }
    }
}

/// Length of the prefix that one client of IPv6 has: it may use any address of it.
const CLIENT_PREFIX: u8 = 64;

/// The addresses that count as one client: an address of IPv4, or a /64 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl ClientNetwork {
    /// The network of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let prefix = address.to_bits() >> CLIENT_PREFIX << CLIENT_PREFIX;
                Self(Ipv6Addr::from_bits(prefix).into())
            }
            IpAddr::V4(address) => Self(address.into()),
        }
    }
}

impl ConnectionLimits {
    /// Whether the address is that of a trusted proxy.
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }

    /// The address of the client of a request: the last one in `forwarded_for` that is no trusted proxy, if the
    /// request came through one.
    pub fn client(&self, peer: IpAddr, forwarded_for: &str) -> IpAddr {
        let mut client = peer;
        for hop in forwarded_for.rsplit(',') {
            if !self.is_trusted(client) {
                break;
            }
            match hop.trim().parse() {
                Ok(address) => client = address,
                Err(_) => break,
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(trusted: &[&str]) -> ConnectionLimits {
        ConnectionLimits {
            max_connections: 10,
            max_per_address: 2,
            trusted_proxies: trusted.iter().map(|net| net.parse().unwrap()).collect(),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
        }
    }

    #[test]
    fn a_client_of_ipv6_is_its_whole_network() {
        let network = |address: &str| ClientNetwork::of(address.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let limits = limits(&["127.0.0.1/32", "10.0.0.0/8"]);
        let client =
            |peer: &str, header: &str| limits.client(peer.parse().unwrap(), header).to_string();
        let forged = "198.51.100.9, 203.0.113.7";
        assert_eq!(client("192.0.2.1", forged), "192.0.2.1");
        assert_eq!(client("127.0.0.1", forged), "203.0.113.7");
        let through_two = "203.0.113.7, 10.1.2.3";
        assert_eq!(client("::ffff:127.0.0.1", through_two), "203.0.113.7");
        assert_eq!(client("127.0.0.1", ""), "127.0.0.1");
        assert_eq!(client("127.0.0.1", "unknown"), "127.0.0.1");
    }
}
