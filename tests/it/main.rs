//! One binary for all tests over real services; `scripts/test` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what a test cannot have, it cannot go on without"
)]

mod api_contract;
mod architecture;
mod bad_input;
mod command_line;
mod dev;
mod fencing;
mod hints;
mod life;
mod load;
mod lost_messages;
mod lost_worker;
mod mocks;
mod outages;
mod support;
mod sweeping;
