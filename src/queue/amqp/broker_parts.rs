//! Parts of the brokers' address that are given apart from the URL, as they are: nothing in them is percent-encoded.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::broker_url_error::{AmqpUrlError, BrokerPart};
use super::endpoint::Login;

/// AMQP short strings (queue, virtual host, message id, ...) carry their length in one byte.
pub(super) const MAX_SHORT_STRING: usize = 255;

/// The parts, each of which a URL may lack.
#[derive(Clone, Default)]
pub struct BrokerParts {
    /// Names or addresses; an IPv6 address without brackets.
    pub hosts: Vec<String>,
    /// The port of all hosts.
    pub port: Option<u16>,
    /// The user.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<String>,
    /// The virtual host.
    pub vhost: Option<String>,
}

impl BrokerParts {
    /// The hosts in the form that a URL has them in.
    pub(super) fn encoded_hosts(&self) -> String {
        let encoded = self.hosts.iter().map(|host| {
            if host.contains(':') {
                format!("[{host}]")
            } else {
                utf8_percent_encode(host, NON_ALPHANUMERIC)
                    .to_string()
                    .replace("%2E", ".")
                    .replace("%2D", "-")
            }
        });
        encoded.collect::<Vec<_>>().join(",")
    }

    /// The virtual host, for a URL that has this one.
    pub(super) fn vhost(&self, in_url: Option<String>) -> Result<String, AmqpUrlError> {
        let vhost = only_one(BrokerPart::Vhost, in_url, self.vhost.clone())?;
        let vhost = vhost.unwrap_or_else(|| "/".to_owned());
        if vhost.len() > MAX_SHORT_STRING {
            return Err(AmqpUrlError::TooLong("virtual host"));
        }
        Ok(vhost)
    }

    /// The login by user and password, for a URL that has these.
    pub(super) fn login(
        &self,
        user: Option<String>,
        password: Option<String>,
    ) -> Result<Login, AmqpUrlError> {
        let user = only_one(BrokerPart::User, user, self.user.clone())?;
        let password = only_one(BrokerPart::Password, password, self.password.clone())?;
        Ok(match (user, password) {
            (None, None) => Login::Plain("guest".to_owned(), "guest".to_owned()),
            (Some(_), None) if self.user.is_some() => {
                return Err(AmqpUrlError::Missing {
                    part: BrokerPart::Password,
                    given: BrokerPart::User,
                });
            }
            (None, Some(_)) if self.password.is_some() => {
                return Err(AmqpUrlError::Missing {
                    part: BrokerPart::User,
                    given: BrokerPart::Password,
                });
            }
            (user, password) => {
                Login::Plain(user.unwrap_or_default(), password.unwrap_or_default())
            }
        })
    }
}

/// The part as it is given, in the URL or apart from it.
pub(super) fn only_one<T>(
    part: BrokerPart,
    in_url: Option<T>,
    apart: Option<T>,
) -> Result<Option<T>, AmqpUrlError> {
    if in_url.is_some() && apart.is_some() {
        return Err(AmqpUrlError::GivenTwice(part));
    }
    Ok(in_url.or(apart))
}

#[cfg(test)]
mod tests {
    use super::super::broker_url::BrokerUrls;
    use super::super::endpoint::Endpoint;
    use super::*;

    fn endpoints(url: &str, parts: &BrokerParts) -> Result<Vec<Endpoint>, AmqpUrlError> {
        BrokerUrls::parse(url, parts, None).map(|urls| urls.endpoints)
    }

    fn all_parts() -> BrokerParts {
        BrokerParts {
            hosts: vec!["a-b.c".to_owned(), "::1".to_owned()],
            port: Some(7),
            user: Some("us@er".to_owned()),
            password: Some("ses%40me/ü".to_owned()),
            vhost: Some("v/%2f".to_owned()),
        }
    }

    #[test]
    fn parts_are_taken_as_they_are() {
        let brokers = endpoints("amqp://", &all_parts()).unwrap();
        let addresses: Vec<_> = brokers.iter().map(Endpoint::address).collect();
        assert_eq!(addresses, ["a-b.c:7/v/%2f", "[::1]:7/v/%2f"]);
        let Login::Plain(user, password) = &brokers[0].login else {
            panic!("a password");
        };
        assert_eq!((user.as_str(), password.as_str()), ("us@er", "ses%40me/ü"));
    }

    #[test]
    fn parts_complete_a_url_with_tls() {
        let parts = BrokerParts {
            hosts: vec!["broker".to_owned()],
            ..BrokerParts::default()
        };
        let broker = endpoints("amqps://?cacertfile=/ca.pem", &parts)
            .unwrap()
            .remove(0);
        assert_eq!(broker.address(), "broker:5671");
        assert_eq!(broker.user(), "guest");
        assert_eq!(broker.tls.unwrap().server_name, "broker");
    }

    #[test]
    fn a_part_that_the_url_has_too_or_that_lacks_its_other_half_is_refused() {
        let part = |change: fn(&mut BrokerParts)| {
            let mut parts = BrokerParts::default();
            change(&mut parts);
            parts
        };
        let twice = AmqpUrlError::GivenTwice;
        let url = "amqp://u:open@h:1/v";
        for (parts, error) in [
            (
                part(|it| it.hosts.push("h".to_owned())),
                twice(BrokerPart::Host),
            ),
            (part(|it| it.port = Some(1)), twice(BrokerPart::Port)),
            (
                part(|it| it.user = Some("u".to_owned())),
                twice(BrokerPart::User),
            ),
            (
                part(|it| it.password = Some("x".to_owned())),
                twice(BrokerPart::Password),
            ),
            (
                part(|it| it.vhost = Some("v".to_owned())),
                twice(BrokerPart::Vhost),
            ),
        ] {
            assert_eq!(endpoints(url, &parts).err().unwrap(), error);
        }
        let (user, password) = (BrokerPart::User, BrokerPart::Password);
        let missing = |part, given| AmqpUrlError::Missing { part, given };
        for (parts, error) in [
            (
                part(|it| it.user = Some("u".to_owned())),
                missing(password, user),
            ),
            (
                part(|it| it.password = Some("x".to_owned())),
                missing(user, password),
            ),
            (
                part(|it| it.vhost = Some("v".repeat(256))),
                AmqpUrlError::TooLong("virtual host"),
            ),
        ] {
            assert_eq!(endpoints("amqp://h", &parts).err().unwrap(), error);
        }
        let parts = part(|it| it.password = Some("x".to_owned()));
        assert!(endpoints("amqp://u@h", &parts).is_ok());
    }
}
