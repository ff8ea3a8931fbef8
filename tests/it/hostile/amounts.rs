//! Very many of one thing, and little that becomes much.

use std::fmt::Write;

use super::programs::{Ends, Hostile, each, fill, hostile};

/// All of these.
pub fn all() -> Vec<Hostile> {
    let all = [names(), statements(), multiplied(), products()];
    all.into_iter().flatten().collect()
}

/// Very many names.
fn names() -> Vec<Hostile> {
    let registers = each(100_000, |text, n| write!(text, "bit a{n:x};"));
    let names = each(60_000, |text, n| write!(text, "bit a{n:x};"));
    let constants = each(40_000, |text, n| write!(text, "const int a{n:x} = {n};"));
    let aliases = each(20_000, |text, n| {
        write!(text, "let a{} = a{n}[0:-1];", n + 1)
    });
    let doubled = each(60, |text, n| write!(text, "let a{} = a{n} ++ a{n};", n + 1));
    let split = each(60, |text, n| {
        write!(
            text,
            "let b{n} = a[0:32000] ++ a[32001:64000]; let c{n} = b{n};"
        )
    });
    let gates = each(20_000, |text, n| {
        write!(text, "gate g{} a{{g{n} a;}}", n + 1)
    });
    let operands = each(20_000, |text, n| write!(text, ",q[{n}]"));
    let parameters = each(90_000, |text, n| write!(text, "a{n:x},"));
    vec![
        hostile("100,000 registers", Ends::Limited, registers),
        hostile("60,000 registers", Ends::Completed, names),
        hostile("constants", Ends::Completed, constants),
        hostile(
            "alias chain",
            Ends::Completed,
            format!("qubit[100] a0;{aliases}x a20000;"),
        ),
        hostile(
            "doubled aliases",
            Ends::Invalid,
            format!("qubit[2] a0;{doubled}"),
        ),
        hostile(
            "wide aliases",
            Ends::Completed,
            format!("qubit[65000] a;{split}"),
        ),
        hostile(
            "slices of slices",
            Ends::Limited,
            format!("qubit[100] q; x q{};", fill("[0:-1]", 100)),
        ),
        hostile(
            "gates through gates",
            Ends::Limited,
            format!("gate g0 a{{}}{gates}"),
        ),
        hostile(
            "operands",
            Ends::Invalid,
            format!("qubit[30000] q; x q[0]{operands};"),
        ),
        hostile(
            "parameters",
            Ends::Invalid,
            format!("gate g({parameters}z) a {{ }} g(1) a;"),
        ),
    ]
}

/// Very many statements or values.
fn statements() -> Vec<Hostile> {
    let set = each(130_000, |text, n| write!(text, "{n},"));
    let cases = each(40_000, |text, n| write!(text, "case {n} {{}} "));
    let values = each(60_000, |text, n| write!(text, "{n},"));
    vec![
        hostile(
            "gates",
            Ends::Completed,
            format!("qubit q;{}", fill("x q;", 100)),
        ),
        hostile(
            "measurements",
            Ends::Completed,
            format!("qubit q; bit c;{}", fill("c=measure q;", 100)),
        ),
        hostile(
            "decided measurements",
            Ends::Completed,
            format!(
                "qubit q; bit c;{}",
                "h q;c=measure q;if(c)x q;".repeat(12_000)
            ),
        ),
        hostile(
            "resets",
            Ends::Completed,
            format!("qubit[9] q;{}", fill("reset q;", 100)),
        ),
        hostile(
            "barriers",
            Ends::Completed,
            format!("qubit[65536] q;{}", fill("barrier q;", 100)),
        ),
        hostile(
            "set of a loop",
            Ends::Completed,
            format!("qubit q; for int i in {{{set}0}} {{ }}"),
        ),
        hostile(
            "cases",
            Ends::Completed,
            format!("int i; switch (i) {{ {cases} }}"),
        ),
        hostile(
            "array values",
            Ends::Completed,
            format!("array[int, 60001] a = {{{values}0}};"),
        ),
    ]
}

