//! Angles, bits of numbers, aliases of bits, loops in definitions of gates.

use crate::tests::{assert_refused, assert_too_large, outcome};

fn holds(declarations: &str, condition: &str) {
    let source = format!(
        "OPENQASM 3; {declarations} qubit q; bit o; if ({condition}) {{ x q; }} o = measure q;"
    );
    let key = outcome(&source);
    assert!(key.starts_with('1'), "{declarations} {condition}: {key}");
}

#[test]
fn angles_are_parts_of_a_turn() {
    for (declarations, condition) in [
        ("angle a = pi;", "a == pi"),
        (
            "angle[4] a = pi / 2;",
            "a == \"0100\" || bit[4](a) == \"0100\"",
        ),
        ("angle[4] a = pi; a += pi;", "a == 0"),
        ("angle[4] a = -pi / 2;", "bit[4](a) == \"1100\""),
        ("angle[4] a = pi / 2;", "-a == 3 * pi / 2"),
        (
            "angle[8] a = pi; angle[4] b = a;",
            "b == a && bit[4](b) == \"1000\"",
        ),
        (
            "angle[4] a = pi; angle[8] b = a;",
            "bit[8](b) == \"10000000\"",
        ),
        (
            "angle[8] a = pi; uint n = 3;",
            "a * n == pi && n * a == pi && a / 2 == pi / 2",
        ),
        (
            "angle[8] a = pi; angle[8] b = pi / 4;",
            "a / b == 4 && a % b == 0",
        ),
        ("angle[8] a = 1.0;", "sin(a) > 0.83 && sin(a) < 0.85"),
        (
            "angle[4] a = pi / 2;",
            "a << 1 == pi && a >> 1 == pi / 4 && (a | angle[4](pi)) > pi",
        ),
        ("angle[4] a = pi / 2;", "~a == angle[4](\"1011\")"),
        (
            "angle[4] a = \"1000\";",
            "a == pi && bool(a) && popcount(a) == 1",
        ),
        (
            "const angle[8] a = pi / 2;",
            "a < pi && a + a == pi && rotl(a, 1) == pi",
        ),
        ("angle a = pi;", "a * 0.5 > 1.57 && a * 0.5 < 1.58"),
        ("angle[64] a = 0;", "a - pi == pi"),
        ("angle a;", "float(a) == 0 && !a"),
    ] {
        holds(declarations, condition);
    }
    let source = "OPENQASM 3; const angle[20] half = pi; angle[16] t = half / 2; qubit[2] q; rx(t) q[0]; rx(t) q[0]; def turn(qubit a, angle t) { rx(t) a; } turn(q[1], 3 * pi); for angle[8] a in {pi, pi} { rx(a) q[1]; }";
    assert_eq!(outcome(source), "11");
    for (source, column, words) in [
        (
            "angle a = pi; int n = a;",
            35,
            "expected an integer, found an angle",
        ),
        (
            "angle a = true;",
            23,
            "a bool cannot become a value of type `angle",
        ),
        (
            "angle[4] a = \"01\";",
            26,
            "cannot become a value of type `angle[4]`",
        ),
        ("angle a = pi; a = a * a;", 31, "cannot be multiplied"),
        ("angle a = pi / 0;", 23, "division by zero"),
        ("angle[65] a;", 19, "at most 64"),
    ] {
        assert_refused(&format!("OPENQASM 3; {source}"), 1, column, words);
    }
}

#[test]
fn bits_are_rotated() {
    holds(
        "bit[4] b = \"0011\";",
        "rotl(b, 1) == \"0110\" && rotr(b, 1) == \"1001\"",
    );
    holds(
        "bit[4] b = \"0011\";",
        "rotl(b, -1) == rotr(b, 1) && rotl(b, 4) == b",
    );
}

