//! Arrays: declarations, elements, parts, parameters of subroutines.

use crate::tests::{assert_refused, assert_too_large, outcome, simulate};

fn holds(declarations: &str, condition: &str) {
    let source = format!(
        "OPENQASM 3; {declarations} qubit q; bit o; if ({condition}) {{ x q; }} o = measure q;"
    );
    let key = outcome(&source);
    assert!(key.starts_with('1'), "{declarations} {condition}: {key}");
}

#[test]
fn arrays_hold_values() {
    for (declarations, condition) in [
        (
            "array[int[8], 3] a = {1, 2, 3};",
            "a[0] == 1 && a[2] == 3 && a[-1] == 3",
        ),
        ("array[int, 2] a;", "a[0] == 0 && a[1] == 0"),
        (
            "array[float, 2, 3] a = {{1, 2, 3}, {4, 5, 6.5}};",
            "a[1, 2] == 6.5 && a[0][1] == 2",
        ),
        (
            "array[int, 3] a = {1, 2, 3}; int i = 1; a[i] += 5;",
            "a[1] == 7 && a[i + 1] == 3",
        ),
        (
            "array[int, 2, 2] a; int i = 1; a[i, 0] = 7; a[0][i] = 8;",
            "a[1, 0] == 7 && a[0, 1] == 8 && a[i, i] == 0",
        ),
        ("array[bool, 2] a = {true, false};", "a[0] && !a[1]"),
        ("array[angle[8], 2] a = {pi, 0};", "a[0] == pi"),
        (
            "array[bit[3], 2] a = {\"101\", \"010\"}; a[1][0] = 1;",
            "a[1] == \"011\" && a[0][2]",
        ),
        (
            "array[uint[4], 2] a = {6, 1}; a[1][3] = 1; int i = 0;",
            "a[i][1] && a[1] == 9 && !a[0][0]",
        ),
        (
            "array[int, 2] a = {1, 2}; array[int, 2] b = a; b[0] = 9;",
            "a[0] == 1 && b[0] == 9 && b[1] == 2",
        ),
        (
            "array[int, 2] a = {1, 2}; array[int, 2] b; b = a;",
            "b[1] == 2",
        ),
        (
            "array[int, 2, 2] a; array[int, 2] b = {3, 4}; a[1] = b;",
            "a[1, 1] == 4 && a[0, 1] == 0",
        ),
        (
            "array[int, 2, 2] a = {{1, 2}, {3, 4}}; array[int, 2] b = a[1];",
            "b[0] == 3",
        ),
        (
            "array[int, 4] a = {1, 2, 3, 4}; a[0:1] = a[2:3];",
            "a[0] == 3 && a[1] == 4",
        ),
        (
            "array[int, 4] a = {1, 2, 3, 4}; let b = a[1:2]; b[0] = 9;",
            "a[1] == 9 && b[1] == 3 && sizeof(b) == 2",
        ),
        (
            "array[int, 2, 3] a;",
            "sizeof(a) == 2 && sizeof(a, 0) == 2 && sizeof(a, 1) == 3 && sizeof(a[0]) == 3",
        ),
        (
            "const int n = 2; array[int, n] a = {n, n + 1};",
            "a[1] == 3",
        ),
        (
            "const array[int, 2] a = {4, 5}; def f(int i) -> int { return a[i]; }",
            "f(1) == 5",
        ),
        (
            "array[int, 3] a = {1, 2, 3}; int s; for int e in a { s += e; }",
            "s == 6",
        ),
        (
            "array[int, 2, 2] a = {{1, 2}, {3, 4}}; int s; for int e in a[1] { s += e; }",
            "s == 7",
        ),
        (
            "array[int, 5] a = {0, 1, 2, 3, 4}; let b = a[4:-2:0]; qubit k; int i = measure k; b[i] = 7; i += 2; int last = b[i];",
            "a[4] == 7 && last == 0 && b[1] == 2",
        ),
        (
            "array[int, 3, 3] a; let b = a[2:-1:0, 0:2:2]; qubit k; int i = measure k; b[i, i + 1] = 7; b[2, 0] = 8;",
            "a[2, 2] == 7 && a[0, 0] == 8 && a[1, 1] == 0",
        ),
        (
            "array[int, 4] a = {1, 2, 3, 4}; a[0:2] = a[1:3]; a[3:-1:1] = a[0:2];",
            "a[0] == 2 && a[1] == 4 && a[2] == 3 && a[3] == 2",
        ),
    ] {
        holds(declarations, condition);
    }
}

