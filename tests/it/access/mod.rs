//! Tokens: who may do what, on a service that demands them.

mod callers;
mod command;
mod counted;
mod guarded;
mod names;
mod outages;
mod projects;
mod revocation;
mod rotation;
mod scopes;
mod secrets;
mod workers;