#[test]
fn bits_of_numbers_are_read_and_set() {
    for (declarations, condition) in [
        ("uint[4] n = 6;", "n[1] && n[2] && !n[0] && !n[3] && !n[-1]"),
        (
            "uint[4] n = 6;",
            "n[0:1] == \"10\" && n[{3, 1}] == \"10\" && n[3:-1:0] == \"0110\"",
        ),
        ("int[4] n = -1;", "n[0:3] == \"1111\""),
        ("int[4] n; n[3] = 1;", "n == -8"),
        ("int[4] n = -1; n[3] = 0;", "n == 7"),
        ("uint[8] n; n[0:3] = \"1010\"; n[4] = true;", "n == 26"),
        (
            "uint[8] n = 255; int i = 7; n[i] = 0; n[0:1] ^= \"11\";",
            "n == 124",
        ),
        ("uint[8] n = 5; int i = 2;", "n[i] && !n[i - 1]"),
        ("angle[4] a; a[3] = 1;", "a == pi"),
        ("angle[4] a = pi;", "a[3] && a[0:3] == \"1000\""),
        ("const int n = 5;", "n[0] && !n[1] && n[2]"),
        ("const bit[3] b = \"011\";", "b[0] && b[0:1] == \"11\""),
        (
            "uint[8] n = 12;",
            "n[2:3][1] && n[0:7][2:5][0] && !n[1:2][0]",
        ),
        ("bit[4] b = \"0110\";", "b[1:3][0] && !b[1:3][-1]"),
        ("bit[4] b; b[1:3][1] = 1;", "b == \"0100\""),
        ("bool b = true;", "b"),
    ] {
        holds(declarations, condition);
    }
    let measured = "OPENQASM 3; qubit[2] q; uint[4] n; x q[1]; n[1:2] = measure q; bool b = measure q[1]; bit o; reset q; if (n == 4 && b) { x q[0]; } o = measure q[0];";
    assert_eq!(outcome(measured), "1");
    for (source, column, words) in [
        ("uint[4] n; n[4] = 1;", 26, "index 4 is out of range"),
        ("uint[4] n; bool b = n[4];", 35, "index 4 is out of range"),
        (
            "uint[4] n; int i = 4; n[i] = 1;",
            37,
            "index 4 is out of range",
        ),
        ("uint[4] n; n[0:1] = \"111\";", 33, "3 bits do not fit"),
        ("float f; f[0] = 1;", 22, "no elements"),
        ("bool f; bool g = f[0];", 30, "no elements"),
        ("bit[4] b; b[0, 1] = 1;", 23, "only one dimension"),
    ] {
        assert_refused(&format!("OPENQASM 3; {source}"), 1, column, words);
    }
}

#[test]
fn aliases_and_slices_select_bits() {
    for (body, expected) in [
        ("let a = c[1:2]; a[0] = 1;", "00 0010"),
        ("let a = c[0] ++ d; a = \"111\";", "11 0001"),
        ("let a = c[{0, 3}]; a = \"10\";", "00 1000"),
        ("let a = c; let b = a[2:3]; b[-1] = 1;", "00 1000"),
        ("x q; let a = c[1:2]; a = measure q;", "00 0110"),
        ("x q; let a = d ++ c[3]; measure q -> a[1:2];", "10 1000"),
        ("c = \"0101\"; let a = c[2:3] ++ d; d = a[0:1];", "01 0101"),
        (
            "let a = c[1:2]; for int i in [0:1] { a[i] = 1; } if (a == 3) { d[0] = 1; }",
            "01 0110",
        ),
        (
            "c = \"0110\"; int n; for bit b in c { n += int(b); } d = bit[2](n);",
            "10 0110",
        ),
    ] {
        let source = format!("OPENQASM 3; qubit[2] q; bit[4] c; bit[2] d; {body}");
        let source = if body.contains("measure") {
            source
        } else {
            format!("{source} bit[1] last; last[0] = measure q[0];")
        };
        let key = outcome(&source);
        assert!(key.ends_with(expected), "{body}: {key}");
    }
    assert_refused(
        "OPENQASM 3; bit[2] c; qubit q; let a = c ++ q;",
        1,
        45,
        "expected a classical bit",
    );
    assert_refused(
        "OPENQASM 3; bit[2] c; let a = c ++ c[0];",
        1,
        27,
        "same element twice",
    );
    assert_refused("OPENQASM 3; int n; let a = n;", 1, 28, "expected a qubit");
}

