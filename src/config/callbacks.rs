//! Callbacks: how clients are told that a task has ended.

use std::fmt;
use std::time::Duration;

use clap::Args;

use super::Checker;
use crate::domain::backoff::Backoff;
use crate::domain::callback::CallbackTargets;

/// Settings of callbacks.
#[derive(Clone, Args)]
#[command(next_help_heading = "Callbacks")]
pub struct CallbackArgs {
    /// Signs each call, so that a receiver knows whom it is from; without it, calls are not signed
    #[arg(
        long,
        env = "QTASK_CALLBACK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub callback_secret: Option<String>,

    /// What may be called besides public addresses: true for all, or hosts and networks like
    /// 10.0.0.0/8, separated by commas
    #[arg(
        long,
        env = "QTASK_CALLBACK_ALLOW_PRIVATE",
        value_name = "TARGETS",
        default_value = "false"
    )]
    pub callback_allow_private: String,

    /// How long a receiver may take to answer
    #[arg(
        long,
        env = "QTASK_CALLBACK_TIMEOUT",
        value_name = "TIME",
        default_value = "10s"
    )]
    pub callback_timeout: String,

    /// How often a call is tried before it is given up
    #[arg(
        long,
        env = "QTASK_CALLBACK_ATTEMPTS",
        value_name = "N",
        default_value = "12"
    )]
    pub callback_attempts: String,

    /// The delay before the second try; it doubles with each one
    #[arg(
        long,
        env = "QTASK_CALLBACK_RETRY_DELAY",
        value_name = "TIME",
        default_value = "1m"
    )]
    pub callback_retry_delay: String,

    /// The longest delay between two tries
    #[arg(
        long,
        env = "QTASK_CALLBACK_RETRY_DELAY_MAX",
        value_name = "TIME",
        default_value = "6h"
    )]
    pub callback_retry_delay_max: String,
}

impl fmt::Debug for CallbackArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallbackArgs")
            .field(
                "callback_secret",
                &self.callback_secret.as_ref().map(|_| "..."),
            )
            .finish_non_exhaustive()
    }
}

/// The checked settings.
#[derive(Clone)]
pub struct CallbackSettings {
    /// Signs each call.
    pub secret: Option<String>,
    /// Who may be called.
    pub targets: CallbackTargets,
    /// How long one try may take, from the lookup of the name to the answer.
    pub timeout: Duration,
    /// How many tries there are.
    pub attempts: i32,
    /// The delays between them.
    pub retry: Backoff,
}

impl CallbackArgs {
    /// The checked settings.
    pub fn check(&self, checker: &mut Checker) -> CallbackSettings {
        let secret = self
            .callback_secret
            .clone()
            .filter(|secret| !secret.is_empty());
        let delays = Duration::from_millis(10)..=Duration::from_hours(24);
        CallbackSettings {
            secret,
            targets: checker
                .parsed("QTASK_CALLBACK_ALLOW_PRIVATE", &self.callback_allow_private)
                .unwrap_or_default(),
            timeout: checker.duration(
                "QTASK_CALLBACK_TIMEOUT",
                &self.callback_timeout,
                Duration::from_millis(100)..=Duration::from_mins(1),
            ),
            attempts: checker.number("QTASK_CALLBACK_ATTEMPTS", &self.callback_attempts, 1..=100),
            retry: Backoff {
                base: checker.duration(
                    "QTASK_CALLBACK_RETRY_DELAY",
                    &self.callback_retry_delay,
                    delays.clone(),
                ),
                cap: checker.duration(
                    "QTASK_CALLBACK_RETRY_DELAY_MAX",
                    &self.callback_retry_delay_max,
                    delays,
                ),
            },
        }
    }
}
