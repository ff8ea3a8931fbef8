//! `def`: arguments, results, scopes, limits.

use crate::tests::{assert_refused, counts, errors, outcome, simulate};
use crate::{SimulatorError, check};
use std::fmt::Write;

#[test]
fn subroutines_act_on_the_qubits_they_are_given() {
    for (body, expected) in [
        ("def flip(qubit a) { x a; } flip(q[0]); flip(q[2]);", "101"),
        ("def flip(qubit[2] a) { x a[1]; } flip(q[0:1]);", "010"),
        ("def flip(qreg a[2]) { x a; } flip(q[{0, 2}]);", "101"),
        ("def flip(qubit[3] a) { x a; } flip(q);", "111"),
        ("def flip() { } flip();", "000"),
        ("def flip(qubit a) { x a; } int i = 1; flip(q[i]);", "010"),
        (
            "def flip(qubit[1] a) { int i = 0; x a[0]; x a[i]; x a[-1]; } int i = 1; flip(q[i]);",
            "010",
        ),
        (
            "def flip(qubit a) { x a; } for int i in [0:1] { flip(q[i]); }",
            "011",
        ),
        (
            "def cflip(qubit a, qubit b) { cx a, b; } x q[0]; cflip(q[0], q[2]);",
            "101",
        ),
        (
            "def turn(qubit a, float t) { rx(t / 2) a; rx(t / 2) a; } turn(q[1], pi);",
            "010",
        ),
        (
            "def times(qubit a, int n) { for int i in [1:n] { x a; } } times(q[0], 3); times(q[1], 2);",
            "001",
        ),
        (
            "def inner(qubit a) { x a; } def outer(qubit[2] a) { inner(a[1]); } outer(q[1:2]);",
            "100",
        ),
        (
            "const int n = 2; def flip(qubit[n] a) { x a[n - 1]; } flip(q[0:1]);",
            "010",
        ),
        ("def flip(qubit a) { x $7; cx $7, a; } flip(q[0]);", "001"),
        ("def h(qubit a) { x a; } h(q[0]); h q[1]; h q[1];", "001"),
        (
            "def twice(qubit a) { for int i in [0:9] { x a; if (i == 1) { break; } } } for int k in [0:2] { twice(q[k]); x q[k]; }",
            "111",
        ),
    ] {
        let source = format!("OPENQASM 3; qubit[3] q; bit[3] c; {body} c = measure q;");
        assert_eq!(outcome(&source), expected, "{body}");
    }
}

#[test]
fn end_in_a_subroutine_ends_the_program() {
    let source =
        "OPENQASM 3; qubit[2] q; bit[2] c; def stop(qubit a) -> bit { x a; return measure a; end; }
        def last(qubit a) { x a; end; } c[0] = stop(q[0]); last(q[1]); c[1] = measure q[1];";
    assert_eq!(outcome(source), "01");
}

