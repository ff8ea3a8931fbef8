//! Settings: flags and environment variables, read as text and checked together.
//!
//! clap only names and explains the settings. Their values are parsed by [`Checker`], which notes
//! every bad one, so that a start with three wrong settings says so in one message instead of three
//! tries.

pub mod broker;
pub mod callbacks;
pub mod checker;
pub mod database;
pub mod environment;
pub mod logging;
pub mod retry;
pub mod simulator;
pub mod timing;

pub use checker::{Checker, InvalidSettings};
