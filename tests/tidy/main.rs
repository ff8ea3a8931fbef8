//! The rules of this repository that a program can check: `docs/architecture.md`, "What `tests/tidy` checks".
//!
//! Each check is a function over texts, so that it runs on the files of the repository and on a planted violation. It
//! needs no service.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a file that cannot be read or parsed fails the test"
)]

mod circles;
mod file_length;
mod homes;
mod identifiers;
mod layers;
mod links;
mod model;
mod prose;
mod small;
mod texts;
mod tokens;
mod type_names;
mod unused_files;
