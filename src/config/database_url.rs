//! Accepts `DATABASE_URL` in the forms of other programs, such as SQLAlchemy, which names a driver in the scheme.

use std::error::Error;

use percent_encoding::percent_decode_str;
use tokio_postgres::Config;

use super::database_options::{Options, Taken};
use super::keywords;
use super::without_password;
use crate::store::DatabaseAddress;

const FORM: &str = "postgresql://user:password@host:5432/name is needed";

/// Options that only configure a Python driver, which are ignored: qtask prepares statements itself and has
/// `DATABASE_TIMEOUT` and `DATABASE_POOL_SIZE`.
const OF_DRIVERS: &[&str] = &[
    "async_fallback",
    "command_timeout",
    "max_cacheable_statement_size",
    "max_cached_statement_lifetime",
    "prepare_threshold",
    "prepared_statement_cache_size",
    "prepared_statement_name_func",
    "statement_cache_size",
];

/// Parses the URL, or the keywords of libpq (`host=... user=...`), and lets `complete` add what it lacks. Reads the files of
/// certificates that it names.
///
/// # Errors
/// Returns a message without the password if the URL is invalid, or a file is not usable.
pub fn parse(given: &str, complete: impl FnOnce(&mut Config)) -> Result<DatabaseAddress, String> {
    let given = given.trim();
    if given.is_empty() {
        return Err(FORM.to_owned());
    }
    let mut options = Options::default();
    let (plain, refused) = match given.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            check_scheme(scheme, rest)?;
            take_from_url(scheme, rest, &mut options)
        }
        _ => take_from_keywords(given, &mut options),
    };
    let shown = without_password(given);
    let mut config = plain.parse::<Config>().map_err(|error| {
        format!(
            "`{shown}` {}; {FORM}, and in the password %40 for @, %2F for /, %3A for :",
            reason(&plain, &error)
        )
    })?;
    complete(&mut config);
    let address = refused
        .map_or_else(|| options.finish(), Err)
        .and_then(|(tls, session)| {
            DatabaseAddress::new(config, tls, session).map_err(|error| error.to_string())
        });
    address.map_err(|problem| format!("`{shown}`: {problem}"))
}

/// Returns the URL with this port, if it names hosts and no port; the client library would take 5432 for each of them.
pub fn with_port(given: &str, port: u16) -> Option<String> {
    let (scheme, rest) = given.trim().split_once("://")?;
    let (address, _) = split_options(rest);
    let hosts_at = address.find('@').map_or(0, |at| at + 1);
    let hosts_end = address
        .get(hosts_at..)?
        .find('/')
        .map_or(address.len(), |end| hosts_at + end);
    let (before, hosts) = address.get(..hosts_end)?.split_at_checked(hosts_at)?;
    let behind = rest.get(hosts_end..)?;
    let has_port = |host: &str| host.rsplit(']').next().is_some_and(|end| end.contains(':'));
    if hosts.is_empty() || hosts.split(',').any(has_port) {
        return None;
    }
    let hosts: Vec<_> = hosts
        .split(',')
        .map(|host| format!("{host}:{port}"))
        .collect();
    Some(format!("{scheme}://{before}{}{behind}", hosts.join(",")))
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'))
}

fn check_scheme(scheme: &str, rest: &str) -> Result<(), String> {
    let database = scheme.split('+').next().unwrap_or_default();
    if ["postgres", "postgresql"].contains(&database.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    let shown = without_password(&format!("{scheme}://{rest}"));
    Err(format!("`{shown}` does not name PostgreSQL: {FORM}"))
}

/// Moves parameters of the query to `options`. Returns the URL in the form that the client library reads, and the first error
/// about a parameter: `postgresql+asyncpg://host/db?ssl=disable` becomes `postgresql://host/db`.
fn take_from_url(scheme: &str, rest: &str, options: &mut Options) -> (String, Option<String>) {
    let of_driver = scheme.contains('+');
    let (address, query) = split_options(rest);
    let (mut kept, mut refused) = (Vec::new(), None);
    for option in query.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = percent_decode_str(value).decode_utf8_lossy();
        match options.take(name, &value) {
            Ok(Taken::Yes) => {}
            Ok(Taken::No) if of_driver && OF_DRIVERS.contains(&name) => {}
            Ok(Taken::No) => kept.push(option),
            Err(problem) => refused = refused.or(Some(problem)),
        }
    }
    let separator = if kept.is_empty() { "" } else { "?" };
    let plain = format!("postgresql://{address}{separator}{}", kept.join("&"));
    (plain, refused)
}

/// The same for keywords. A text that has not their form is returned as it is: its parser reports why.
fn take_from_keywords(text: &str, options: &mut Options) -> (String, Option<String>) {
    let Some(parameters) = keywords::split(text) else {
        return (text.to_owned(), None);
    };
    let (mut kept, mut refused) = (Vec::new(), None);
    for (name, value) in parameters {
        match options.take(&name, &value) {
            Ok(Taken::Yes) => {}
            Ok(Taken::No) => kept.push((name, value)),
            Err(problem) => refused = refused.or(Some(problem)),
        }
    }
    (keywords::join(&kept), refused)
}

/// Splits off the query; a password may contain a question mark.
fn split_options(rest: &str) -> (&str, &str) {
    let from = rest.find('@').unwrap_or(0);
    match rest.split_at_checked(from) {
        Some((_, behind)) => match behind.find('?') {
            Some(at) => {
                let (address, options) = rest.split_at(from + at);
                (address, options.trim_start_matches('?'))
            }
            None => (rest, ""),
        },
        None => (rest, ""),
    }
}

