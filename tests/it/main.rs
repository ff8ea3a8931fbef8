//! One binary for all tests over real services; `scripts/test` runs it.

mod architecture;
mod dev;
mod support;
