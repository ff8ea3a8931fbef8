//! The language: values, control flow, declarations, and how mistakes are reported.

use crate::tests::{assert_refused, errors, outcome, simulate};
use crate::{SimulatorError, check};

/// The value of an expression, through the angle of a gate: 1 if it is as expected.
fn holds(condition: &str) -> bool {
    outcome(&format!("OPENQASM 3; qubit q; if ({condition}) {{ x q; }}")) == "1"
}

#[test]
fn version_three_divides_integers_as_integers() {
    for condition in [
        "1/2 == 0",
        "7/2*2 == 6",
        "1/2*pi == 0",
        "1.0/2 == 0.5",
        "7 % 3 == 1",
        "2**3 == 8",
        "2**-1 == 0.5",
        "-2**2 == -4",
        "2**3**2 == 512",
        "5 ^ 1 == 4",
        "1 + 2 * 3 == 7",
        "(1 + 2) * 3 == 9",
        "10 - 4 - 3 == 3",
        "1 << 4 == 16",
        "0x1F == 31",
        "0b101 == 5",
        "0o17 == 15",
        "1_000 == 1000",
        "1e3 == 1000",
        ".5 + 1. == 1.5",
        "mod(7, 4) == 3",
        "pow(2, 5) == 32",
        "tau == 2*π",
        "τ/2 == pi",
        "sqrt(4) == 2",
        "ln(euler) == 1",
        "arctan(1)*4 == pi",
        "popcount(\"1011\") == 3",
        "floor(1.5) == 1",
        "ceiling(1.5) == 2",
        "!false && true",
        "\"10\" == 2",
        "~\"10\" == 1",
        "(\"1100\" & \"1010\") == \"1000\"",
        "int(2.7) == 2",
        "float(1)/2 == 0.5",
        "bool(3)",
        "int[8](\"0101\") == 5",
        "-3/2 == -1",
    ] {
        assert!(holds(condition), "{condition}");
    }
}

#[test]
fn version_two_computes_with_real_numbers() {
    let half_turn = |angle: &str| outcome(&format!("OPENQASM 2.0; qreg q[1]; rx({angle}) q[0];"));
    for angle in [
        "1/2*pi*2",
        "pi^1",
        "2*pi/2",
        "sqrt(4)*pi/2",
        "-pi",
        "ln(exp(pi))",
        "pi*(3-2)",
        "2^2*pi/4",
        "acos(-1)",
    ] {
        assert_eq!(half_turn(angle), "1", "{angle}");
    }
}

#[test]
fn conditions_read_bits_and_registers() {
    let program = |condition: &str| {
        format!(
            "OPENQASM 3; qubit[3] q; bit[2] c; x q[1]; c[0] = measure q[0]; c[1] = measure q[1]; bit o; if ({condition}) {{ x q[2]; }} o = measure q[2];"
        )
    };
    for condition in [
        "c == 2",
        "c == \"10\"",
        "c[1]",
        "!c[0]",
        "c[1] == true",
        "c[0] == 0",
        "c > 1",
        "c[0] ^ c[1]",
        "(c & 3) == 2",
        "c[-1]",
        "int(c) + 1 == 3",
        "c[0:1] == 2",
        "c[1] && !c[0]",
        "c != 3",
    ] {
        assert_eq!(outcome(&program(condition)), "1 10", "{condition}");
    }
    let two = "OPENQASM 2.0; qreg q[2]; creg c[2]; x q[1]; measure q -> c; if (c == 2) x q[0]; if(c==1) x q[1]; measure q -> c;";
    assert_eq!(outcome(two), "11");
}

#[test]
fn branches_take_one_side() {
    let program = |start: &str| {
        format!(
            "OPENQASM 3; qubit[2] q; bit c; {start} c = measure q[0]; if (c) {{ x q[1]; }} else if (c == 0) {{ reset q[1]; }} else {{ x q; }} measure q;"
        )
    };
    assert_eq!(outcome(&program("x q[0];")), "11 1");
    assert_eq!(outcome(&program("")), "00 0");
}

#[test]
fn loops_run_over_ranges_and_sets() {
    for (body, expected) in [
        ("for int i in [0:2] { x q[i]; }", "00111"),
        ("for uint i in [0:2:4] { x q[i]; }", "10101"),
        ("for int i in [4:-1:3] { x q[i]; }", "11000"),
        ("for int i in {0, 3} x q[i];", "01001"),
        ("for int i in [3:2] { x q; }", "00000"),
        (
            "for int i in [0:4] { if (i == 2) { break; } x q[i]; }",
            "00011",
        ),
        (
            "for int i in [0:4] { if (i == 2) continue; x q[i]; }",
            "11011",
        ),
        (
            "for int i in [0:1] { for int j in [0:1] { x q[2*i + j]; } }",
            "01111",
        ),
        ("int n = 3; while (n > 0) { n -= 1; x q[n]; }", "00111"),
        ("for float a in {0.5, 0.5} { rx(a * pi) q[1]; }", "00010"),
        (
            "for int i in [0:4] { x q[i]; if (i == 1) { end; } }",
            "00011",
        ),
    ] {
        assert_eq!(
            outcome(&format!("OPENQASM 3; qubit[5] q; {body}")),
            expected,
            "{body}"
        );
    }
}