#[test]
fn gates_may_be_defined_with_loops() {
    for (body, expected) in [
        ("for int i in [1:3] { x a; }", "1"),
        ("for int i in [0:2:6] { x a; }", "0"),
        ("for int i in [3:-1:1] { rx(pi / 3) a; }", "1"),
        ("for float t in {0.25, 0.75} { rx(t * pi) a; }", "1"),
        ("for int i in [1:2] { for int j in [1:i] { x a; } }", "1"),
        ("for int i in [1:2] { pow(i) @ x a; }", "1"),
        ("for int i in [2:1] { x a; }", "0"),
    ] {
        let source = format!("OPENQASM 3; const int n = 2; gate g a {{ {body} }} qubit q; g q;");
        assert_eq!(outcome(&source), expected, "{body}");
    }
    for (body, column, words) in [
        ("for int i in [0:t] { x a; }", 43, "must be a constant"),
        ("for int i in [0:0:2] { x a; }", 41, "must not be 0"),
        ("for int i in [0:2] { measure a; }", 48, "only gates"),
        ("for int i in [0:9] { foo a; }", 48, "no gate"),
        ("for int i in a { x a; }", 40, "expected a range"),
    ] {
        assert_refused(
            &format!("OPENQASM 3; gate g(t) a {{ {body} }}"),
            1,
            column,
            words,
        );
    }
}

#[test]
fn loops_in_gates_are_limited() {
    let source = "OPENQASM 3;\ngate g a { for int i in [0:999999999] { } }";
    assert_too_large(source, 2, 26, "more than 1000000");
}

#[test]
fn registers_of_the_highest_bits_can_be_compared() {
    holds(
        "bit[128] c; bit[128] d; c = ~c; d = ~d;",
        "c == d && c >= d",
    );
}

#[test]
fn what_a_shift_moves_out_of_a_uint_is_lost() {
    holds("uint u = 1; u <<= 63; u <<= 64;", "u == 0");
    holds("uint[8] u = 255; u <<= 4;", "u == 240");
    holds("uint[8] u = 255; u <<= 200;", "u == 0");
}

#[test]
fn constant_bits_are_run_over_aliased_and_counted_as_others_are() {
    let declared = "const bit[4] m = \"0110\"; int n = 0; int k = 0;";
    holds(
        &format!("{declared} for bit b in m {{ if (b) n += 2 ** k; k += 1; }}"),
        "n == 6",
    );
    holds(
        &format!("{declared} for bit b in m[1:2] {{ n += 1; }}"),
        "n == sizeof(m[1:2]) && sizeof(m) == 4",
    );
    holds(
        &format!("{declared} let a = m[0:1] ++ m[{{2, 3}}]; let b = m[1];"),
        "a == m && b",
    );
}

#[test]
fn registers_of_one_bit_are_unsigned_integers_and_single_bits_are_int() {
    let declarations = "bit[1] c = 1; bit[1] d = 1; bit b = 1; bit[2] e = 3;";
    for condition in [
        "c + c == 0",
        "0 - (1 & c) == 1",
        "c << 4 == 0",
        "-c == 1",
        "~(c & 1) == 0",
        "(c ^ d) - 1 == 1",
        "uint[5](~(d & 1)) == 0",
        "b + b == 2",
        "e[0] + e[1] == 2",
        "0 - (1 & b) == -1",
        "c[0] + c[0] == 2",
        "c == d && !(c != 1)",
        "(c & d)[0] == 1",
        "c * 0.5 == 0.5",
    ] {
        holds(declarations, condition);
    }
    let updated = "bit[1] c = 1; c += 1; bit[1] d; d -= 1;";
    holds(updated, "c == 0 && d == 1");
}
