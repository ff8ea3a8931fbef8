//! Programs that run long, into the edges of numbers, or out of memory.

use super::programs::{Ends, Hostile, hostile, with_shots};

/// All of these.
pub fn all() -> Vec<Hostile> {
    let all = [loops(), numbers(), large_states()];
    all.into_iter().flatten().collect()
}

/// Loops that never end, or that would last for years.
fn loops() -> Vec<Hostile> {
    vec![
        hostile("endless", Ends::Limited, "while (true) { }"),
        hostile(
            "endless work",
            Ends::Limited,
            "qubit q; while (true) { h q; }",
        ),
        hostile(
            "endless measurement",
            Ends::Limited,
            "qubit q; bit c; while (!c) { c = measure q; }",
        ),
        hostile(
            "endless branching",
            Ends::Stopped,
            "qubit q; bit c; while (true) { h q; c = measure q; if (c) { x q; } }",
        ),
        hostile(
            "endless heavy work",
            Ends::Stopped,
            "qubit[23] q; t q; while (true) { h q; }",
        ),
        hostile(
            "a million gates",
            Ends::Completed,
            "qubit[2] q; for int i in [1:500000] { h q[0]; cx q[0], q[1]; }",
        ),
        hostile(
            "all integers",
            Ends::Limited,
            "int n; for int i in [0:9223372036854775807] { n = i; }",
        ),
        hostile(
            "all integers but few",
            Ends::Completed,
            "int n; for int i in [-9223372036854775807:4611686018427387904:9223372036854775807] { n = i; }",
        ),
        hostile(
            "downwards",
            Ends::Limited,
            "for int i in [9223372036854775807:-1:-9223372036854775807] { }",
        ),
        hostile("no step", Ends::Invalid, "for int i in [0:0:5] { }"),
        hostile(
            "sums of powers",
            Ends::Completed,
            "int n = 3; for int i in [0:99] { n = n * n; }",
        ),
        hostile(
            "calls in a loop",
            Ends::Limited,
            "def f(int n) -> int { return n + 1; } int n; while (true) { n = f(n) - 1; }",
        ),
        hostile(
            "histories",
            Ends::Completed,
            "qubit q; bit[30] c; for int i in [0:29] { h q; c[i] = measure q; if (c[i]) { x q; } }",
        ),
    ]
}

/// Integers at the edges of their types.
fn numbers() -> Vec<Hostile> {
    let invalid = |name: &str, text: &str| hostile(name, Ends::Invalid, text);
    let completed = |name: &str, text: &str| hostile(name, Ends::Completed, text);
    vec![
        completed(
            "least divided",
            "int a = -9223372036854775807; a -= 1; int b = -1; a = a / b;",
        ),
        completed(
            "least negated",
            "int a = -9223372036854775807; a -= 1; a = -a;",
        ),
        invalid("least modulo", "int a = 1; int b = 0; a = a % b;"),
        invalid(
            "shift beyond",
            "int a = 1; int b = 9223372036854775807; a = a << b;",
        ),
        invalid(
            "shift by less than nothing",
            "int a = 1; int b = -1; a = a << b;",
        ),
        invalid(
            "index beyond",
            "qubit[3] q; int i = 9223372036854775807; x q[i];",
        ),
        invalid("index before", "qubit[3] q; x q[-9223372036854775807];"),
        invalid(
            "slice beyond",
            "qubit[3] q; x q[0:9223372036854775807:9223372036854775807];",
        ),
        completed(
            "power beyond",
            "int a = 10; int b = 9223372036854775807; a = a ** b;",
        ),
        hostile("wide type", Ends::Limited, "int[99999999999999999999] a;"),
        invalid("negative size", "qubit[-9223372036854775807] q;"),
        invalid("size that wraps", "qubit[4294967297 - 4294967297] q;"),
        hostile(
            "sum of sizes",
            Ends::Limited,
            "qubit[9223372036854775807] q; qubit[9223372036854775807] r;",
        ),
        hostile(
            "rotation beyond",
            Ends::Completed,
            "bit[4] c = \"0110\"; int n = 9223372036854775807; c = rotl(c, n); c = rotr(c, -n);",
        ),
    ]
}

/// States and results that do not fit.
fn large_states() -> Vec<Hostile> {
    vec![
        hostile("qubits", Ends::Limited, "qubit[65536] q; h q; t q;"),
        hostile(
            "a few qubits too many",
            Ends::Limited,
            "qubit[30] q; h q; t q;",
        ),
        hostile(
            "qubits that come one by one",
            Ends::Limited,
            "qubit[40] q; for int i in [0:39] { h q[i]; t q[i]; }",
        ),
        hostile(
            "copies of states",
            Ends::Completed,
            "qubit[17] q; bit[6] c; h q; t q[0]; for int i in [0:5] { c[i] = measure q[i]; if (c[i]) { x q[i]; } }",
        ),
        hostile(
            "a large tableau",
            Ends::Stopped,
            "qubit[13000] q; bit[13000] c; for int i in [0:9] { h q; cz q[0:6499], q[6500:12999]; h q; c = measure q; }",
        ),
        hostile(
            "a tableau that does not fit",
            Ends::Limited,
            "qubit[65536] q; h q; cx q[0], q[1];",
        ),
        with_shots(
            1_000_000,
            hostile(
                "outcomes",
                Ends::Limited,
                "qubit[20] q; bit[1000] c; h q; t q; c[0:19] = measure q;",
            ),
        ),
        with_shots(
            1_000_000,
            hostile(
                "shots",
                Ends::Completed,
                "qubit[16] q; h q; t q; measure q;",
            ),
        ),
    ]
}
