//! Every built-in gate against its textbook matrix, and the modifiers.

use crate::ir::gates::Builtin;
use crate::sema::library::library;
use crate::tests::{assert_refused, outcome, simulate};
use crate::{Request, Stop, run};

/// Asserts that two pieces of a program do the same to two qubits, up to a global phase: the
/// second undone after the first brings back every product state, with a third qubit as witness.
fn assert_same(first: &str, second_inverse: &str) {
    for prepare in [
        "",
        "x q[0];",
        "x q[1];",
        "x q; x q[2];",
        "h q; t q[0]; s q[1];",
        "ry(0.3) q; rz(0.7) q; cx q[0], q[2];",
    ] {
        let undo: Vec<String> = prepare
            .split(';')
            .rev()
            .filter(|part| !part.trim().is_empty())
            .map(|part| format!("inv @ {part};"))
            .collect();
        let source = format!(
            "OPENQASM 3; qubit[3] q; {prepare} {first} {second_inverse} {}",
            undo.join(" ")
        );
        let output = simulate(&source, 2000).unwrap_or_else(|error| panic!("{source}\n{error}"));
        assert_eq!(
            output.counts.get("000"),
            Some(&2000),
            "{source}\n{:?}",
            output.counts
        );
    }
}

#[test]
fn the_library_holds_all_of_its_gates() {
    assert_eq!(library().gates.len(), 29);
}

#[test]
fn named_gates_equal_their_definitions() {
    for (gate, inverse) in [
        ("x", "U(pi, 0, pi)"),
        ("sx", "pow(-0.5) @ x"),
        ("v", "inv @ sx"),
        ("vi", "v"),
        ("si", "s"),
        ("ti", "t"),
        ("sxdg", "sx"),
        ("u2(0.3, 0.4)", "inv @ U(pi/2, 0.3, 0.4)"),
        ("u3(0.3, 0.4, 0.5)", "inv @ U(0.3, 0.4, 0.5)"),
        ("u1(0.3)", "phase(-0.3)"),
        ("r(0.3, 0)", "rx(-0.3)"),
        ("r(0.3, pi/2)", "ry(-0.3)"),
        ("prx(0.3, 0.7)", "r(-0.3, 0.7)"),
        ("gpi(0.4)", "gpi(0.4)"),
        ("gpi2(0.4)", "r(-pi/2, 0.4)"),
        ("y", "inv @ U(pi, pi/2, pi/2)"),
        ("u0(1)", "id"),
        ("phaseshift(0.3)", "p(-0.3)"),
        ("h", "inv @ U(pi/2, 0, pi)"),
    ] {
        assert_same(&format!("{gate} q[0];"), &format!("{inverse} q[0];"));
    }
}

