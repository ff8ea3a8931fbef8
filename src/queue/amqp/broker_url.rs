//! Reads the URL of the brokers: several hosts, or several URLs, and TLS by `RabbitMQ`'s own query parameters.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use url::Url;

use super::broker_parts::{BrokerParts, only_one};
use super::broker_url_error::{AmqpUrlError, BrokerPart};
use super::endpoint::{Endpoint, EndpointTls, Login};
use crate::tls::ClientFiles;

/// Below two seconds the client library's heartbeat interval (half of it, in whole seconds) is zero.
pub(super) const MIN_HEARTBEAT_SECONDS: u16 = 2;

const PLAIN_PORT: u16 = 5672;
const TLS_PORT: u16 = 5671;

/// Query parameters that configure TLS.
const TLS_PARAMETERS: [&str; 5] = [
    "cacertfile",
    "certfile",
    "keyfile",
    "verify",
    "server_name_indication",
];

/// The brokers of a setting, and the shortest heartbeat that it asks for, in seconds.
pub(super) struct BrokerUrls {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) heartbeat: Option<u16>,
}

impl BrokerUrls {
    /// Reads one URL, with one or several hosts separated by commas, or several URLs separated by commas, and adds the parts
    /// that they lack.
    pub(super) fn parse(
        text: &str,
        parts: &BrokerParts,
        authorities: Option<&Path>,
    ) -> Result<Self, AmqpUrlError> {
        let (mut endpoints, mut heartbeat) = (Vec::new(), None);
        for url in split_urls(text) {
            for url in split_hosts(url, parts)? {
                endpoints.push(endpoint(&url, parts, authorities)?);
                heartbeat = [heartbeat, heartbeat_of(&url)?].into_iter().flatten().min();
            }
        }
        Ok(Self {
            endpoints,
            heartbeat,
        })
    }
}

/// Splits at commas before another scheme.
fn split_urls(text: &str) -> Vec<&str> {
    let text = text.trim();
    let begins_url = |(at, _): &(usize, &str)| {
        let (_, behind) = text.split_at(*at);
        let behind = behind.trim_start_matches(',').trim_start();
        behind.starts_with("amqp://") || behind.starts_with("amqps://")
    };
    let (mut urls, mut rest, mut start) = (Vec::new(), text, 0);
    for (at, _) in text.match_indices(',').filter(begins_url) {
        let (url, behind) = rest.split_at(at - start);
        urls.push(url.trim());
        rest = behind.trim_start_matches(',');
        start = text.len() - rest.len();
    }
    urls.push(rest.trim());
    urls
}

/// One URL for each host of a URL. User and password may contain commas, the path and the query too.
fn split_hosts(url: &str, parts: &BrokerParts) -> Result<Vec<Url>, AmqpUrlError> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Ok(vec![Url::parse(url)?]);
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let hosts_at = authority.rfind('@').map_or(0, |at| at + 1);
    let (user, hosts) = authority.split_at(hosts_at);
    let added;
    let hosts = match (hosts, parts.hosts.as_slice()) {
        (hosts, []) => hosts,
        ("", _) => {
            added = parts.encoded_hosts();
            &added
        }
        _ => return Err(AmqpUrlError::GivenTwice(BrokerPart::Host)),
    };
    hosts
        .split(',')
        .map(|host| match host.trim() {
            "" => Err(AmqpUrlError::NoHost),
            host => Ok(Url::parse(&format!("{scheme}://{user}{host}{tail}"))?),
        })
        .collect()
}

fn endpoint(
    url: &Url,
    parts: &BrokerParts,
    authorities: Option<&Path>,
) -> Result<Endpoint, AmqpUrlError> {
    let has_tls = match url.scheme() {
        "amqp" => false,
        "amqps" => true,
        other => return Err(AmqpUrlError::Scheme(other.to_owned())),
    };
    let host = match url.host_str() {
        None | Some("") => return Err(AmqpUrlError::NoHost),
        Some(host) => percent_decode(host.trim_matches(['[', ']']), "host")?,
    };
    let tls = has_tls
        .then(|| endpoint_tls(url, &host, authorities))
        .transpose()?;
    if let (None, Some(name)) = (&tls, TLS_PARAMETERS.iter().find(|name| has(url, name))) {
        return Err(AmqpUrlError::Unencrypted(name));
    }
    let has_certificate = tls.as_ref().is_some_and(|tls| tls.files.identity.is_some());
    Ok(Endpoint {
        host,
        port: only_one(BrokerPart::Port, url.port(), parts.port)?.unwrap_or(if has_tls {
            TLS_PORT
        } else {
            PLAIN_PORT
        }),
        login: login(url, parts, has_certificate)?,
        vhost: parts.vhost(vhost(url.path())?)?,
        tls,
    })
}

