//! How often a sweep repeats a statement that moves a bounded number of rows.

use crate::store::SWEEP_ROWS;

/// The most statements of one kind in one sweep; the rest waits for the next one.
pub const MAX_ROUNDS: usize = 100;

/// Whether a statement has moved as much as it may, so that more may be left.
pub fn is_full(rows: usize) -> bool {
    i32::try_from(rows).is_ok_and(|rows| rows >= SWEEP_ROWS)
}
