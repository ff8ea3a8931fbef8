//! What tools and the specification's own programs write beyond the common core.

use crate::tests::{assert_refused, errors, gives, outcome};

#[test]
fn an_alias_may_be_a_set_in_braces_as_qiskit_writes_it() {
    gives(
        "0 1",
        "qubit a; qubit b; let q = {b, a}; x q[1]; measure a; measure b;",
    );
    gives(
        "1000",
        "qubit[3] a; qubit b; let q = {a[2:-1:0], b}; x q[3]; bit[4] c; c = measure q;",
    );
    assert_refused(
        "OPENQASM 3; qubit a;\nlet q = {};",
        2,
        11,
        "expected registers",
    );
    assert_refused(
        "OPENQASM 3; qubit a;\nlet q = {a, a};",
        2,
        5,
        "same element twice",
    );
}

#[test]
fn a_switch_may_be_written_as_before_it_was_part_of_the_language() {
    for (start, expected) in [
        ("", "001"),
        ("x q[0];", "010"),
        ("x q[1];", "010"),
        ("x q;", "100"),
    ] {
        gives(
            expected,
            &format!(
                "qubit[2] q; qubit[3] r; bit[3] c; {start} int s = measure q; switch (s) {{
                    case 0: {{ x r[0]; }} break; case 1: case 2: {{ x r[1]; }} break; default: {{ x r[2]; }} break; }}
                c = measure r;"
            ),
        );
    }
    let source = "OPENQASM 3; qubit q; int s;\nswitch (s) { case 0: { x q; } }";
    assert_refused(source, 2, 31, "expected `break`");
}

#[test]
fn a_global_phase_may_name_qubits_as_pennylane_writes_it() {
    let two = "OPENQASM 2.0; qreg q[2]; creg c[2]; gphase(pi/3) q[1]; x q[0]; measure q -> c;";
    assert_eq!(outcome(two), "01");
    gives(
        "1",
        "gate g a { gphase(1.5) a; x a; } qubit q; bit c; g q; c = measure q;",
    );
    // Under a control the phase can be seen, and the operands are those of the controls alone.
    assert_refused(
        "OPENQASM 3; qubit[2] q;\nctrl @ gphase(pi) q[0], q[1];",
        2,
        1,
        "takes 1 qubit here, not 2",
    );
    assert_refused("OPENQASM 3; qubit q;\ngphase(pi) r;", 2, 12, "not declared");
}

#[test]
fn gates_of_quantinuum_are_built_in() {
    let source = "OPENQASM 2.0; include \"hqslib1.inc\"; qreg q[2]; creg c[2];
        U1q(pi/2, pi/2) q[0]; U1q(pi, 0) q[1]; ZZ q[0], q[1]; RZZ(-pi/2) q[0], q[1];
        Rxxyyzz(0.3, 0.2, 0.1) q[0], q[1]; Rxxyyzz(-0.3, -0.2, -0.1) q[0], q[1];
        Rz(0.7) q[0]; rz(-0.7) q[0]; U1q(-pi/2, pi/2) q[0]; measure q -> c;";
    assert_eq!(outcome(source), "10");
}

#[test]
fn blanks_may_stand_before_a_unit() {
    gives(
        "1",
        "qubit q; bit c; delay[100 ns] q; duration d = 1.5 us; if (d == 1500ns) x q; c = measure q;",
    );
}

#[test]
fn blocks_may_stand_alone() {
    gives(
        "1",
        "qubit q; bit c; int i = 1; { int i = 2; x q; { i = 3; } } if (i == 1) { c = measure q; }",
    );
    assert_refused("{\"circuit\": 1}", 1, 1, "looks like JSON");
    assert_refused("{}", 1, 1, "looks like JSON");
}

#[test]
fn nop_does_nothing() {
    gives(
        "01",
        "qubit[2] q; bit[2] c; x q[0]; nop; nop q; nop q[0], q[1]; box { nop q; } c = measure q;",
    );
    gives(
        "1",
        "gate nop a { x a; } qubit q; bit c; nop q; c = measure q;",
    );
    assert_refused("OPENQASM 3;\nnop q;", 2, 5, "not declared");
}

#[test]
fn a_function_may_be_declared_extern_but_not_called() {
    gives(
        "1",
        "extern f(int[32], bit[4], readonly array[float, #dim = 2]) -> bit; extern g(); qubit q; bit c; x q; c = measure q;",
    );
    for call in [
        "int n = f(1);",
        "f(1);",
        "qubit q; rx(f(2) + f(3)) q; f(1);",
    ] {
        let source = format!("OPENQASM 3;\nextern f(int) -> int;\n{call}");
        assert_refused(&source, 2, 1, "`f` is called");
        assert_eq!(errors(&source).len(), 1, "{source}");
    }
    assert_refused(
        "OPENQASM 3; extern f(int);\ndef f() { }",
        2,
        5,
        "already declared",
    );
}

