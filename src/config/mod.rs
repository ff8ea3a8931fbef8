//! Settings: flags and environment variables, read as text and checked together.
//!
//! clap only names and explains the settings. [`Checker`] parses their values and collects all invalid ones, so that
//! one message reports all of them.

pub mod access;
mod address_part;
pub mod backlog;
pub mod broker;
pub mod broker_parts;
pub mod checker;
pub mod circuits;
pub mod database;
mod database_options;
pub mod database_parts;
pub mod database_url;
pub mod environment;
mod keywords;
pub mod listen;
pub mod logging;
pub mod retry;
pub mod secret_file;
pub mod simulator;
pub mod timing;
pub mod traces;
pub mod trust;
pub mod unknown;
pub mod webhooks;

pub use checker::{Checker, InvalidSettings};

/// The items of a list that is separated by commas.
pub fn list(text: &str) -> impl Iterator<Item = String> {
    text.split(',')
        .map(|item| item.trim().to_owned())
        .filter(|item| !item.is_empty())
}

/// Removes the password of a URL, and its query, which may contain one, so that it can be shown.
///
/// Accepts malformed URLs, too. A password with an unescaped `@` is removed as a whole.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "...".to_owned();
    };
    let (user, address) = match rest.rsplit_once('@') {
        Some((user, address)) => (Some(user), address),
        None => (None, rest),
    };
    let address = address.split('?').next().unwrap_or_default();
    match user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        Some((user, "")) => format!("{scheme}://{user}@{address}"),
        Some((user, _)) => format!("{scheme}://{user}:...@{address}"),
        None => format!("{scheme}://{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown) in [
            ("amqp://u:sesame@h:1/v?x=1", "amqp://u:...@h:1/v"),
            ("amqp://u@h", "amqp://u@h"),
            ("http://h/a?password=sesame", "http://h/a"),
            ("a://u:ses@me:x@h/d", "a://u:...@h/d"),
            ("user=u password=sesame", "..."),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
