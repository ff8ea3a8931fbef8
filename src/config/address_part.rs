//! Parts of an address that are settings of their own.

use super::Checker;

/// The value of a part; blank counts as absent.
pub fn present(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.trim().is_empty())
}

/// The hosts of a setting, which are separated by commas; an IPv6 address loses its brackets.
pub fn hosts(checker: &mut Checker, setting: &str, value: Option<&str>) -> Vec<String> {
    let Some(text) = present(value) else {
        return Vec::new();
    };
    let hosts = text.split(',').map(|host| {
        let host = host.trim();
        let address = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        address.unwrap_or(host).to_owned()
    });
    let hosts: Vec<_> = hosts.collect();
    for host in &hosts {
        let is_path = host.starts_with('/');
        let has_port = host
            .split_once(':')
            .is_some_and(|(_, port)| !port.contains(':'));
        if host.is_empty() {
            checker.refuse(setting, "names an empty host between commas");
        } else if host.contains("://") {
            // It may contain a password.
            checker.refuse(
                setting,
                "is a URL, not a host: the URL has a setting of its own",
            );
        } else if !is_path && (has_port || host.starts_with('[')) {
            checker.refuse(
                setting,
                format_args!("`{host}` has a port, which is a setting of its own"),
            );
        }
    }
    hosts
}

/// The port of a setting.
///
/// Kubernetes sets a variable such as `RABBITMQ_PORT=tcp://10.0.0.1:5672` in each pod beside a service of that name: it counts as
/// absent.
pub fn port(checker: &mut Checker, setting: &str, value: Option<&str>) -> Option<u16> {
    let text = present(value).filter(|text| !text.starts_with("tcp://"))?;
    Some(checker.number(setting, text, 1..=u16::MAX))
}

/// What is wrong with a part that the URL names as well.
pub fn stands_beside(part: &str, url_setting: &str) -> String {
    format!("stands beside the {part} in {url_setting}: remove one of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_and_directories_without_a_port() {
        let mut checker = Checker::default();
        for (text, meant) in [
            ("db", &["db"][..]),
            ("a, b,[::1]", &["a", "b", "::1"]),
            ("::1", &["::1"]),
            ("/run/a:b", &["/run/a:b"]),
            (" ", &[]),
        ] {
            assert_eq!(hosts(&mut checker, "HOST", Some(text)), meant, "{text}");
        }
        assert!(checker.finish(()).is_ok());
        for (bad, part) in [
            ("db:5432", "`db:5432` has a port"),
            ("[::1]:5432", "has a port"),
            ("a,,b", "an empty host"),
            ("amqp://u:sesame@h", "is a URL"),
        ] {
            let mut checker = Checker::default();
            hosts(&mut checker, "HOST", Some(bad));
            let refused = checker.finish(()).unwrap_err().to_string();
            assert!(refused.contains(part), "{refused}");
            assert!(!refused.contains("sesame"), "{refused}");
        }
    }

    #[test]
    fn the_port_of_a_kubernetes_service_is_not_a_setting() {
        let mut checker = Checker::default();
        assert_eq!(port(&mut checker, "PORT", Some("5433")), Some(5433));
        let link = "tcp://10.96.0.1:5432";
        assert_eq!(port(&mut checker, "PORT", Some(link)), None);
        assert!(checker.finish(()).is_ok());
        let mut checker = Checker::default();
        port(&mut checker, "PORT", Some("0"));
        assert!(checker.finish(()).is_err());
    }
}