/// Little text that multiplies.
fn multiplied() -> Vec<Hostile> {
    let body = |name: &str, n: usize, times: usize| format!("{name}{n} a;").repeat(times);
    let bomb = each(60, |text, n| {
        write!(text, "gate g{} a{{{}}}", n + 1, body("g", n, 10))
    });
    let calls = each(30, |text, n| {
        write!(
            text,
            "def f{}(qubit a){{{}}}",
            n + 1,
            format!("f{n}(a);").repeat(10)
        )
    });
    vec![
        hostile(
            "gate bomb",
            Ends::Limited,
            format!("gate g0 a{{x a;}}{bomb}qubit q;g60 q;"),
        ),
        hostile(
            "gate bomb that is never called",
            Ends::Completed,
            format!("gate g0 a{{x a;}}{bomb}qubit q;x q;"),
        ),
        hostile(
            "empty gate bomb",
            Ends::Limited,
            format!("gate g0 a{{}}{bomb}qubit q;g60 q;"),
        ),
        hostile(
            "controlled gate bomb",
            Ends::Limited,
            format!("gate g0 a{{x a;}}{bomb}qubit[2] q;ctrl @ inv @ g60 q[0], q[1];"),
        ),
        hostile(
            "subroutine bomb",
            Ends::Limited,
            format!("def f0(qubit a){{x a;}}{calls}qubit q;f30(q);"),
        ),
        hostile(
            "powers",
            Ends::Limited,
            "qubit[2] q; pow(1000000000) @ pow(1000000000) @ iswap q[0], q[1];",
        ),
        hostile(
            "large power of a gate of one qubit",
            Ends::Invalid,
            "qubit q; pow(1e300) @ rx(0.1) q;",
        ),
        hostile(
            "controls",
            Ends::Limited,
            "qubit[65536] q; ctrl(65535) @ x q;",
        ),
        hostile(
            "controls beyond numbers",
            Ends::Limited,
            "qubit[2] q; ctrl(9223372036854775807) @ ctrl(9223372036854775807) @ x q;",
        ),
    ]
}

/// Loops and arrays that multiply.
fn products() -> Vec<Hostile> {
    let nested = (0..6).fold("x q;".to_owned(), |inner, n| {
        format!("for int i{n} in [0:99] {{ {inner} }}")
    });
    let dimensions = |sizes: &str| format!("array[int[8], {sizes}] a; bit c; c = a[0];");
    vec![
        hostile("nested loops", Ends::Limited, format!("qubit q; {nested}")),
        hostile(
            "loops in a gate",
            Ends::Limited,
            "gate g a { for int i in [0:999999] { for int j in [0:999999] { x a; } } } qubit q; g q;",
        ),
        hostile(
            "broadcast",
            Ends::Limited,
            format!("qubit[65536] q;{}", fill("x q;", 100)),
        ),
        hostile(
            "operands of all pairs",
            Ends::Limited,
            format!(
                "qubit[60] q; def f(qubit[60] a) {{ {} }} {}",
                "for int i in [0:59] { x a; } ".repeat(1000),
                "f(q);".repeat(1000)
            ),
        ),
        hostile(
            "array of seven dimensions",
            Ends::Invalid,
            dimensions("6, 6, 6, 6, 6, 2, 2"),
        ),
        hostile(
            "array of eight dimensions",
            Ends::Invalid,
            dimensions("2, 2, 2, 2, 2, 2, 2, 2"),
        ),
        hostile(
            "large array of seven dimensions",
            Ends::Limited,
            dimensions("4000000000, 4000000000, 4000000000, 4000000000, 9, 9, 9"),
        ),
        hostile(
            "arrays",
            Ends::Limited,
            each(30_000, |text, n| write!(text, "array[int,60000] a{n};")),
        ),
        hostile(
            "copies of an array",
            Ends::Limited,
            "array[int, 60000] a; array[int, 60000] b; for int i in [0:99999999] { a = b; }",
        ),
    ]
}
