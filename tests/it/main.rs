//! One binary for all tests over real services; `scripts/test` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what a test cannot have, it cannot go on without"
)]

mod access;
mod api_contract;
mod attempt_outputs;
mod backlogs;
mod bad_input;
mod broker_tls;
mod browsers;
mod cancelling;
mod cancelling_many;
mod checking;
mod circuits;
mod client;
mod client_ids;
mod client_outputs;
mod client_tls;
mod clock_steps;
mod command_line;
mod commands;
mod connection_limits;
mod containers;
mod database_access;
mod described;
mod dev;
mod documents;
mod draining;
mod examples;
mod fencing;
mod foreign_requests;
mod frozen;
mod hints;
mod hostile;
mod inputs;
mod large_bodies;
mod large_circuits;
mod large_states;
mod life;
mod listening;
mod listing;
mod load;
mod log_events;
mod log_lines;
mod lost_messages;
mod lost_worker;
mod metrics;
mod migrations;
mod odd_queues;
mod outages;
mod overlaps;
mod pausing;
mod postgres_tls;
mod progress;
mod pruning;
mod pull;
mod readers;
mod refused_writes;
mod registry;
mod request_limits;
mod rerunning;
mod retention;
mod rolling_upgrade;
mod schema_versions;
mod scripts;
mod server_language;
mod server_tls;
mod sick_workers;
mod snapshots;
mod statement_errors;
mod support;
mod sweeping;
mod tasks_api;
mod unwritable_logs;
mod url_files;
mod waiting;
mod waiting_reasons;
mod webhooks;
mod worker_counters;
mod worker_environment;
mod worker_limits;
mod worker_names;
mod workers_api;