#[test]
fn variables_hold_values() {
    for (body, expected) in [
        ("int i = 3; i += 4; i = i / 2; if (i == 3) x q[0];", "1"),
        ("float a = pi; rx(a) q[0];", "1"),
        (
            "const int n = 2; const float t = pi / n; rx(t * n) q[0];",
            "1",
        ),
        ("bool b = true; if (b) x q[0];", "1"),
        (
            "uint[4] u = 15; if (u == 15) { int u = 2; if (u == 2) x q[0]; }",
            "1",
        ),
        (
            "int i = 0; for int k in [1:4] { i += k; } switch (i) { case 1 { } case 9, 10 { x q[0]; } default { } }",
            "1",
        ),
        ("switch (5) { case 1 { } default { x q[0]; } }", "1"),
        (
            "int i = 0; if (1 < 2 || 1 / i == 1) x q[0]; if (1 > 2 && 1 / i == 1) x q[0];",
            "1",
        ),
        (
            "duration d = 100ns; delay[d] q[0]; delay[20dt]; box { x q[0]; }",
            "1",
        ),
        ("let a = q; x a[0];", "1"),
        ("@annotated with anything \" at all\nx q[0];", "1"),
        ("pragma some tool\nx q[0];", "1"),
        ("#pragma braket verbatim\nbox { x q[0]; }", "1"),
    ] {
        assert_eq!(
            outcome(&format!("OPENQASM 3; qubit[1] q;\n{body}")),
            expected,
            "{body}"
        );
    }
}

#[test]
fn bits_are_assigned_like_variables() {
    let program =
        |body: &str| format!("OPENQASM 3; qubit q; bit[3] c = \"101\"; {body} c[0] = measure q;");
    assert_eq!(outcome(&program("")), "100");
    assert_eq!(outcome(&program("c[1] = 1; x q;")), "111");
    assert_eq!(outcome(&program("c = c << 1;")), "010");
    assert_eq!(outcome(&program("c ^= \"110\";")), "010");
    assert_eq!(
        outcome("OPENQASM 3; qubit[2] q; x q[0]; bit[2] c = measure q;"),
        "01"
    );
    assert_eq!(
        outcome("OPENQASM 3; qubit[2] q; x q; bit[3] c; c[1:2] = measure q;"),
        "110"
    );
}

#[test]
fn aliases_and_slices_select_qubits() {
    for (body, expected) in [
        ("let a = q[1:2]; x a;", "00110"),
        ("let a = q[0] ++ q[3:4]; x a[-1];", "10000"),
        ("x q[{0, 2}];", "00101"),
        ("x q[0:2:4];", "10101"),
        ("x q[3:];", "11000"),
        ("x q[:1];", "00011"),
        ("x q[-1];", "10000"),
        ("x q[0]; cx q[0:1], q[2:3];", "00101"),
        ("x q[0]; cx q[0], q[1:4];", "11111"),
    ] {
        assert_eq!(
            outcome(&format!("OPENQASM 3; qubit[5] q; {body}")),
            expected,
            "{body}"
        );
    }
}

#[test]
fn ranges_that_begin_before_the_first_element_are_refused() {
    for range in ["-6:1", "1:-1:-6", "2:4", "-5:-1"] {
        let source = format!("OPENQASM 3; qubit[4] q;\nx q[{range}];");
        assert_refused(&source, 2, 5, "out of range");
    }
}

#[test]
fn only_touched_qubits_need_memory() {
    let source = "OPENQASM 3; include \"stdgates.inc\"; qubit[127] q; bit[2] c; h q[3]; cx q[3], q[119]; c[0] = measure q[3]; c[1] = measure q[119];";
    let output = simulate(source, 100).unwrap();
    assert_eq!(output.counts.keys().collect::<Vec<_>>(), ["00", "11"]);
    assert_eq!(output.qubits, 127);
    let physical =
        "OPENQASM 3; bit[2] c; h $119; cx $119, $3; c[0] = measure $3; c[1] = measure $119;";
    assert_eq!(simulate(physical, 100).unwrap().counts.len(), 2);
}

#[test]
fn what_is_not_supported_says_so_at_its_place() {
    for word in ["cal { }", "defcal x $0 { }"] {
        let source = format!("OPENQASM 3;\nqubit q;\n  {word}\n");
        let name = word.split([' ', '[']).next().unwrap();
        assert_refused(
            &source,
            3,
            3,
            &format!("`{name}` is not supported by this simulator yet"),
        );
    }
    assert_refused(
        "OPENQASM 3;\nqubit q;\n#pragma braket noise bit_flip(0.1) q\n",
        3,
        1,
        "Braket pragma `noise`",
    );
    assert_refused(
        "OPENQASM 3; qubit q; while (true) { measure q; }",
        1,
        37,
        "needs a target",
    );
}

