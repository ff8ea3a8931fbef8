//! Tests of the whole simulator: known circuits, the language, limits, gates, hostile input.

#![allow(
    clippy::cast_precision_loss,
    reason = "counts of shots are far below 2^53"
)]

mod arrays;
mod corpus;
mod counting;
mod dialects;
mod differential;
mod fuzz;
mod gates;
mod inputs;
mod language;
mod limits;
mod messages;
mod methods;
mod outputs;
mod stabilizer;
mod statistics;
mod subroutines;
mod threads;
