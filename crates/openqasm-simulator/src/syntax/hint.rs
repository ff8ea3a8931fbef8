//! Suggestions for mistakes: names similar to a misspelt one, and the OpenQASM for syntax of other languages.

use crate::error::quoted;

/// Longer names are not compared: it would take time, and they are rarely misspelt by one or two letters.
const LONGEST_NAME: usize = 20;

/// Maximum inputs that are listed if none is similar to a wrong one.
const MOST_INPUTS: usize = 8;

/// Words that begin statements. A misspelt one looks like a gate.
const STATEMENTS: [&str; 24] = [
    "angle", "array", "barrier", "bit", "bool", "box", "const", "creg", "delay", "float", "for",
    "gate", "if", "include", "input", "int", "let", "measure", "output", "qreg", "qubit", "reset",
    "uint", "while",
];
/// Common built-in gates.
const GATES: [&str; 42] = [
    "CX", "U", "ccnot", "ccx", "ccz", "ch", "cnot", "cp", "cphase", "crx", "cry", "crz", "cs",
    "csdg", "cswap", "csx", "cu", "cu1", "cx", "cy", "cz", "gphase", "h", "id", "p", "phase", "rx",
    "ry", "rz", "s", "sdg", "swap", "sx", "sxdg", "t", "tdg", "toffoli", "u1", "u2", "x", "y", "z",
];
const CONSTANTS: [&str; 5] = ["euler", "false", "pi", "tau", "true"];
const FUNCTIONS: [&str; 17] = [
    "arccos", "arcsin", "arctan", "ceiling", "cos", "exp", "floor", "log", "mod", "popcount",
    "pow", "rotl", "rotr", "sin", "sizeof", "sqrt", "tan",
];
const MODIFIERS: [&str; 4] = ["ctrl", "inv", "negctrl", "pow"];
/// Synonyms.
const SYNONYMS: [(&str, &str); 21] = [
    ("adjoint", "inv"),
    ("boolean", "bool"),
    ("ceil", "ceiling"),
    ("control", "ctrl"),
    ("controlled", "ctrl"),
    ("dagger", "inv"),
    ("double", "float"),
    ("hadamard", "h"),
    ("identity", "id"),
    ("integer", "int"),
    ("inverse", "inv"),
    ("long", "int"),
    ("not", "x"),
    ("power", "pow"),
    ("qbit", "qubit"),
    ("real", "float"),
    ("sdag", "sdg"),
    ("sdagger", "sdg"),
    ("sqrtx", "sx"),
    ("tdag", "tdg"),
    ("unsigned", "uint"),
];

/// `; did you mean ...?` for a gate or a statement, or an empty text.
pub(crate) fn for_gate<'a>(wrong: &'a str, declared: impl Iterator<Item = &'a str>) -> String {
    suggestion(wrong, declared.chain(GATES).chain(STATEMENTS))
}

/// The same for a word in the position of a type.
pub(crate) fn for_type(wrong: &str) -> String {
    suggestion(wrong, STATEMENTS.into_iter())
}

/// The same for a name of a register, a variable or a constant.
pub(crate) fn for_name<'a>(wrong: &'a str, declared: impl Iterator<Item = &'a str>) -> String {
    suggestion(wrong, declared.chain(CONSTANTS))
}

/// The same for the name of an input, and the input that was probably meant; otherwise the names of the inputs.
pub(crate) fn for_input<'a>(
    wrong: &'a str,
    inputs: impl Iterator<Item = &'a str> + Clone,
) -> (String, Option<&'a str>) {
    if let Some(meant) = nearest(wrong, inputs.clone()) {
        return (format!("; did you mean {}?", quoted(meant)), Some(meant));
    }
    let mut names: Vec<&str> = inputs.take(MOST_INPUTS + 1).collect();
    let more = if names.len() > MOST_INPUTS {
        names.truncate(MOST_INPUTS);
        ", ..."
    } else {
        ""
    };
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    let list = match names.as_slice() {
        [] => String::new(),
        [only] => format!("; its only input is {only}"),
        names => format!("; its inputs are {}{more}", names.join(", ")),
    };
    (list, None)
}

/// The same for a function or a subroutine.
pub(crate) fn for_function<'a>(wrong: &'a str, declared: impl Iterator<Item = &'a str>) -> String {
    suggestion(wrong, declared.chain(FUNCTIONS))
}

/// The same for a modifier of a gate.
pub(crate) fn for_modifier(wrong: &str) -> String {
    suggestion(wrong, MODIFIERS.into_iter())
}

