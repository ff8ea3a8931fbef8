//! Loops over constants: their variable is known in each turn, and nothing else is different.

use crate::tests::{assert_refused, counts, gives, simulate};

#[test]
fn only_the_qubits_that_a_loop_touches_need_memory() {
    for body in [
        "for int i in [0:3] { x q[i * 15]; }",
        "for int i in [0:3] { for int j in {0, 5} { if (i != j) { if (j == 0) { x q[i]; } } else { x q[i]; } } }",
        "def flip(qubit[60] a) { for int i in [0:2] { cx a[i], a[i + 1]; } } x q[0]; flip(q);",
        "for int i in [0:2] { for int j in [i + 1:2] { cx q[i], q[j]; } }",
    ] {
        let source = format!("OPENQASM 3; qubit[60] q; bit c; {body} c = measure q[0];");
        let result = simulate(&source, 10);
        assert!(result.is_ok(), "{body}: {result:?}");
    }
}

#[test]
fn slices_and_aliases_may_use_the_variable_of_a_loop() {
    gives(
        "111111",
        "qubit[6] q; bit[6] c; for int i in [0:2] { x q[2 * i:2 * i + 1]; } c = measure q;",
    );
    gives(
        "110100",
        "qubit[6] q; bit[6] c; for int i in [2:2:4] { let a = q[{i, 1}]; x a; if (i == 4) { let b = q[i:5]; x b[1]; } } c = measure q;",
    );
    gives(
        "0110",
        "bit[4] c; for int i in [0:1] { c[i + 1:i + 1] = \"1\"; }",
    );
    gives(
        "0011",
        "qubit[4] q; for uint[2] i in [0:3] { if (i[1] == 0) { x q[i]; } if (i[-1]) { nop; } } bit[4] c; c = measure q;",
    );
}

#[test]
fn turns_end_early_as_in_any_loop() {
    gives(
        "00101",
        "bit[5] c; for int i in [0:4] { if (i % 2 == 1) { continue; } if (i == 4) { break; } c[i] = 1; }",
    );
    let source = "OPENQASM 3; qubit[4] q; bit[4] c; bit m; h q[0]; m = measure q[0]; reset q[0];
        for int i in [0:3] { if (i == 1) { if (m) { continue; } } if (i == 3) { if (!m) { break; } } x q[i]; c[i] = measure q[i]; }";
    let found = counts(source, 1000);
    let keys: Vec<&str> = found
        .split(',')
        .map(|part| part.split(':').next().unwrap())
        .collect();
    assert_eq!(keys, ["0 0111", "1 1101"]);
    gives(
        "011",
        "bit[3] c; for int i in [0:2] { if (i == 2) { end; } c[i] = 1; } c = \"111\";",
    );
    gives(
        "1",
        "def find(int n) -> int { for int i in [3:9] { if (i * i > n) { return i; } } return 0; } bit c; if (find(30) == 6) { c = 1; }",
    );
}

#[test]
fn a_turn_that_is_not_reached_may_be_wrong() {
    gives(
        "1111",
        "qubit[4] q; bit[4] c; x q[0]; for int i in [0:3] { if (i < 3) { cx q[i], q[i + 1]; } } c = measure q;",
    );
    gives(
        "1",
        "bit c; int n; for int i in [-2:2] { if (i != 0) { n += 2 / i; } } if (n == 0) { c = 1; }",
    );
    gives(
        "0011",
        "qubit[2] q; bit[4] c; bool m = measure q[0]; for int i in [0:3] { if (!m && i < 2) { x q[i]; c[i] = measure q[i]; } }",
    );
    // One that is reached is told where and when it was before.
    assert_refused(
        "OPENQASM 3; qubit[2] q;\nfor int i in [0:2] { x q[i]; }",
        2,
        26,
        "index 2 is out of range",
    );
}

#[test]
fn mistakes_in_a_loop_are_told_once() {
    for (body, column) in [("foo q;", 22), ("if (i > 5) { foo q; }", 35)] {
        let source = format!("OPENQASM 3; qubit q;\nfor int i in [0:3] {{ {body} }}");
        assert_refused(&source, 2, column, "no gate `foo`");
        assert_eq!(crate::tests::errors(&source).len(), 1, "{source}");
    }
    assert_refused(
        "OPENQASM 3; qubit q;\nfor int i in [3:0] { foo q; }",
        2,
        22,
        "no gate `foo`",
    );
}

#[test]
fn the_variable_of_a_loop_may_be_assigned() {
    gives(
        "1",
        "bit c; int n; for int i in [0:3] { n += i; i = 7; n += i; } if (n == 34) { c = 1; }",
    );
}

#[test]
fn what_a_turn_declares_is_new_in_each() {
    gives(
        "1",
        "qubit q; x q; for int i in [0:1999] { bit[100] b; int n;
            if (b[i % 100] || n > 0) { x q; } b[i % 100] = 1; n = 1; }
        for int i in [0:1] { bit[60000] d; } bit c; c = measure q;",
    );
    gives(
        "1",
        "qubit[3] q; bit c; x q; for int i in [0:2] { bit b = measure q[i]; if (b) { x q[i]; } b = measure q[i]; if (!b) { c = 1; } else { reset q; } }",
    );
}

#[test]
fn long_loops_run_as_loops() {
    gives(
        "1",
        "qubit q; bit c; for int i in [0:20000] { x q; } c = measure q;",
    );
    gives(
        "1",
        "int n; bit c; for int i in [0:999] { for int j in [0:999] { n += 1; } } if (n == 1000000) { c = 1; }",
    );
    let nested = (0..40).fold("n += 1;".to_owned(), |body, depth| {
        format!("for int i{depth} in [0:1] {{ {body} }}")
    });
    let source = format!("OPENQASM 3; int n; bit c; {nested}");
    assert!(
        simulate(&source, 1).is_err(),
        "two to the power of forty turns"
    );
}