#[test]
fn results_are_values() {
    for (declaration, condition) in [
        ("def f(int n) -> int { return n * 2; }", "f(3) == 6"),
        (
            "def f(int n) -> int { return n * 2; }",
            "f(f(1)) + f(1) == 6",
        ),
        ("def f(float x) -> float { return x / 2; }", "f(1) == 0.5"),
        ("def f(bool b) -> bool { return !b; }", "f(false)"),
        (
            "def f(bit[3] b) -> bit[3] { b[0] = 1; return b; }",
            "f(\"010\") == \"011\"",
        ),
        (
            "def f(creg b[3]) -> uint { return uint(b) + 1; }",
            "f(\"010\") == 3",
        ),
        (
            "def f(int n) -> int { n += 1; int m = n; return m; }",
            "f(1) == 2",
        ),
        (
            "def f(int n) -> int { if (n < 0) { return -n; } return n; }",
            "f(-3) == 3 && f(3) == 3",
        ),
        (
            "def f(int n) -> int { int s; for int i in [1:9] { if (i > n) { return s; } s += i; } return -1; }",
            "f(3) == 6",
        ),
        (
            "def f(int n) -> int { while (true) { n -= 1; if (n < 2) { return n; } } return 7; }",
            "f(9) == 1",
        ),
        (
            "def f(int n) -> int { switch (n) { case 1 { return 10; } default { return 20; } } }",
            "f(1) + f(2) == 30",
        ),
        ("def f() -> float { return pi; }", "sin(f() / 2) == 1"),
        ("def sin(float x) -> float { return 42; }", "sin(0) == 42"),
        (
            "def f() -> int { bit[200] b; b[150] = 1; return int(b[150]) + int(b[149]); }",
            "f() + f() == 2",
        ),
        (
            "int n = 5; def f(int n) -> int { n = 1; return n; }",
            "f(n) == 1 && n == 5",
        ),
        ("def f(int n) -> int { return 1 / n; }", "true || f(0) == 0"),
        (
            "def f(int n) -> int { return 1 / n; }",
            "!(false && f(0) == 0)",
        ),
        ("def f(int n) -> int { return 1 / n; }", "true && f(1) == 1"),
        (
            "def f(int n) -> int { return n; } bit[4] c = \"0100\";",
            "c[f(2)] && !c[f(1)]",
        ),
    ] {
        let source = format!(
            "OPENQASM 3; {declaration} qubit q; bit o; if ({condition}) {{ x q; }} o = measure q;"
        );
        let key = outcome(&source);
        assert!(key.starts_with('1'), "{declaration} {condition}: {key}");
    }
}

#[test]
fn subroutines_measure() {
    let teleport = "OPENQASM 3; def get(qubit a) -> bit { return measure a; }
        def reset_by_hand(qubit a) { bit b = measure a; if (b) { x a; } }
        qubit[3] q; bit[3] c; x q[0]; x q[2];
        c[0] = get(q[0]); reset_by_hand(q[0]); c[1] = get(q[0]); c[2] = get(q[2]);";
    assert_eq!(outcome(teleport), "101");
    let whole = "OPENQASM 3; def all(qubit[3] a) -> bit[3] { bit[3] b; b = measure a; return b; }
        qubit[3] q; x q[1]; bit[3] c = all(q);";
    assert_eq!(outcome(whole), "010");
    let number = "OPENQASM 3; def all(qubit[3] a) -> int { return measure a; }
        qubit[3] q; x q[1]; bit o; int n = all(q); if (n == 2) { reset q; x q[0]; } o = measure q[0];";
    assert_eq!(outcome(number), "1");
    let until = "OPENQASM 3; def toss(qubit a) -> bool { reset a; h a; return measure a; }
        qubit q; bit o; while (!toss(q)) { } o = measure q;";
    assert_eq!(outcome(until), "1");
}

