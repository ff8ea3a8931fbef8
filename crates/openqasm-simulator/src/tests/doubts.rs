//! Values behind outcomes that may be mistakes: a check notes them, and nothing else.

use crate::survey::{Verdict, survey};
use crate::tests::MEMORY_LIMIT;
use crate::{Request, Stop};

fn verdict(source: &str) -> Verdict {
    let request = Request {
        source,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    survey(&request, &Stop::default()).unwrap()
}

/// Whether a check says that a run may fail with a mistake.
fn doubts(rest: &str) -> bool {
    let source = format!(
        "OPENQASM 3; qubit[4] q; bit[3] c; h q[0]; c[0] = measure q[0]; h q[1]; c[1] = measure q[1]; {rest}"
    );
    let verdict = verdict(&source);
    assert!(verdict.valid, "{source}\n{:?}", verdict.errors);
    let notes = verdict.survey.unwrap().notes;
    notes
        .iter()
        .any(|note| note.contains("may fail with a mistake"))
}

#[test]
fn what_may_be_a_mistake_behind_an_outcome_is_noted() {
    for rest in [
        "x q[c];",
        "cx q[c[0]], q[1];",
        "c[int(c)] = 1;",
        "array[int, 2] a; a[int(c)] = 1;",
        "float f = c[0:1]; rx(f * 1e300 * 1e300) q[0];",
        "pow(1e300 * c) @ t q[0];",
        "gate g(t) a { rx(1 / t) a; } g(int(c)) q[0];",
        "bit[1] b = int(c);",
        "for int i in [0:int(c):3] { }",
        "int n = c; n <<= int(c) - 1;",
        "if (c[0]) { int n = 4; x q[n]; }",
    ] {
        assert!(doubts(rest), "{rest}");
    }
    for rest in [
        "x q[c[0:1]];",
        "int n = uint[2](c[0:1]); array[int, 4] a; a[uint[2](c[0:1])] = n;",
        "pow(int(c)) @ t q[0];",
        "gate g(t) a { rx(t / 2) a; } g(int(c)) q[0];",
        "bit[3] b = int(c);",
        "for int i in [0:int(c)] { }",
        "int n = c; n <<= 2;",
    ] {
        assert!(!doubts(rest), "{rest}");
    }
    let step = "OPENQASM 3; qubit q; bit c; h q; c = measure q; for int i in [c:0:3] { }";
    assert!(!verdict(step).valid);
}

#[test]
fn a_gate_on_the_same_qubit_twice_is_told_before_what_its_definition_does() {
    let source =
        "OPENQASM 3; gate g(t) a, b { rx(1 / t) a; }\nqubit[2] q; bit c; g(0) q[0], q[int(c)];";
    assert_eq!(verdict(source).errors[0].line, Some(2));
}
