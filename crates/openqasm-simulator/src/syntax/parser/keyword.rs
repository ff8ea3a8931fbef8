//! Words that cannot be names.

/// In both versions.
const BOTH: [&str; 11] = [
    "OPENQASM", "barrier", "creg", "gate", "if", "include", "measure", "opaque", "pi", "qreg",
    "reset",
];
/// In version 3.
const THREE: [&str; 47] = [
    "angle",
    "array",
    "bit",
    "bool",
    "box",
    "break",
    "cal",
    "case",
    "complex",
    "const",
    "continue",
    "ctrl",
    "def",
    "default",
    "defcal",
    "defcalgrammar",
    "delay",
    "duration",
    "durationof",
    "else",
    "end",
    "euler",
    "extern",
    "false",
    "float",
    "for",
    "gphase",
    "im",
    "in",
    "input",
    "int",
    "inv",
    "let",
    "mutable",
    "negctrl",
    "output",
    "pow",
    "qubit",
    "readonly",
    "return",
    "stretch",
    "switch",
    "tau",
    "true",
    "uint",
    "void",
    "while",
];

pub(crate) fn is_reserved(word: &str, version: u8) -> bool {
    BOTH.contains(&word) || (version >= 3 && THREE.contains(&word))
}