#[test]
fn arrays_are_indices_and_angles() {
    let source = "OPENQASM 3; array[uint, 2] w = {2, 0}; array[float, 2] t = {pi, 0}; qubit[3] q;
        for int i in [0:1] { rx(t[i]) q[w[i]]; }";
    assert_eq!(outcome(source), "100");
    let measured = "OPENQASM 3; qubit[2] q; array[bool, 2] a; x q[1]; for int i in [0:1] { a[i] = measure q[i]; }
        bit o; if (a[1] && !a[0]) { reset q; x q[0]; } o = measure q[0];";
    assert_eq!(outcome(measured), "1");
}

#[test]
fn subroutines_take_arrays() {
    for (declarations, condition) in [
        (
            "def sum(readonly array[int, 3] a) -> int { int s; for int i in [0:2] { s += a[i]; } return s; } array[int, 3] a = {1, 2, 3};",
            "sum(a) == 6",
        ),
        (
            "def sum(readonly array[int, #dim = 1] a) -> int { int s; for int e in a { s += e; } return s + sizeof(a); } array[int, 3] a = {1, 2, 3}; array[int, 1] b = {5};",
            "sum(a) == 9 && sum(b) == 6 && sum(a[0:1]) == 5",
        ),
        (
            "def set(mutable array[int, #dim = 2] a) { for int i in [0:sizeof(a, 1) - 1] { a[0, i] = i; a[0][i] += 1; } } array[int, 2, 3] a; set(a);",
            "a[0, 2] == 3 && a[1, 2] == 0",
        ),
        (
            "def one(mutable array[int, 2] a) { a[1] = 7; } array[int, 2, 2] a; one(a[1]);",
            "a[1, 1] == 7",
        ),
        (
            "def inner(readonly array[int, #dim = 1] a) -> int { return a[5]; } def outer(readonly array[int, #dim = 1] a) -> int { return inner(a); } array[int, 6] a = {0, 0, 0, 0, 0, 9};",
            "outer(a) == 9",
        ),
        (
            "def second(readonly array[int, #dim = 1] a, int i) -> int { return a[i]; } array[int, 5] a = {0, 1, 2, 3, 4};",
            "second(a[0:2:4], 1) == 2 && second(a[4:-2:0], 2) == 0",
        ),
    ] {
        holds(declarations, condition);
    }
}

#[test]
fn wrong_parts_of_arrays_are_refused_at_their_place() {
    for (source, column, words) in [
        ("array[int, 2, 2] a; let b = a[{0, 1}];", 29, "by a set"),
        ("array[int, 2] a; let b = a[1:2];", 28, "out of range"),
        ("array[int, 2] a; let b = a[-3:1];", 28, "out of range"),
        ("array[int, 2] a; let b = a[1:0];", 28, "empty"),
        ("array[int, 2] a; let b = a[0:0:1];", 28, "must not be 0"),
        ("if (true) { array[int, 2] a; }", 27, "outside of blocks"),
    ] {
        assert_refused(&format!("OPENQASM 3;\n{source}"), 2, column, words);
    }
}

