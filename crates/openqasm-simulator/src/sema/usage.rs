//! What the statements checked so far take: what a checkpoint restores at once.

use crate::sema::control::Cost;

/// Counts of the program so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Variables.
    pub(crate) variables: usize,
    /// Classical bits.
    pub(crate) bits: u32,
    /// Gates and steps of the longest path.
    pub(crate) cost: Cost,
    /// Elements of registers that were listed one by one.
    pub(crate) listed: usize,
    /// Elements of arrays.
    pub(crate) array_elements: usize,
    /// Statements, operands and values of subroutines, counted at each call.
    pub(crate) called_parts: u32,
    /// Memory of the steps, in bytes.
    pub(crate) step_bytes: u64,
}