#[test]
fn two_qubit_gates_equal_their_definitions() {
    for (gate, inverse) in [
        ("cy q[0], q[1];", "ctrl @ y q[0], q[1];"),
        ("ch q[0], q[1];", "ctrl @ h q[0], q[1];"),
        ("cphaseshift(0.3) q[0], q[1];", "ctrl @ p(-0.3) q[1], q[0];"),
        (
            "cphaseshift00(0.3) q[0], q[1];",
            "x q; cp(-0.3) q[0], q[1]; x q;",
        ),
        (
            "cphaseshift01(0.3) q[0], q[1];",
            "x q[0]; cp(-0.3) q[0], q[1]; x q[0];",
        ),
        (
            "cphaseshift10(0.3) q[0], q[1];",
            "x q[1]; cp(-0.3) q[0], q[1]; x q[1];",
        ),
        (
            "crz(0.3) q[0], q[1];",
            "rz(-0.15) q[1]; cx q[0], q[1]; rz(0.15) q[1]; cx q[0], q[1];",
        ),
        (
            "crx(0.3) q[0], q[1];",
            "h q[1]; crz(-0.3) q[0], q[1]; h q[1];",
        ),
        (
            "cry(0.3) q[0], q[1];",
            "ry(-0.15) q[1]; cx q[0], q[1]; ry(0.15) q[1]; cx q[0], q[1];",
        ),
        (
            "cu(0.1, 0.2, 0.3, 0.4) q[0], q[1];",
            "inv @ cu3(0.1, 0.2, 0.3) q[0], q[1]; p(-0.4) q[0];",
        ),
        ("rxx(0.3) q[0], q[1];", "xx(-0.3) q[0], q[1];"),
        (
            "rzx(0.3) q[0], q[1];",
            "h q[1]; rzz(-0.3) q[0], q[1]; h q[1];",
        ),
        (
            "ryy(0.3) q[0], q[1];",
            "s q; rxx(-0.3) q[0], q[1]; inv @ s q;",
        ),
        (
            "iswap q[0], q[1];",
            "swap q[0], q[1]; inv @ cz q[0], q[1]; inv @ s q[0]; inv @ s q[1];",
        ),
        ("xy(pi) q[0], q[1];", "inv @ iswap q[0], q[1];"),
        (
            "xx_plus_yy(0.6, 0) q[0], q[1];",
            "rxx(-0.3) q[0], q[1]; ryy(-0.3) q[0], q[1];",
        ),
        (
            "xx_minus_yy(0.6, 0) q[0], q[1];",
            "rxx(-0.3) q[0], q[1]; ryy(0.3) q[0], q[1];",
        ),
        (
            "xx_plus_yy(0.6, 0.4) q[0], q[1];",
            "rz(0.4) q[0]; xx_plus_yy(-0.6, 0) q[0], q[1]; rz(-0.4) q[0];",
        ),
        (
            "xx_minus_yy(0.6, 0.4) q[0], q[1];",
            "rz(-0.4) q[1]; xx_minus_yy(-0.6, 0) q[0], q[1]; rz(0.4) q[1];",
        ),
        ("ecr q[0], q[1];", "ecr q[0], q[1];"),
        ("dcx q[0], q[1];", "cx q[1], q[0]; cx q[0], q[1];"),
        ("pswap(0.3) q[0], q[1];", "inv @ pswap(0.3) q[0], q[1];"),
        ("ms(0, 0, 0.3) q[0], q[1];", "rxx(-0.3) q[0], q[1];"),
        ("ms(pi/2, pi/2, 0.3) q[0], q[1];", "ryy(-0.3) q[0], q[1];"),
        ("cv q[0], q[1];", "ctrl @ vi q[0], q[1];"),
        ("cs q[0], q[1];", "csdg q[0], q[1];"),
        (
            "swap q[0], q[1];",
            "cx q[0], q[1]; cx q[1], q[0]; cx q[0], q[1];",
        ),
    ] {
        assert_same(gate, inverse);
    }
}

#[test]
fn modifiers_mean_what_the_specification_says() {
    assert_same("ctrl @ x q[0], q[1];", "cx q[0], q[1];");
    assert_same("negctrl @ x q[0], q[1];", "x q[0]; cx q[0], q[1]; x q[0];");
    assert_same("ctrl(2) @ x q[0], q[1], q[2];", "ccx q[0], q[1], q[2];");
    assert_same("inv @ rx(0.3) q[0];", "rx(0.3) q[0];");
    assert_same("pow(3) @ t q[0];", "tdg q[0]; sdg q[0];");
    assert_same("pow(-2) @ s q[0];", "z q[0];");
    assert_same("pow(0.25) @ x q[0];", "pow(0.75) @ x q[0]; x q[0];");
    assert_same("pow(0.5) @ h q[0]; pow(0.5) @ h q[0];", "h q[0];");
    assert_same("pow(2) @ iswap q[0], q[1];", "z q[0]; z q[1];");
    assert_same("ctrl @ swap q[0], q[1], q[2];", "cswap q[0], q[1], q[2];");
    assert_same("ctrl @ gphase(0.3) q[0];", "p(-0.3) q[0];");
    assert_same("ctrl @ rz(0.3) q[0], q[1];", "crz(-0.3) q[0], q[1];");
    assert_same(
        "ctrl @ U(0.1, 0.2, 0.3) q[0], q[1];",
        "inv @ cu(0.1, 0.2, 0.3, 0.05) q[0], q[1];",
    );
    assert_same("pow(2) @ pow(0.5) @ x q[0];", "x q[0];");
    assert_same("pow(0.5) @ pow(2) @ x q[0];", "");
}