#[test]
fn wrong_arrays_are_refused_at_their_place() {
    for (source, column, words) in [
        (
            "array[int, 2] a = {1};",
            19,
            "expected 2 elements here, found 1",
        ),
        (
            "array[int, 2, 2] a = {{1, 2}, {3}};",
            31,
            "expected 2 elements here, found 1",
        ),
        ("array[int, 2] a = {1, {2}};", 23, "found a list"),
        ("array[int, 2] a = {1, 1.5};", 23, "explicit cast"),
        ("array[int, 2] a = 1;", 19, "expected an array of 2 values"),
        ("array[int, 2] a; a[2] = 1;", 20, "index 2 is out of range"),
        (
            "array[int, 2] a; int i = 2; a[i] = 1;",
            31,
            "index 2 is out of range: the array has 2",
        ),
        ("array[int, 2] a; int n = a;", 26, "an array, not a value"),
        (
            "array[int, 2, 2] a; int n = a[0];",
            29,
            "an array, not a value",
        ),
        ("array[int, 2] a; a += 1;", 18, "another one, with `=`"),
        (
            "array[int, 2] a; array[int, 3] b = a;",
            36,
            "found 2 of type",
        ),
        (
            "array[int, 2] a; array[float, 2] b = a;",
            38,
            "of type `int[64]`",
        ),
        ("array[int, 0] a;", 12, "at least 1"),
        (
            "array[int, 1, 1, 1, 1, 1, 1, 1, 1] a;",
            33,
            "at most 7 dimensions",
        ),
        ("array[int, #dim = 1] a;", 19, "for parameters"),
        ("const array[int, 2] a = {1, 2}; a[0] = 3;", 33, "read-only"),
        (
            "int n = 1; const array[int, 1] a = {n};",
            37,
            "must be known before the run",
        ),
        (
            "array[int, 2] a; x a;",
            20,
            "expected a qubit, but `a` is an array",
        ),
        (
            "array[int, 2] a; int n = sizeof(a, 1);",
            33,
            "no dimension 1",
        ),
        ("int n = sizeof(3);", 16, "expected an array"),
        (
            "def f(readonly array[int, 2] a) { a[0] = 1; }",
            35,
            "read-only",
        ),
        (
            "def f(mutable array[int, 2] a) { } const array[int, 2] b = {1, 2}; f(b);",
            70,
            "read-only, but this parameter is `mutable`",
        ),
        (
            "def f(readonly array[int, 2] a) { } array[int, 3] b; f(b);",
            56,
            "expected an array of 2, found one of 3",
        ),
        (
            "def f(readonly array[int, #dim = 2] a) { } array[int, 3] b; f(b);",
            63,
            "of 2 dimensions",
        ),
        (
            "def f(readonly array[int, 2] a) { } array[uint, 2] b; f(b);",
            57,
            "expected an array of type",
        ),
        ("def f(array[int, 2] a) { }", 7, "`readonly` or `mutable`"),
        ("array[int, 2] a; let b = a[0];", 26, "one element of it"),
        (
            "array[int, 2] a; for int e in a[0:1][0] { }",
            31,
            "fewer dimensions",
        ),
    ] {
        assert_refused(&format!("OPENQASM 3;\n{source}"), 2, column, words);
    }
}

#[test]
fn elements_of_arrays_are_limited() {
    let words = "more than 65536 elements";
    assert_too_large("OPENQASM 3;\narray[int, 70000] a;", 2, 19, words);
    assert_too_large("OPENQASM 3;\narray[int, 9, 9, 9, 9, 9, 9] a;", 2, 30, words);
    let each = "OPENQASM 3;\narray[int, 5000] a; for int e in a { }";
    assert_too_large(each, 2, 34, "at most 4096 elements");
}

#[test]
fn large_arrays_stay_within_time() {
    let source = "OPENQASM 3; array[int, 60000] a; qubit q; bit c; int i; while (i < 100000) { a = a; i += 1; } c = measure q;";
    let started = std::time::Instant::now();
    let result = simulate(source, 1);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    assert!(
        result
            .unwrap_err()
            .to_string()
            .contains("more than 20000000 statements")
    );
}

#[test]
fn lists_are_assigned_to_arrays_and_parts_of_them() {
    holds(
        "array[int[8], 2, 2] a; a = {{1, 2}, {3, 4}}; a[1] = {5, -6};",
        "a[0, 0] == 1 && a[0, 1] == 2 && a[1, 0] == 5 && a[1, 1] == -6",
    );
    holds(
        "array[float, 3] a = {1, 2, 3}; a = {a[2], a[0] + 0.5, a[1]};",
        "a[0] == 3 && a[1] == 1.5 && a[2] == 2",
    );
    holds(
        "array[int, 2, 2] a; array[int, 2] b = {1, 2}; a = {b, {3, sizeof(b)}}; a[0:0] = {{7, a[0, 0]}};",
        "a[0, 0] == 7 && a[0, 1] == 1 && a[1, 0] == 3 && a[1, 1] == 2",
    );
    for (statement, column, words) in [
        ("a = {1};", 5, "expected 2 elements here"),
        ("a = {{1}, {2}};", 6, "found a list"),
        ("a[0] = {1};", 1, "found one element"),
        ("a += {1, 2};", 6, "expected a value"),
        ("b = {1, 2};", 1, "read-only"),
        ("c = {1, 2};", 1, "c` is none"),
    ] {
        let source = format!(
            "OPENQASM 3; array[int, 2] a; const array[int, 2] b = {{1, 2}}; int c;\n{statement}"
        );
        assert_refused(&source, 2, column, words);
    }
}

#[test]
fn parameters_without_sizes_take_lists() {
    holds(
        "array[int, 2] b = {1, 2}; def f(mutable array[int, #dim = 1] a) { a = {a[1], a[0]}; } f(b);",
        "b[0] == 2 && b[1] == 1",
    );
    let source =
        "OPENQASM 3; array[int, 3] b; def f(mutable array[int, #dim = 1] a) { a = {1, 2}; }\nf(b);";
    assert!(
        simulate(source, 1)
            .unwrap_err()
            .to_string()
            .contains("expected 3")
    );
}