#[test]
fn the_exponent_of_a_power_is_divided_as_a_real_number() {
    gives(
        "1",
        "qubit q; bit c; pow(1/2) @ x q; pow(1/2) @ x q; c = measure q;",
    );
    gives(
        "1",
        "int n = 4; qubit q; bit c; for int i in [1:4] { pow(1/n) @ x q; } c = measure q;",
    );
    // Everywhere else whole numbers divide as whole numbers.
    gives(
        "0",
        "qubit q; bit c; pow(1/2) @ x q; pow(1/2) @ x q; rx(1/2*pi) q; x q; c = measure q;",
    );
}

#[test]
fn outcomes_go_to_bits_of_numbers_too() {
    gives(
        "1",
        "qubit q; bit c; angle[4] a; x q; measure q -> a[1]; if (a == pi/4) { c = 1; }",
    );
    gives(
        "1",
        "qubit q; bit c; int n = 4; x q; measure q -> n[0]; if (n == 5) { c = 1; }",
    );
}

#[test]
fn a_measurement_without_a_target_in_a_subroutine_fills_the_result() {
    gives(
        "011",
        "def f(qubit[1] a) { measure a; } qubit[3] q; x q[0:1]; f(q[0]); f(q[1]); f(q[2]);",
    );
    gives(
        "1 10",
        "def f(qubit a) { measure a; } qubit q; bit[2] c; x q; f(q); c = \"10\";",
    );
    assert_refused(
        "OPENQASM 3; def f(qubit a) {\n measure a; }\nqubit q; while (true) { f(q); }",
        2,
        2,
        "in a loop needs a target",
    );
}

#[test]
fn a_uint_loses_the_bits_that_are_shifted_out_of_it() {
    gives("1", "uint[4] n = 9; bit c; n <<= 1; if (n == 2) { c = 1; }");
    gives(
        "1",
        "uint n = 3; bit c; n <<= 63; n >>= 63; if (n == 1) { c = 1; }",
    );
    gives("1", "int[4] n = 4; bit c; n <<= 1; if (n == -8) { c = 1; }");
}

#[test]
fn the_iterative_phase_estimation_of_the_specification_runs() {
    // The phase is 3/8 of a turn: the bits of the estimate are exact.
    gives(
        "011",
        "const int[32] n = 3; const float[64] theta = 3 * tau / 8; qubit q; qubit r; angle[n] c;
        reset q; reset r; x r; uint[n] power = 4; bit[n] seen;
        for uint i in [0:n - 1] {
            reset q; h q; ctrl @ pow(power) @ phase(theta) q, r; inv @ phase(c / 2) q; h q;
            c >>= 1; measure q -> c[n - 1]; power >>= 1;
        }
        seen = bit[n](c);",
    );
}

#[test]
fn bits_cast_to_an_int_of_their_width_are_a_number_without_sign() {
    gives(
        "1 11",
        "bit[2] b = \"11\"; bit c; if (int[2](b) == 3) { c = 1; }",
    );
    gives(
        "1 11",
        "bit[2] b = \"11\"; bit c; int[2] n = b; if (n == -1 && int[2](b) == -1) { c = 1; }",
    );
    gives(
        "1 10",
        "bit[2] b = \"10\"; bit c; switch (int[2](b)) { case 2 { c = 1; } case 3 { } }",
    );
}

#[test]
fn durations_are_added_multiplied_and_divided() {
    for condition in [
        "2 * 100ns == 200ns",
        "1us / 4 == 250ns",
        "100ns * 0.5 + 50ns == 100ns",
        "3us / 2us == 1.5",
        "-1us + 2us > 0ns",
    ] {
        gives("1", &format!("bit c; if ({condition}) {{ c = 1; }}"));
    }
    for (wrong, words) in [
        ("100ns * 100ns", "expected a number, found a duration"),
        ("100ns + 1", "durations can be added"),
        ("1 / 100ns", "durations can be added"),
        ("100ns / 0", "division by zero"),
    ] {
        assert_refused(
            &format!("OPENQASM 3; qubit q;\ndelay[{wrong}] q;"),
            2,
            7,
            words,
        );
    }
}

#[test]
fn durations_of_gates_have_no_effect() {
    gives(
        "11",
        "qubit[2] q; bit[2] c; x[100ns] q; rx(pi)[2 * 50ns] q[0]; ctrl @ x[1us] q[0], q[1]; x q[0]; c = measure q;",
    );
    let source = "OPENQASM 3; qubit q;\ndelay[2 * durationof({x q; y q;})] q;\nfoo q;";
    assert_refused(source, 3, 1, "no gate `foo`");
    assert_eq!(errors(source).len(), 1);
    gives(
        "1",
        "qubit q; stretch a; stretch b = 2 * a - durationof({x q;}); delay[b] q; box [a] { x q; }",
    );
    assert_refused(
        "OPENQASM 3; stretch a;\nif (a > 1ns) { }",
        2,
        5,
        "only the schedule of a device tells",
    );
}