#[test]
fn several_mistakes_are_told_together() {
    let found = errors(
        "OPENQASM 3;\nqubit[2] q;\nfoo q[0];\nh q[7];\nbit c;\nc = measure q;\nx undeclared;\n",
    );
    let places: Vec<(usize, usize)> = found
        .iter()
        .map(|error| (error.line, error.column))
        .collect();
    assert_eq!(places, [(3, 1), (4, 5), (6, 1), (7, 3)]);
    let syntax = errors("OPENQASM 3;\nqubit[2 q;\nh q[0]\nx q[1];\nif c { }\n");
    let places: Vec<(usize, usize)> = syntax
        .iter()
        .map(|error| (error.line, error.column))
        .collect();
    assert_eq!(places, [(2, 9), (3, 7), (5, 4)]);
    assert_eq!(errors(&"foo q;\n".repeat(50)).len(), 10);
}

#[test]
fn a_mistake_in_a_declaration_is_told_once() {
    assert_eq!(errors("OPENQASM 3; qubit[0] q; h q; x q;").len(), 1);
    assert_eq!(
        errors("OPENQASM 3; gate g a { foo a; } qubit q; g q;").len(),
        1
    );
}

#[test]
fn a_mistake_is_shown_in_its_line() {
    let error = simulate("OPENQASM 3;\nqubit[2] q;\n  h q[5];\n", 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 3, column 7: index 5 is out of range: `q` has 2 elements, counted from 0\n    h q[5];\n        ^"
    );
    let long = format!("OPENQASM 3; qubit q; {} foo q;", "x q; ".repeat(1000));
    let SimulatorError::Circuit(errors) = check(&long).unwrap_err() else {
        panic!("expected an error in the circuit");
    };
    assert!(errors[0].excerpt.len() < 200);
    assert_eq!(errors[0].excerpt.chars().nth(errors[0].caret), Some('f'));
}

#[test]
fn wrong_programs_are_refused_at_their_place() {
    for (source, line, column, words) in [
        ("OPENQASM 2;\nqubit q;", 2, 1, "belongs to OpenQASM 3"),
        ("OPENQASM 2;\nqubit[2] q;", 2, 1, "belongs to OpenQASM 3"),
        ("OPENQASM 3;\nint i = 1.5;", 2, 9, "explicit cast"),
        ("OPENQASM 3;\nuint[2] u = 4;", 2, 13, "does not fit"),
        (
            "OPENQASM 3;\nqubit q;\nrx(1/0) q;",
            3,
            4,
            "division by zero",
        ),
        (
            "OPENQASM 3;\nconst int n = 1; n = 2;",
            2,
            18,
            "cannot assign to `n`",
        ),
        (
            "OPENQASM 3;\nqubit[2] q; x q[{0, 2}];",
            2,
            21,
            "out of range",
        ),
        ("OPENQASM 3;\nbreak;", 2, 1, "outside of a loop"),
        (
            "OPENQASM 2.0;\nopaque g a; qreg q[1]; g q[0];",
            2,
            24,
            "opaque",
        ),
        (
            "OPENQASM 3;\nqubit[3] q; for int i in [0:3] { x q[i]; }",
            2,
            38,
            "index 3 is out of range",
        ),
        (
            "OPENQASM 3;\nqubit[3] q; for int i in [0:2] { cx q[i], q[1]; }",
            2,
            34,
            "same qubit",
        ),
        (
            "OPENQASM 3;\nif (true) { qubit q; }",
            2,
            19,
            "outside of blocks",
        ),
        (
            "OPENQASM 3;\nbit[2] c; if (c + 1ns == 2) { }",
            2,
            15,
            "durations can be added",
        ),
        (
            "OPENQASM 3;\nqubit q;\nOPENQASM 3;",
            3,
            1,
            "first statement",
        ),
        ("OPENQASM 3;\ngate g a { measure a; }", 2, 12, "only gates"),
        ("OPENQASM 3;\ngate g a, a { }", 2, 11, "already declared"),
        (
            "OPENQASM 3;\nbit c; gate g a { rx(c) a; }",
            2,
            22,
            "only its parameters and constants",
        ),
        ("OPENQASM 3;\ngate g a { g a; }", 2, 12, "calls itself"),
    ] {
        assert_refused(source, line, column, words);
    }
}

#[test]
fn the_values_of_a_loop_are_those_before_its_first_turn() {
    let source = "OPENQASM 3; int n = 0; bit[8] c; for int i in {n, n + 1} { n += 5; c[i] = 1; }";
    assert_eq!(outcome(source), "00000011");
    let source = "OPENQASM 3; bit[2] c; int n = 0; bit o;
        for bit b in {c[0], c[1]} { c = \"11\"; if (b) { o = 1; } }";
    assert_eq!(outcome(source), "0 11");
}
