//! Accepts `DATABASE_URL` in the forms of other programs, such as SQLAlchemy, which names a driver in the scheme.

use std::error::Error;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::without_password;

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

/// Converts the URL to the form that the client library reads.
///
/// # Errors
/// Returns a message without the password if the URL is invalid.
pub fn normalize(given: &str) -> Result<String, String> {
    let given = given.trim();
    let url = match given.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => with_plain_scheme(scheme, rest)?,
        // `host=... user=...`, which libpq also accepts.
        _ => given.to_owned(),
    };
    match url.parse::<Config>() {
        Ok(_) if url.is_empty() => Err(FORM.to_owned()),
        Ok(config) if config.get_ssl_mode() == SslMode::Require => {
            Err(no_tls(&without_password(given), "sslmode=require"))
        }
        Ok(_) => Ok(url),
        Err(error) => Err(format!(
            "`{}` {}; {FORM}, and in the password %40 for @, %2F for /, %3A for :",
            without_password(given),
            reason(&url, &error)
        )),
    }
}

fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'))
}

/// Converts `postgresql+asyncpg://host/db?ssl=disable` to `postgresql://host/db?sslmode=disable`.
fn with_plain_scheme(scheme: &str, rest: &str) -> Result<String, String> {
    let (database, driver) = match scheme.split_once('+') {
        Some((database, driver)) => (database, Some(driver)),
        None => (scheme, None),
    };
    if !["postgres", "postgresql"].contains(&database.to_ascii_lowercase().as_str()) {
        let shown = without_password(&format!("{scheme}://{rest}"));
        return Err(format!("`{shown}` does not name PostgreSQL: {FORM}"));
    }
    let (address, options) = split_options(rest);
    let mut kept = Vec::new();
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match (name, driver) {
            ("ssl" | "sslmode", _) => {
                kept.push(format!("sslmode={}", ssl_mode(rest, name, value)?));
            }
            (name, Some(_)) if OF_DRIVERS.contains(&name) => {}
            _ => kept.push(option.to_owned()),
        }
    }
    let separator = if kept.is_empty() { "" } else { "?" };
    Ok(format!(
        "postgresql://{address}{separator}{}",
        kept.join("&")
    ))
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

/// Converts the TLS modes of libpq and asyncpg. A mode that requires TLS is refused, since every connection would
/// fail.
fn ssl_mode(rest: &str, name: &str, value: &str) -> Result<&'static str, String> {
    match value.to_ascii_lowercase().as_str() {
        "disable" | "false" | "0" => Ok("disable"),
        "allow" | "prefer" | "" => Ok("prefer"),
        _ => {
            let shown = without_password(&format!("postgresql://{rest}"));
            Err(no_tls(&shown, &format!("{name}={value}")))
        }
    }
}

fn no_tls(shown: &str, option: &str) -> String {
    format!(
        "`{shown}` asks for {option}, but qtask connects to PostgreSQL without TLS: disable, allow or prefer is needed"
    )
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

    #[test]
    fn the_urls_of_sqlalchemy_mean_the_same_database() {
        for (given, meant) in [
            ("postgresql://u:p@h:1/d", "postgresql://u:p@h:1/d"),
            ("postgres://u@h/d", "postgresql://u@h/d"),
            ("postgresql+asyncpg://u:p@h:1/d", "postgresql://u:p@h:1/d"),
            ("postgresql+psycopg://u:p@h/d", "postgresql://u:p@h/d"),
            ("postgres+psycopg2://u:p@h/d", "postgresql://u:p@h/d"),
            ("PostgreSQL+pg8000://h/d", "postgresql://h/d"),
            (" postgresql+asyncpg://h/d ", "postgresql://h/d"),
            (
                "postgresql+asyncpg://u:p?ssl=1@h/d?ssl=prefer&prepared_statement_cache_size=0&application_name=x",
                "postgresql://u:p?ssl=1@h/d?sslmode=prefer&application_name=x",
            ),
            (
                "postgresql+psycopg:///d?host=/run/pg&sslmode=disable",
                "postgresql:///d?host=/run/pg&sslmode=disable",
            ),
            ("host=h user=u dbname=d", "host=h user=u dbname=d"),
        ] {
            assert_eq!(normalize(given), Ok(meant.to_owned()), "{given}");
        }
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
                "postgresql+asyncpg://u:sesame@h/d?ssl=require",
                "`postgresql://u:...@h/d` asks for ssl=require, but",
            ),
            (
                "postgresql://u:sesame@h/d?sslmode=verify-full",
                "asks for sslmode=verify-full",
            ),
            (
                "host=h password=sesame sslmode=require",
                "`...` asks for sslmode=require",
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
            ("", "postgresql://user:password@host:5432/name is needed"),
        ] {
            let refused = normalize(given).unwrap_err();
            assert!(refused.contains(part), "{given}: {refused}");
            assert!(!refused.contains("sesame"), "{refused}");
        }
    }
}