fn endpoint_tls(
    url: &Url,
    host: &str,
    authorities: Option<&Path>,
) -> Result<EndpointTls, AmqpUrlError> {
    if let Some(verify) = parameter(url, "verify").filter(|verify| verify != "verify_peer") {
        return Err(AmqpUrlError::Verify(verify));
    }
    let file = |name| parameter(url, name).map(PathBuf::from);
    let identity = match (file("certfile"), file("keyfile")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => return Err(AmqpUrlError::HalfIdentity),
    };
    let server_name = parameter(url, "server_name_indication").unwrap_or_else(|| host.to_owned());
    if ServerName::try_from(server_name.as_str()).is_err() {
        return Err(AmqpUrlError::ServerName(server_name));
    }
    Ok(EndpointTls {
        server_name,
        files: ClientFiles {
            additional_authorities: authorities.map(Path::to_owned),
            only_authorities: file("cacertfile"),
            identity,
        },
    })
}

fn login(url: &Url, parts: &BrokerParts, has_certificate: bool) -> Result<Login, AmqpUrlError> {
    let mechanism = parameter(url, "auth_mechanism").map(|name| name.to_ascii_lowercase());
    match mechanism.as_deref() {
        None | Some("plain") => {}
        Some("external") if has_certificate => return Ok(Login::External),
        Some("external") => return Err(AmqpUrlError::ExternalWithoutCertificate),
        Some(other) => return Err(AmqpUrlError::Mechanism(other.to_owned())),
    }
    let user = match url.username() {
        "" => None,
        user => Some(percent_decode(user, "user")?),
    };
    let password = url.password();
    let password = password
        .map(|password| percent_decode(password, "password"))
        .transpose()?;
    parts.login(user, password)
}

fn vhost(path: &str) -> Result<Option<String>, AmqpUrlError> {
    let encoded = path.strip_prefix('/').unwrap_or(path);
    if encoded.is_empty() {
        return Ok(None);
    }
    if encoded.contains('/') {
        return Err(AmqpUrlError::VhostSlash);
    }
    let vhost = percent_decode(encoded, "virtual host")?;
    Ok(Some(vhost))
}

fn heartbeat_of(url: &Url) -> Result<Option<u16>, AmqpUrlError> {
    let Some(value) = parameter(url, "heartbeat") else {
        return Ok(None);
    };
    match value.parse() {
        Ok(seconds) if seconds >= MIN_HEARTBEAT_SECONDS => Ok(Some(seconds)),
        _ => Err(AmqpUrlError::Heartbeat),
    }
}

fn has(url: &Url, name: &str) -> bool {
    url.query_pairs().any(|(key, _)| key == name)
}