/// The parser's message, unless it might quote a part of the password.
fn reason(url: &str, error: &tokio_postgres::Error) -> String {
    let reason = error.source().map(ToString::to_string).unwrap_or_default();
    let password_ends_early = url.matches('@').count() > 1;
    if reason.starts_with("invalid value for option")
        || (reason.starts_with("unknown option") && !password_ends_early)
    {
        format!("has an {reason}")
    } else {
        "cannot be read".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(given: &str) -> Result<DatabaseAddress, String> {
        super::parse(given, |_| ())
    }

    #[test]
    fn a_port_is_added_to_hosts_without_one() {
        for (given, meant) in [
            ("postgresql://h/d?x=1", Some("postgresql://h:7/d?x=1")),
            ("postgresql://u:p@h", Some("postgresql://u:p@h:7")),
            (
                "postgresql://u:p:1@h?x=/",
                Some("postgresql://u:p:1@h:7?x=/"),
            ),
            (
                "postgresql://u@a,[::1]/d",
                Some("postgresql://u@a:7,[::1]:7/d"),
            ),
            ("postgresql://u@a,b:1/d", None),
            ("postgresql://u@[::1]:1/d", None),
            ("postgresql:///d?host=/run", None),
            ("host=h", None),
        ] {
            assert_eq!(with_port(given, 7).as_deref(), meant, "{given}");
        }
    }

    fn plain(given: &str) -> String {
        let mut options = Options::default();
        let (plain, refused) = match given.split_once("://") {
            Some((scheme, rest)) => take_from_url(scheme, rest, &mut options),
            None => take_from_keywords(given, &mut options),
        };
        assert_eq!(refused, None, "{given}");
        plain
    }

    #[test]
    fn the_urls_of_sqlalchemy_mean_the_same_database() {
        for (given, meant) in [
            ("postgresql://u:p@h:1/d", "postgresql://u:p@h:1/d"),
            ("postgres://u@h/d", "postgresql://u@h/d"),
            ("postgresql+asyncpg://u:p@h:1/d", "postgresql://u:p@h:1/d"),
            ("postgresql+psycopg://u:p@h/d", "postgresql://u:p@h/d"),
            ("postgres+psycopg2://u:p@h/d", "postgresql://u:p@h/d"),
            ("PostgreSQL+pg8000://h/d", "postgresql://h/d"),
            (
                "postgresql+asyncpg://u:p?ssl=1@h/d?ssl=prefer&prepared_statement_cache_size=0&application_name=x",
                "postgresql://u:p?ssl=1@h/d?application_name=x",
            ),
            (
                "postgresql+psycopg:///d?host=/run/pg&sslmode=disable&sslrootcert=%2Fca.pem",
                "postgresql:///d?host=/run/pg",
            ),
            (
                "host=h user=u password='a \\' b' sslmode = 'require'",
                "host='h' user='u' password='a \\' b'",
            ),
        ] {
            assert_eq!(plain(given), meant, "{given}");
            assert!(parse(given).is_ok() || given.contains("ca.pem"), "{given}");
        }
        assert!(parse(" postgresql+asyncpg://h/d ").is_ok());
    }

    #[test]
    fn the_same_security_is_meant_in_both_forms() {
        let url = "postgresql://u:sesame@a:1,b:2/d?sslmode=require&target_session_attrs=read-write";
        let keywords = "host=a,b port=1,2 user=u password=sesame dbname=d sslmode=require target_session_attrs='read-write'";
        let [url, keywords] = [url, keywords].map(|given| format!("{:?}", parse(given).unwrap()));
        assert_eq!(url, keywords);
        assert!(
            url.contains("Require") && url.contains("ReadWrite"),
            "{url}"
        );
        assert!(!url.contains("sesame"), "{url}");
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        for (given, part) in [
            (
                "mysql+pymysql://u:sesame@h/d",
                "`mysql+pymysql://u:...@h/d` does not name PostgreSQL",
            ),
            ("jdbc:postgresql://u:sesame@h/d", "cannot be read"),
            (
                "postgresql+asyncpg://u:sesame@h/d?ssl=maybe",
                "`postgresql+asyncpg://u:...@h/d`: ssl=`maybe` is not one of disable, allow",
            ),
            (
                "postgresql://u:sesame@h/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
                "`/nowhere/ca.pem` cannot be read: No such file",
            ),
            (
                "host=h password=sesame sslmode=verify-ca sslcert=/c.pem",
                "`...`: sslcert and sslkey are needed together",
            ),
            (
                "postgresql://u:p@h/d?sslmode=require&sslpassword=sesame",
                "sslpassword is not supported",
            ),
            (
                "postgresql://u:sesame@h:http/d",
                "has an invalid value for option `port`",
            ),
            (
                "postgresql://u:se@sesame:port/x@h/d",
                "`postgresql://u:...@h/d` has",
            ),
            (
                "postgresql://u:sesame@h/d?colour=red",
                "has an unknown option `colour`",
            ),
            ("qtask", "`...` cannot be read"),
            ("host='h", "`...` cannot be read"),
            ("", "postgresql://user:password@host:5432/name is needed"),
        ] {
            let refused = parse(given).unwrap_err();
            assert!(refused.contains(part), "{given}: {refused}");
            assert!(!refused.contains("sesame"), "{refused}");
        }
    }
}
