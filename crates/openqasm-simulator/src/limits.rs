//! The counted limits that keep every input bounded in time and memory.

/// Longest program text that a request may allow, in bytes.
pub const MAX_SOURCE_BYTES: usize = 64 << 20;
/// Longest program text that is read where a request says nothing else, in bytes.
pub const DEFAULT_SOURCE_BYTES: usize = 8 << 20;
/// Most tokens of a statement with its blocks: only that many are in memory as a tree.
pub const MAX_STATEMENT_TOKENS: usize = 1 << 20;
/// Most statements, operands and values of a program, with those of unrolled loops and of calls: they take up to 144
/// bytes each.
pub const MAX_PARTS: u64 = 6_000_000;
/// Most steps of a program, about one for each statement that does something. A gate takes some 300 bytes; 8 MiB of
/// text hold 1.2 million gates such as `h q[0];`.
pub const MAX_PROGRAM_STEPS: usize = 1_250_000;
/// Most registers, variables, aliases, gates and subroutines that a program may declare outside of blocks.
pub const MAX_NAMES: usize = 1 << 20;
/// How deeply expressions may nest. A chain such as `a + b + c` nests once for each operator.
pub const MAX_EXPRESSION_DEPTH: u16 = 100;
/// Most indices behind a name: `a[1, 2][0]` has three.
pub const MAX_INDICES: usize = 16;
/// How deeply blocks (`if`, `for`, `while`, `switch`, `box`) may nest.
pub const MAX_BLOCK_DEPTH: u16 = 48;
/// How deeply gate definitions may call each other.
pub const MAX_GATE_DEPTH: u32 = 100;
/// How deeply subroutines may call each other.
pub const MAX_CALL_DEPTH: usize = 32;
/// How deeply statements and expressions may nest through calls of subroutines.
pub const MAX_CALL_NESTING: u32 = 250;
/// Most statements, operands and values of subroutines, counted once for each place from which
/// they are called.
pub const MAX_CALLED_PARTS: u32 = 500_000;
/// Most qubits that a program may declare. Only those that gates touch cost memory.
pub const MAX_QUBITS: u32 = 65_536;
/// Most classical bits that a program may declare, over all registers.
pub const MAX_BITS: u32 = 65_536;
/// Most elements that all arrays of a program may have.
pub const MAX_ARRAY_ELEMENTS: usize = 65_536;
/// Most dimensions of an array.
pub const MAX_DIMENSIONS: usize = 7;
/// Most elements of a register or an array that a loop may run over.
pub const MAX_LOOP_ELEMENTS: usize = 4_096;
/// Most statements, operands and values that `for` loops over constants are unrolled to, over the
/// whole program; what is beyond runs as a loop.
pub const MAX_LOOP_PARTS: u64 = 300_000;
/// Most gates, operands and values in definitions of gates, counted once for each turn of a loop.
pub const MAX_UNROLLED_PARTS: u32 = 1_000_000;
/// Most gates that one path through the program may apply, after definitions are expanded.
pub const MAX_GATES: u64 = 5_000_000;
/// Most times that a power repeats the definition of a gate on one qubit; larger powers are taken
/// of its matrix.
pub const MAX_REPEATS: u64 = 64;
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