/// The first value of a query parameter; an empty one counts as absent.
fn parameter(url: &Url, name: &str) -> Option<String> {
    let found = url.query_pairs().find(|(key, _)| key == name);
    found
        .map(|(_, value)| value.into_owned())
        .filter(|value| !value.is_empty())
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

    fn parse(url: &str, authorities: Option<&Path>) -> Result<BrokerUrls, AmqpUrlError> {
        BrokerUrls::parse(url, &BrokerParts::default(), authorities)
    }

    fn parsed(url: &str) -> Vec<Endpoint> {
        parse(url, None).unwrap().endpoints
    }

    fn one(url: &str) -> Endpoint {
        parsed(url).remove(0)
    }

    fn addresses(url: &str) -> Vec<String> {
        parsed(url).iter().map(Endpoint::address).collect()
    }

    fn heartbeat(url: &str) -> Option<u16> {
        parse(url, None).unwrap().heartbeat
    }

    #[test]
    fn user_password_and_vhost_are_percent_decoded() {
        let broker = one("amqp://us%40er:p%2Fw%25,@broker:5673/my%2Fhost");
        let Login::Plain(user, password) = &broker.login else {
            panic!("a password");
        };
        assert_eq!((user.as_str(), password.as_str()), ("us@er", "p/w%,"));
        assert_eq!(broker.vhost, "my/host");
        assert_eq!(broker.address(), "broker:5673/my/host");
    }

    #[test]
    fn what_a_url_leaves_out_has_the_usual_default() {
        for url in [
            "amqp://localhost",
            "amqp://localhost/",
            "amqp://localhost:5672/%2f",
        ] {
            let broker = one(url);
            assert_eq!(broker.vhost, "/", "{url}");
            assert_eq!(broker.port, 5672, "{url}");
            assert_eq!(broker.user(), "guest", "{url}");
            assert!(broker.tls.is_none());
            assert_eq!(heartbeat(url), None, "{url}");
        }
        assert_eq!(one("amqps://localhost").port, 5671);
    }

    #[test]
    fn an_ipv6_host_is_shown_in_brackets() {
        let url = "amqps://u:p@[::1]:5672/v?heartbeat=30";
        assert_eq!(addresses(url), ["[::1]:5672/v"]);
        assert_eq!(heartbeat(url), Some(30));
        assert_eq!(one(url).tls.unwrap().server_name, "::1");
    }

    #[test]
    fn several_hosts_share_a_url_and_several_urls_a_setting() {
        assert_eq!(
            addresses("amqps://u:p@a:1,b,[::1]:2/v?heartbeat=9"),
            ["a:1/v", "b:5671/v", "[::1]:2/v"]
        );
        let urls = "amqps://u:p,1@a/v?heartbeat=9&x=1,2 , amqp://w:q@b,c:3?heartbeat=7";
        assert_eq!(addresses(urls), ["a:5671/v", "b:5672", "c:3"]);
        let users: Vec<_> = parsed(urls).iter().map(|it| it.user().to_owned()).collect();
        assert_eq!(users, ["u", "w", "w"]);
        assert_eq!(heartbeat(urls), Some(7));
    }

    #[test]
    fn tls_is_configured_as_rabbitmq_names_it() {
        let tls = one("amqps://h?cacertfile=/ca%20file&certfile=/c&keyfile=/k&verify=verify_peer&server_name_indication=name")
            .tls
            .unwrap();
        assert_eq!(tls.server_name, "name");
        assert_eq!(tls.files.only_authorities, Some("/ca file".into()));
        assert_eq!(tls.files.identity, Some(("/c".into(), "/k".into())));
        let external = one("amqps://h?certfile=/c&keyfile=/k&auth_mechanism=EXTERNAL");
        assert!(matches!(external.login, Login::External));
        let authorities = Some(Path::new("/more"));
        let brokers = parse("amqps://h", authorities).unwrap();
        let files = brokers.endpoints[0].tls.clone().unwrap().files;
        assert_eq!(files.additional_authorities, Some("/more".into()));
    }

    #[test]
    fn a_bad_url_is_refused_and_the_password_is_never_shown() {
        let cases = [
            ("http://u:sesame@h", AmqpUrlError::Scheme("http".to_owned())),
            ("amqp://u:sesame%zz@h", AmqpUrlError::Encoding("password")),
            ("amqp://u:sesame@h/a/b", AmqpUrlError::VhostSlash),
            ("amqp://u:sesame@h?heartbeat=1", AmqpUrlError::Heartbeat),
            ("amqp://", AmqpUrlError::NoHost),
            ("amqp://u:sesame@a,,b", AmqpUrlError::NoHost),
            (
                "amqp://u:sesame@h?certfile=x",
                AmqpUrlError::Unencrypted("certfile"),
            ),
            (
                "amqps://u:sesame@h?verify=verify_none",
                AmqpUrlError::Verify("verify_none".to_owned()),
            ),
            ("amqps://u:sesame@h?certfile=x", AmqpUrlError::HalfIdentity),
            (
                "amqps://u:sesame@h?auth_mechanism=external",
                AmqpUrlError::ExternalWithoutCertificate,
            ),
            (
                "amqp://u:sesame@h?auth_mechanism=amqplain",
                AmqpUrlError::Mechanism("amqplain".to_owned()),
            ),
            (
                "amqps://u:sesame@my..host",
                AmqpUrlError::ServerName("my..host".to_owned()),
            ),
        ];
        for (url, expected) in cases {
            let error = parse(url, None).err().expect(url);
            assert_eq!(error, expected, "{url}");
            assert!(!error.to_string().contains("sesame"));
        }
        assert!(parse("amqp://u:sesame@h:99999", None).is_err());
        assert!(parse("not a url", None).is_err());
    }
}
