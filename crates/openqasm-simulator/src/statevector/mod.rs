//! The amplitudes of a state, and passes of gates over them.
//!
//! `fusion` and `pending` combine gates into passes, `tiling` orders passes into traversals of memory, `tiles` and `parallel` divide the
//! state among threads, `dense`, `diagonal` and `simd` are the arithmetic.

pub(crate) mod block;
pub(crate) mod dense;
pub(crate) mod diagonal;
pub(crate) mod exec_config;
pub(crate) mod expectation;
pub(crate) mod fusion;
pub(crate) mod kernels;
pub(crate) mod op;
pub(crate) mod parallel;
pub(crate) mod pass;
pub(crate) mod pending;
pub(crate) mod simd;
pub(crate) mod state;
#[cfg(test)]
mod tests;
pub(crate) mod tiles;
pub(crate) mod tiling;
pub(crate) mod two_qubit;
