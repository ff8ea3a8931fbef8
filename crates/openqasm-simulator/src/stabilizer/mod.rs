//! The state of Clifford circuits as a tableau of stabilizer generators.

pub(crate) mod clifford;
pub(crate) mod support;
pub(crate) mod tableau;
