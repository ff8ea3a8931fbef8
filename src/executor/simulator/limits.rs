//! The counted limits that keep every input bounded in time and memory.

/// Longest program text that is read, in bytes.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;
/// How deeply expressions may nest. A chain such as `a + b + c` nests once for each operator.
pub const MAX_EXPRESSION_DEPTH: u16 = 100;
/// How deeply blocks (`if`, `for`, `while`, `switch`, `box`) may nest.
pub const MAX_BLOCK_DEPTH: u16 = 48;
/// How deeply gate definitions may call each other.
pub const MAX_GATE_DEPTH: u32 = 100;
/// Most qubits that a program may declare. Only those that gates touch cost memory.
pub const MAX_QUBITS: u32 = 65_536;
/// Most classical bits that a program may declare, over all registers.
pub const MAX_BITS: u32 = 65_536;
/// Most gates that one path through the program may apply, after definitions are expanded.
pub const MAX_GATES: u64 = 5_000_000;
/// Most statements that one path through the program may run.
pub const MAX_STEPS: u64 = 20_000_000;
/// Longest text of a result in bytes: that of all counts, and that of all shots' outcomes.
pub const MAX_RESULT_TEXT_BYTES: u64 = 16 << 20;
/// Most errors that are reported together.
pub const MAX_ERRORS: usize = 10;
/// Longest error message, in characters.
pub const MAX_MESSAGE_CHARS: usize = 300;
/// Widest excerpt of a source line in an error, in characters.
pub const MAX_EXCERPT_CHARS: usize = 100;