#[test]
fn outcomes_passed_through_subroutines_stay_open_to_the_end() {
    // Were each outcome decided on its way, there would be a branch for each of 2^40 histories.
    let source = "OPENQASM 3; def get(qubit a) -> bit { bit b = measure a; return b; }
        def copy(bit[4] b) -> bit[4] { return b; }
        qubit[4] q; bit[4] c; bit[4] d; h q[0]; cx q[0], q[1:3];
        for int i in [0:3] { c[i] = get(q[i]); } d = copy(c); d[0:1] = d[2:3];";
    let shown = counts(source, 1000);
    assert!(
        shown.starts_with("0000 0000:") && shown.contains(",1111 1111:"),
        "{shown}"
    );
    let wide = "OPENQASM 3; def all(qubit[16] a) -> bit[16] { return measure a; }
        qubit[16] q; h q; bit[16] c = all(q);";
    let started = std::time::Instant::now();
    assert_eq!(
        simulate(wide, 2000)
            .unwrap()
            .counts
            .into_values()
            .sum::<u64>(),
        2000
    );
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn bits_of_a_call_are_new_each_time() {
    let source = "OPENQASM 3; def count(qubit a, bool on) -> bit { bit b; if (on) { b = measure a; } return b; }
        qubit q; bit[4] c; x q; c[0] = count(q, true); c[1] = count(q, false); bit late;
        c[2] = count(q, false); c[3] = count(q, true); late = count(q, false);";
    assert_eq!(outcome(source), "0 1001");
}

#[test]
fn wrong_subroutines_are_refused_at_their_place() {
    for (source, line, column, words) in [
        ("def f() {\n f(); }", 2, 2, "`f` calls itself: recursion"),
        (
            "def f(int n) -> int {\n return f(n - 1); }",
            2,
            9,
            "`f` calls itself",
        ),
        ("def f() { }\ndef f() { }", 2, 5, "already declared"),
        ("int f;\ndef f() { }", 2, 5, "already declared"),
        ("def f() { }\nint f;", 2, 5, "already declared"),
        ("if (true) {\ndef f() { } }", 2, 1, "outside of blocks"),
        (
            "def f(int n) { }\nf(1, 2);",
            2,
            1,
            "`f` takes 1 argument, not 2",
        ),
        (
            "def f(qubit a) { }\nf(1);",
            2,
            3,
            "expected 1 qubit for `a`",
        ),
        (
            "def f(qubit[2] a) { } qubit[3] q;\nf(q);",
            2,
            3,
            "expected 2 qubits for `a`, found 3",
        ),
        ("def f(int a) { } qubit q;\nf(q);", 2, 3, "not a value"),
        ("def f(int a) { }\nf(1.5);", 2, 3, "explicit cast"),
        (
            "def f(qubit a, qubit b) { } qubit q;\nf(q, q);",
            2,
            6,
            "passed twice",
        ),
        (
            "def f(qubit[2] a, qubit b) { } qubit[2] q;\nf(q, q[1]);",
            2,
            6,
            "passed twice",
        ),
        ("def f() { }\nint n = f();", 2, 9, "`f` returns nothing"),
        ("def f() -> int { }", 1, 5, "no `return` with a value"),
        (
            "def f() -> int {\n return; }",
            2,
            2,
            "expected a value to return",
        ),
        ("def f() {\n return 1; }", 2, 2, "no result type"),
        ("def f() -> int {\n return 1.5; }", 2, 9, "explicit cast"),
        ("return;", 1, 1, "outside of a subroutine"),
        ("def f() {\n break; }", 2, 2, "outside of a loop"),
        (
            "int n; def f() -> int {\n return n; }",
            2,
            9,
            "sees only the constants",
        ),
        (
            "qubit q; def f() {\n x q; }",
            2,
            4,
            "sees only the constants",
        ),
        ("def f(int n) {\n int n; }", 2, 6, "already declared"),
        ("def f() {\n qubit q; }", 2, 8, "outside of blocks"),
        ("def f(qubit a) {\n cx a, a; }", 2, 8, "same qubit"),
        (
            "def f() -> float { return 1.0; }\ngate g a { rx(f()) a; }",
            2,
            15,
            "only its parameters",
        ),
        ("f(1);", 1, 1, "no gate"),
        ("int n = f(1);", 1, 9, "no function or subroutine `f`"),
        (
            "def f() { }\nconst int n = 1; bit[f()] c;",
            2,
            22,
            "returns nothing",
        ),
        (
            "def f() -> int { return 2; }\nbit[f()] c;",
            2,
            5,
            "must be a constant",
        ),
        ("def f(qubit a) { x a }", 1, 21, "expected `;`"),
    ] {
        let source = format!("OPENQASM 3; {source}");
        let column = if line == 1 { column + 12 } else { column };
        assert_refused(&source, line, column, words);
    }
}

#[test]
fn a_mistake_in_a_subroutine_is_told_once() {
    let found = errors("OPENQASM 3; qubit q; def f(qubit a) { foo a; } f(q); f(q); int n = f(q);");
    assert_eq!(found.len(), 1, "{found:?}");
    let unused = errors("OPENQASM 3; qubit q; def f(qubit a) { foo a; bar a; } x q;");
    assert_eq!(unused.len(), 2, "{unused:?}");
}

/// Subroutines that each call the one before twice.
fn doubling(levels: usize) -> String {
    (1..=levels).fold(
        "OPENQASM 3; qubit q; def f0(qubit a) { x a; }".to_owned(),
        |mut text, i| {
            let before = i - 1;
            write!(text, "def f{i}(qubit a) {{ f{before}(a); f{before}(a); }}").unwrap();
            text
        },
    )
}

#[test]
fn calls_within_calls_are_limited() {
    let fits = format!("{} f10(q); x q;", doubling(10));
    assert_eq!(outcome(&fits), "1");
    let bomb = format!("{} f30(q);", doubling(30));
    let message = check(&bomb).unwrap_err().to_string();
    assert!(
        message.contains("more than 500000 statements, operands and values when each call"),
        "{message}"
    );
    let deep = (1..=40).fold("OPENQASM 3; def f0() { }".to_owned(), |mut text, i| {
        write!(text, "def f{i}() {{ f{}(); }}", i - 1).unwrap();
        text
    });
    let message = check(&deep).unwrap_err().to_string();
    assert!(message.contains("more than 32 deep"), "{message}");
}

#[test]
fn deep_nesting_through_calls_fits_a_small_stack() {
    let (open, close) = ("if (true) { ".repeat(40), " }".repeat(40));
    let (left, right) = ("(1 + ".repeat(45), ")".repeat(45));
    let text = (1..=31).fold("OPENQASM 3; def f0(int n) -> int { return n; }".to_owned(), |mut text, i| {
        let before = i - 1;
        write!(text, "def f{i}(int n) -> int {{ {open} return {left} f{before}(n) {right}; {close} return 0; }}").unwrap();
        text
    });
    let text = format!("{text} int n = f31(1); qubit q;");
    let worker = std::thread::Builder::new().stack_size(2 << 20);
    let handle = worker.spawn(move || simulate(&text, 1)).unwrap();
    let message = handle.join().unwrap().unwrap_err().to_string();
    assert!(message.contains("deep through calls"), "{message}");
}

#[test]
fn a_loop_in_a_subroutine_counts_for_each_call() {
    let source = "OPENQASM 3; qubit q; def many(qubit a) { for int i in [0:999999] { x a; } }
        for int k in [0:9] { many(q); }";
    let SimulatorError::ResourceLimit { message } = check(source).unwrap_err() else {
        panic!("expected a limit to be passed");
    };
    assert!(message.contains("more than 5000000 gates"), "{message}");
}

#[test]
fn qubits_of_one_call_are_different() {
    let declared = "OPENQASM 3; qubit[4] q; def f(qubit[2] a, qubit[2] b) { x a; }\n";
    for (arguments, expected) in [
        ("q[2:3], q[0:1]", "1100"),
        ("q[{0, 3}], q[1:2]", "1001"),
        ("q[{3, 1}], q[{0, 2}]", "1010"),
    ] {
        assert_eq!(outcome(&format!("{declared}f({arguments});")), expected);
    }
    for (arguments, column) in [
        ("q[2:3], q[1:2]", 11),
        ("q[0:1], q[1:2]", 11),
        ("q[{0, 3}], q[2:3]", 14),
    ] {
        let source = format!("{declared}f({arguments});");
        assert_refused(&source, 2, column, "the same qubit is passed twice");
    }
}

#[test]
fn the_qubit_of_an_argument_is_settled_before_the_call() {
    let source = "OPENQASM 3; qubit[4] q; int z = 0; array[int, 1] a = {1};
        def f(qubit p, mutable array[int, 1] b) { b[0] = 2; x p; }
        f(q[a[0]][z], a);";
    assert_eq!(outcome(source), "0010");
}
