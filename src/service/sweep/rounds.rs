//! How often a sweep repeats a statement that changes a limited number of rows.

use crate::store::SWEEP_ROWS;

/// The maximum number of statements of one kind in one sweep; the next sweep continues.
pub const MAX_ROUNDS: usize = 100;

/// Whether a statement has changed its maximum of rows, so that more may be left.
pub fn is_full(rows: usize) -> bool {
    i32::try_from(rows).is_ok_and(|rows| rows >= SWEEP_ROWS)
}