/// The OpenQASM for a word or sign in the wrong place. A `0` matches any number.
pub(crate) fn for_found(found: &str, expected: &str) -> Option<&'static str> {
    Some(match (found, expected) {
        ("and", _) => "`and` is written `&&`",
        ("or", _) => "`or` is written `||`",
        ("#", _) => "a comment begins with `//`",
        (".", _) => "a gate is applied as in `h q[0];`",
        ("=", "`)`") => "a comparison is written `==`",
        ("->", _) => "a measurement is written `measure q -> c;` or `c = measure q;`",
        ("++", "a qubit") => "counting up is written `i += 1;`",
        ("--", "a qubit") => "counting down is written `i -= 1;`",
        ("(", "a qubit") => "qubits stand without parentheses, as in `measure q;`",
        ("(", "`;`") => "an index stands in brackets, as in `q[0]`",
        ("0", "a qubit") => {
            "a number is a parameter, as in `rx(0.5) q;`, or an index, as in `h q[0];`"
        }
        (",", "`->` or `;`") => "one measurement takes one qubit or one register",
        ("=", "`->` or `;`") => "it is written `measure q -> c;` or `c = measure q;`",
        ("[", "a value") => "a list is written `{1, 2}`",
        _ => return None,
    })
}

fn suggestion<'a>(wrong: &'a str, names: impl Iterator<Item = &'a str>) -> String {
    let close = nearest(wrong, names).map(|name| format!("; did you mean {}?", quoted(name)));
    close.unwrap_or_default()
}

/// The name most similar to a wrong one: different case, a synonym, or one or two different letters. The order of the
/// names does not matter.
fn nearest<'a>(wrong: &'a str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = wrong.chars().count();
    if length > LONGEST_NAME {
        return None;
    }
    let lower = wrong.to_lowercase();
    let meant = SYNONYMS.iter().find(|(other, _)| *other == lower);
    let ranked = names.filter(|name| *name != wrong).filter_map(|name| {
        if meant.is_some_and(|(_, meant)| *meant == name) {
            return Some(((0, false, 0, 0), name));
        }
        let own_length = name.chars().count();
        let difference = own_length.abs_diff(length);
        let most = match length.min(own_length) {
            _ if length < 2 => 0,
            0..=4 => 1,
            _ => 2,
        };
        if difference > most {
            return None;
        }
        let distance = strsim::osa_distance(&lower, &name.to_lowercase());
        // In a short name a different letter makes a different word.
        if length <= 3 && difference == 0 && distance > 0 && !same_letters(&lower, name) {
            return None;
        }
        let other_start = lower.chars().next() != name.to_lowercase().chars().next();
        // A single common letter is no similarity, unless it is the first one.
        let alike = distance <= most && (distance < own_length || !other_start);
        let exactly = strsim::osa_distance(wrong, name);
        alike.then_some(((distance, other_start, difference, exactly), name))
    });
    ranked.min().map(|(_, name)| name)
}

fn same_letters(a: &str, b: &str) -> bool {
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.to_lowercase().chars().collect();
        letters.sort_unstable();
        letters
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::functions::Function;
    use crate::ir::gates::Builtin;

    #[test]
    fn a_misspelt_gate_finds_the_one_that_was_meant() {
        for (wrong, meant) in [
            ("H", "h"),
            ("Rx", "rx"),
            ("hh", "h"),
            ("cxx", "cx"),
            ("cnto", "cnot"),
            ("swp", "swap"),
            ("tofoli", "toffoli"),
            ("hadamard", "h"),
            ("SDAG", "sdg"),
            ("qbit", "qubit"),
            ("Qubits", "qubit"),
            ("mesaure", "measure"),
            ("bariers", "barrier"),
            ("my_gat", "my_gate"),
        ] {
            let suggested = for_gate(wrong, ["my_gate"].into_iter());
            assert_eq!(suggested, format!("; did you mean `{meant}`?"), "{wrong}");
        }
    }

    #[test]
    fn names_that_are_like_no_other_get_no_suggestion() {
        for wrong in ["foo", "r", "grover_oracle", "qc", "", &"x".repeat(1000)] {
            assert_eq!(for_gate(wrong, std::iter::empty()), "", "{wrong}");
        }
        assert_eq!(for_name("r", ["q", "c"].into_iter()), "");
    }

    #[test]
    fn every_name_that_is_suggested_exists() {
        assert!(GATES.iter().all(|name| Builtin::named(name).is_some()));
        let known = |name: &&str| *name == "sizeof" || Function::named(name).is_some();
        assert!(FUNCTIONS.iter().all(known));
    }
}
