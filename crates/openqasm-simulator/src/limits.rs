//! The counted limits that keep every input bounded in time and memory.

/// Maximum program text that a request may allow, in bytes.
pub const MAX_SOURCE_BYTES: usize = 64 << 20;
/// Maximum program text by default, in bytes.
pub const DEFAULT_SOURCE_BYTES: usize = 8 << 20;
/// The programs of texts up to this length are not counted as memory that circuits share.
pub const SHORT_TEXT_BYTES: usize = 256 << 10;
/// The copies of a long text that a caller keeps while it runs: one of the task, one of the run.
pub const COPIES_OF_TEXT: u64 = 2;
/// Statements of up to that many tokens are parsed whatever memory is left.
pub const SHORT_STATEMENT_TOKENS: usize = 1 << 12;
/// Memory of a statement's tree for each of its tokens, in bytes.
pub const TREE_BYTES_PER_TOKEN: u64 = 288;
/// The setting of the memory limit, in MiB.
pub const MEMORY_SETTING: &str = "QTASK_SIMULATOR_MEMORY_MIB";
/// Maximum tokens of a statement with its blocks: the syntax tree in memory is bounded by it.
pub const MAX_STATEMENT_TOKENS: usize = 1 << 20;
/// Maximum statements, operands and values of a program, including unrolled loops and calls. Each takes up to 144
/// bytes.
pub const MAX_PARTS: u64 = 6_000_000;
/// Maximum steps of a program, about one for each statement with an effect. A gate takes some 300 bytes; 8 MiB of
/// text hold 1.2 million gates such as `h q[0];`.
pub const MAX_PROGRAM_STEPS: usize = 1_250_000;
/// Maximum registers, variables, aliases, gates and subroutines that a program may declare outside of blocks.
pub const MAX_NAMES: usize = 1 << 20;
/// Maximum nesting of expressions. A chain such as `a + b + c` nests once for each operator.
pub const MAX_EXPRESSION_DEPTH: u16 = 100;
/// Maximum indices after a name: `a[1, 2][0]` has three.
pub const MAX_INDICES: usize = 16;
/// Maximum nesting of blocks (`if`, `for`, `while`, `switch`, `box`).
pub const MAX_BLOCK_DEPTH: u16 = 48;
/// Maximum nesting of gate definitions that apply each other.
pub const MAX_GATE_DEPTH: u32 = 100;
/// Maximum nesting of subroutine calls.
pub const MAX_CALL_DEPTH: usize = 32;
/// Maximum nesting of statements and expressions through subroutine calls.
pub const MAX_CALL_NESTING: u32 = 250;
/// Maximum statements, operands and values of subroutines, counted once for each call site.
pub const MAX_CALLED_PARTS: u32 = 500_000;
/// Maximum qubits that a program may declare. Only those that gates touch take memory.
pub const MAX_QUBITS: u32 = 65_536;
/// Maximum classical bits that a program may declare, over all registers.
pub const MAX_BITS: u32 = 65_536;
/// Maximum elements of all arrays of a program.
pub const MAX_ARRAY_ELEMENTS: usize = 65_536;
/// Maximum dimensions of an array.
pub const MAX_DIMENSIONS: usize = 7;
/// Maximum elements of a register or an array that a loop may iterate over.
pub const MAX_LOOP_ELEMENTS: usize = 4_096;
/// Maximum statements, operands and values of all unrolled `for` loops over constants; loops beyond it run as loops.
pub const MAX_LOOP_PARTS: u64 = 300_000;
/// Maximum gates, operands and values in gate definitions, counted once for each turn of a loop.
pub const MAX_UNROLLED_PARTS: u32 = 1_000_000;
/// Maximum gates on one path through the program, with definitions expanded.
pub const MAX_GATES: u64 = 5_000_000;
/// Maximum repetitions of a one-qubit gate definition by a power; larger powers are taken of its matrix.
pub const MAX_REPEATS: u64 = 64;
/// Maximum statements that one path through the program may run.
pub const MAX_STEPS: u64 = 20_000_000;
/// Maximum text of a result in bytes: that of all counts, and that of all shots' outcomes.
pub const MAX_RESULT_TEXT_BYTES: u64 = 16 << 20;
/// Maximum errors that are reported together.
pub const MAX_ERRORS: usize = 10;
/// Maximum length of an error message, in characters.
pub const MAX_MESSAGE_CHARS: usize = 300;
/// Maximum width of the excerpt of a source line in an error, in characters.
pub const MAX_EXCERPT_CHARS: usize = 100;
