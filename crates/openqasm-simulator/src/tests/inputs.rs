//! Values that come with the task: `input` and `output`.

use crate::tests::{MEMORY_LIMIT, assert_refused, outcome};
use crate::{Output, Request, SimulatorError, Stop, check, run};
use serde_json::{Value, json};

fn simulate(source: &str, parameters: &Value) -> Result<Output, SimulatorError> {
    let request = Request {
        source,
        shots: 20,
        seed: Some(7),
        parameters: parameters.as_object(),
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    run(&request, &Stop::default())
}

fn message(source: &str, parameters: &Value) -> String {
    simulate(source, parameters).unwrap_err().to_string()
}

#[test]
fn inputs_take_their_values_from_the_task() {
    for (declaration, condition, value) in [
        ("float", "a == 0.5", json!(0.5)),
        ("float", "a == 2", json!(2)),
        ("float[32]", "a > 0.3 && a < 0.4", json!(0.35)),
        ("int[8]", "a == -128", json!(-128)),
        ("uint", "a == 18446744073709551615", json!(u64::MAX)),
        ("bool", "a", json!(true)),
        ("bit", "a == 1", json!(1)),
        ("bit", "a", json!(true)),
        ("bit[4]", "a == \"0110\"", json!("0110")),
    ] {
        let source =
            format!("OPENQASM 3; input {declaration} a; qubit q; if ({condition}) {{ x q; }}");
        let output = simulate(&source, &json!({ "a": value })).unwrap();
        let keys: Vec<&str> = output.counts.keys().map(String::as_str).collect();
        assert_eq!(keys, ["1"], "{source}");
    }
}

#[test]
fn inputs_are_angles_and_sizes() {
    let source =
        "OPENQASM 3; input float theta; input uint n; qubit[n] q; gate g a { rx(theta) a; } g q;";
    let output = simulate(source, &json!({"theta": std::f64::consts::PI, "n": 3})).unwrap();
    assert!(output.counts.contains_key("111"), "{:?}", output.counts);
}

#[test]
fn wrong_inputs_are_told_at_their_declaration() {
    let source = "OPENQASM 3;\ninput int[4] a; input bool b;\nqubit q;";
    for (parameters, expected) in [
        (
            json!({}),
            "line 2, column 14: there is no value for the input `a`: expected one for `int[4]`",
        ),
        (
            json!({"a": 1}),
            "line 2, column 28: there is no value for the input `b`",
        ),
        (
            json!({"a": 8, "b": true}),
            "line 2, column 14: the parameter `a` does not fit `int[4]`: 8 does not fit",
        ),
        (json!({"a": 1.5, "b": true}), "expected a whole number"),
        (json!({"a": "1", "b": true}), "expected a whole number"),
        (
            json!({"a": 1, "b": 1}),
            "line 2, column 28: the parameter `b` does not fit `bool`: expected true or false",
        ),
        (
            json!({"a": 1, "b": true, "c": 1}),
            "line 1, column 1: the task has a parameter `c`, but the circuit declares no such `input`",
        ),
    ] {
        let found = message(source, &parameters);
        assert!(found.contains(expected), "{parameters}: {found}");
    }
    let misspelt = message(
        "OPENQASM 3; input float theta; input float phi; qubit q;",
        &json!({"tetha": 1, "phi": 2, "x": 3}),
    );
    for part in [
        "there is no value for the input `theta`",
        "line 1, column 25: the task has a parameter `tetha`, but the circuit declares no such `input`; did you mean `theta`?",
        "the task has a parameter `x`, but the circuit declares no such `input`; its inputs are `theta`, `phi`",
    ] {
        assert!(misspelt.contains(part), "{misspelt}");
    }
    let both = message(source, &json!({}));
    assert_eq!(both.matches("there is no value").count(), 2, "{both}");
    let bits = "OPENQASM 3; input bit[3] a; qubit q;";
    for wrong in [json!("01"), json!("012"), json!(3), json!(null)] {
        let found = message(bits, &json!({ "a": wrong }));
        assert!(
            found.contains("does not fit `bit[3]`: expected a text"),
            "{found}"
        );
    }
    let assigned = "OPENQASM 3;\ninput int a;\na = 2; qubit q;";
    let found = message(assigned, &json!({"a": 1}));
    assert!(
        found.starts_with("line 3, column 1: cannot assign to `a`"),
        "{found}"
    );
    let two = message("OPENQASM 2.0; qreg q[1];", &json!({"a": 1}));
    assert!(two.contains("no such `input`"), "{two}");
}

#[test]
fn a_check_needs_no_values() {
    let source =
        "OPENQASM 3; input float theta; input bit[2] b; qubit q; rx(theta) q; if (b == 2) x q;";
    assert!(check(source).is_ok());
    assert!(check("OPENQASM 3; input float a; input float a;").is_err());
}

#[test]
fn inputs_and_outputs_stand_outside_of_blocks() {
    for word in ["input", "output"] {
        let source = format!("OPENQASM 3;\nqubit q; if (true) {{ {word} int a; }}");
        assert_refused(&source, 2, 22, "must be declared outside of blocks");
    }
}

#[test]
fn outputs_are_declarations() {
    assert_eq!(
        outcome(
            "OPENQASM 3; output float x; output int n = 2; output bit[2] c; qubit q; x q; c[1] = measure q; n = 3;"
        ),
        "10"
    );
    assert_refused("OPENQASM 3;\noutput qubit q;", 2, 8, "expected a type");
}

#[test]
fn arrays_and_durations_may_be_inputs() {
    let source =
        "OPENQASM 3; input array[float, 2, 2] a; input array[bit[2], 1] b; input duration d;
        def sum(readonly array[float, #dim = 1] row) -> float { return row[0] + row[1] + a[0, 0]; }
        qubit q; if (sum(a[1]) == 8 && b[0] == \"10\" && d == 1.5us) { x q; }";
    let given = json!({"a": [[1, 2], [3, 4]], "b": ["10"], "d": "1500 ns"});
    let output = simulate(source, &given).unwrap();
    assert!(output.counts.contains_key("1"), "{:?}", output.counts);
    assert!(check(source).is_ok());
    for (name, wrong, words) in [
        (
            "a",
            json!([[1, 2]]),
            "`a` does not fit `array[float[64]] of 2 × 2`: expected a list of 2 elements, found 1",
        ),
        ("a", json!([1, 2]), "expected a list of 2 elements"),
        ("a", json!([[1, 2], [3, "x"]]), "expected a number"),
        ("b", json!("10"), "expected a list of 1 element"),
        ("d", json!(5), "expected a text such as \"100ns\""),
        ("d", json!("5 parsec"), "expected a text such as \"100ns\""),
    ] {
        let mut given = given.clone();
        given[name] = wrong;
        let found = message(source, &given);
        assert!(found.contains(words), "{given}: {found}");
    }
    let missing = message("OPENQASM 3; input array[int, 2] a; qubit q;", &json!({}));
    assert!(missing.contains("no value for the input `a`"), "{missing}");
    let assigned = "OPENQASM 3;\ninput array[int, 2] a;\na[0] = 2; qubit q;";
    let found = message(assigned, &json!({"a": [1, 2]}));
    assert!(
        found.contains("line 3, column 1: cannot assign to `a`"),
        "{found}"
    );
}

#[test]
fn complex_numbers_may_be_inputs() {
    let source = "OPENQASM 3; input complex[float[64]] a; input array[complex, 2] b; qubit q;
        if (a == 1 - 2im && b[0] + b[1] == 3 + 1im) { x q; }";
    let output = simulate(source, &json!({"a": [1, -2], "b": [3, [0, 1]]})).unwrap();
    assert!(output.counts.contains_key("1"), "{:?}", output.counts);
    let found = message(source, &json!({"a": [1], "b": [3, 1]}));
    assert!(found.contains("its real and its imaginary part"), "{found}");
}