#[test]
fn modifiers_work_on_defined_gates() {
    let program = |body: &str| {
        format!(
            "OPENQASM 3; gate g(a) q, r {{ h q; cx q, r; rz(a) r; t q; }} gate nx q {{ h q; z q; h q; }}
             qubit[3] q; h q[2]; {body} h q[2];"
        )
    };
    assert_eq!(
        outcome(&program("g(0.4) q[0], q[1]; inv @ g(0.4) q[0], q[1];")),
        "000"
    );
    assert_eq!(
        outcome(&program(
            "pow(-2) @ g(0.4) q[0], q[1]; g(0.4) q[0], q[1]; g(0.4) q[0], q[1];"
        )),
        "000"
    );
    assert_eq!(
        outcome(&program(
            "ctrl @ g(0.4) q[2], q[0], q[1]; inv @ ctrl @ g(0.4) q[2], q[0], q[1];"
        )),
        "000"
    );
    assert_eq!(
        outcome(&program("pow(0.5) @ nx q[0]; pow(0.5) @ nx q[0];")),
        "001"
    );
    assert_eq!(
        outcome(&program(
            "x q[1]; ctrl @ pow(0.5) @ nx q[1], q[0]; pow(0.5) @ ctrl @ nx q[1], q[0];"
        )),
        "011"
    );
    assert_refused(
        "OPENQASM 3; qubit[2] q; pow(0.5) @ iswap q[0], q[1];",
        1,
        25,
        "fraction",
    );
}

#[test]
fn definitions_win_over_built_in_gates() {
    assert_eq!(outcome("OPENQASM 3; gate h q { x q; } qubit q; h q;"), "1");
    assert_eq!(
        outcome(
            "OPENQASM 2.0; include \"qelib1.inc\"; gate rzz(a) q, r { x q; x r; } qreg q[2]; rzz(1) q[0], q[1];"
        ),
        "11"
    );
}

#[test]
fn every_name_of_a_built_in_gate_is_known() {
    let names = "U CX gphase id x y z h s sdg t tdg sx sxdg p phase rx ry rz u u0 u1 u2 u3 cx cy cz ch cp cphase crx cry crz cu cu1
        swap cswap ccx ccz cs csdg csx c3x c4x c3sqrtx c3sx r cnot ccnot i si ti v vi cv phaseshift cphaseshift prx";
    for name in names.split_whitespace() {
        assert!(Builtin::named(name).is_some(), "{name}");
    }
}

#[test]
fn powers_of_powers_that_only_rounding_would_decide_are_refused() {
    let stacked =
        |times: usize, gate: &str| format!("qubit q;\n{}{gate} q;", "pow(2) @ ".repeat(times));
    assert_eq!(outcome(&stacked(8, "h")), "0");
    assert_eq!(outcome(&stacked(200, "x")), "0");
    for gate in ["h", "rx(0.1)", "rx(pi/2)"] {
        assert_refused(&stacked(100, gate), 2, 1, "together are too large");
    }
}

#[test]
fn gates_by_huge_angles_keep_the_norm_of_the_state() {
    for gate in [
        "U(1.1, a, b)",
        "u3(1.1, a, b)",
        "u2(a, b)",
        "ctrl @ U(1.1, a, b)",
        "rx(a)",
        "gphase(a)",
    ] {
        for (a, b) in [
            ("0.6154797", "-154797086703869"),
            ("9223372036854775807", "-0.6"),
            ("1e300", "0.5"),
        ] {
            let gate = gate
                .replace("1.1, a", &format!("1.1, {a}"))
                .replace("(a", &format!("({a}"))
                .replace(", b)", &format!(", {b})"));
            let operands = match gate.as_str() {
                gate if gate.starts_with("ctrl") => "q[0], q[1]",
                gate if gate.starts_with("gphase") => "",
                _ => "q[0]",
            };
            let source = format!("qubit[2] q; h q; t q[0]; {gate} {operands}; h q; t q[1];");
            let request = Request {
                source: &source,
                shots: 1,
                statevector: true,
                memory_limit_bytes: 1 << 20,
                ..Request::default()
            };
            let output = run(&request, &Stop::default());
            let output = output.unwrap_or_else(|error| panic!("{source}\n{error}"));
            let parts = output.statevector.unwrap().into_iter().flatten();
            let norm: f64 = parts.map(|part| part * part).sum();
            assert!((norm - 1.0).abs() < 1e-12, "{source}: {norm}");
        }
    }
}
