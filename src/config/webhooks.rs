//! Settings of webhooks.

use std::fmt;
use std::time::Duration;

use clap::Args;

use super::Checker;
use crate::domain::backoff::Backoff;
use crate::domain::webhook::WebhookTargets;
use crate::tls::ClientFiles;

/// Settings of webhooks.
#[derive(Clone, Args)]
#[command(next_help_heading = "Webhooks")]
pub struct WebhookArgs {
    /// Signs each call, so that a receiver knows whom it is from; without it, calls are not signed
    #[arg(
        long,
        env = "QTASK_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub webhook_secret: Option<String>,

    /// The addresses that webhooks may reach: public, all, or hosts and networks like 10.0.0.0/8 beside the
    /// public ones, separated by commas
    #[arg(
        long,
        env = "QTASK_WEBHOOK_ALLOWED_HOSTS",
        value_name = "HOSTS",
        default_value = "public"
    )]
    pub webhook_allowed_hosts: String,

    /// How long a receiver may take to answer
    #[arg(
        long,
        env = "QTASK_WEBHOOK_TIMEOUT",
        value_name = "TIME",
        default_value = "10s"
    )]
    pub webhook_timeout: String,

    /// How often a call is tried before it is given up
    #[arg(
        long,
        env = "QTASK_WEBHOOK_ATTEMPTS",
        value_name = "N",
        default_value = "12"
    )]
    pub webhook_attempts: String,

    /// The delay before the second try; it doubles with each one
    #[arg(
        long,
        env = "QTASK_WEBHOOK_RETRY_DELAY",
        value_name = "TIME",
        default_value = "1m"
    )]
    pub webhook_retry_delay: String,

    /// The longest delay between two tries
    #[arg(
        long,
        env = "QTASK_WEBHOOK_RETRY_DELAY_MAX",
        value_name = "TIME",
        default_value = "6h"
    )]
    pub webhook_retry_delay_max: String,
}

impl fmt::Debug for WebhookArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookArgs")
            .field(
                "webhook_secret",
                &self.webhook_secret.as_ref().map(|_| "..."),
            )
            .finish_non_exhaustive()
    }
}

/// The validated settings.
#[derive(Clone)]
pub struct WebhookSettings {
    /// The key that signs each call.
    pub secret: Option<String>,
    /// The addresses that may be called.
    pub targets: WebhookTargets,
    /// Timeout of one attempt, from the DNS lookup to the response.
    pub timeout: Duration,
    /// Maximum number of attempts.
    pub attempts: i32,
    /// The delays between attempts.
    pub retry: Backoff,
    /// The authorities that receivers' certificates may come from.
    pub trusted: ClientFiles,
}

impl WebhookArgs {
    /// Validates the settings.
    pub fn check(&self, checker: &mut Checker, trusted: ClientFiles) -> WebhookSettings {
        let secret = self
            .webhook_secret
            .clone()
            .filter(|secret| !secret.is_empty());
        let delays = Duration::from_millis(10)..=Duration::from_hours(24);
        WebhookSettings {
            secret,
            targets: checker
                .parsed("QTASK_WEBHOOK_ALLOWED_HOSTS", &self.webhook_allowed_hosts)
                .unwrap_or_default(),
            timeout: checker.duration(
                "QTASK_WEBHOOK_TIMEOUT",
                &self.webhook_timeout,
                Duration::from_millis(100)..=Duration::from_mins(1),
            ),
            attempts: checker.number("QTASK_WEBHOOK_ATTEMPTS", &self.webhook_attempts, 1..=100),
            retry: Backoff {
                base: checker.duration(
                    "QTASK_WEBHOOK_RETRY_DELAY",
                    &self.webhook_retry_delay,
                    delays.clone(),
                ),
                cap: checker.duration(
                    "QTASK_WEBHOOK_RETRY_DELAY_MAX",
                    &self.webhook_retry_delay_max,
                    delays,
                ),
            },
            trusted,
        }
    }
}
