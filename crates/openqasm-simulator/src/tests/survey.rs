//! Checks without a run: what is found must be what a run does.

use crate::survey::{MistakeCode, Survey, Verdict, survey};
use crate::tests::{MEMORY_LIMIT, corpus, simulate, worked};
use crate::{Request, Stop};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::time::Duration;

fn verdict_with(source: &str, parameters: Option<&Map<String, Value>>) -> Verdict {
    let request = Request {
        source,
        parameters,
        memory_limit_bytes: MEMORY_LIMIT,
        ..Request::default()
    };
    survey(&request, &Stop::default()).unwrap()
}

fn verdict(source: &str) -> Verdict {
    verdict_with(source, None)
}

fn of(source: &str) -> Survey {
    let verdict = verdict(source);
    assert!(verdict.valid, "{source}\n{:?}", verdict.errors);
    verdict.survey.unwrap()
}

/// Gates as `name:count`, then depth; `~` before what is not exact.
fn figures(source: &str) -> String {
    let found = of(source);
    let mut text = String::new();
    let mark = |exact| if exact { "" } else { "~" };
    text.push_str(mark(found.counts_are_exact));
    for (name, count) in &found.gates {
        write!(text, "{name}:{count} ").unwrap();
    }
    write!(text, "{}{}", mark(found.depth_is_exact), found.depth).unwrap();
    text
}

#[test]
fn gates_are_counted_under_the_names_that_the_circuit_gives_them() {
    for (source, expected) in [
        ("qubit[2] q; h q[0]; cx q[0], q[1];", "cx:1 h:1 2"),
        ("qubit[4] q; h q; cnot q[0], q[1:3];", "cnot:3 h:4 4"),
        (
            "OPENQASM 2.0; qreg q[2]; gate my(a) x, y { rx(a) x; cx x, y; } my(pi) q[0], q[1]; u2(0, 1) q;",
            "my:1 u2:2 2",
        ),
        (
            "qubit[3] q; ctrl @ x q[0], q[1]; ctrl(2) @ inv @ s q[0], q[1], q[2]; gphase(1);",
            "ctrl @ x:1 ctrl(2) @ inv @ s:1 gphase:1 2",
        ),
        (
            "qubit q; def twice(qubit a) { x a; x a; } twice(q); twice(q);",
            "x:4 4",
        ),
        (
            "qubit[2] q; for int i in [0:2:1000] { x q[0]; y q[1]; }",
            "x:501 y:501 501",
        ),
        (
            "qubit[5] q; for int i in {0, 3} { cx q[i], q[i + 1]; } int n = 3; while (n > 0) { x q[n]; n -= 1; }",
            "cx:2 x:3 2",
        ),
        (
            "qubit[4] q; swap q[0], q[1]; barrier q; end; x q;",
            "swap:1 1",
        ),
    ] {
        assert_eq!(figures(source), expected, "{source}");
    }
}

/// The figures are those of Qiskit 2.6, `QuantumCircuit.depth()`.
#[test]
fn depth_is_that_of_qiskit_where_there_is_no_control_flow() {
    for (source, expected) in [
        ("h q[0]; barrier q; h q[1];", 2),
        ("h q[0]; barrier; h q[1];", 2),
        ("c[0] = measure q[0]; c[0] = measure q[1];", 2),
        ("c = measure q;", 1),
        ("h q[0]; reset q[0]; x q[0];", 3),
        ("barrier q;", 0),
    ] {
        let source = format!("OPENQASM 3; qubit[3] q; bit[3] c; {source}");
        assert_eq!(of(&source).depth, expected, "{source}");
    }
}

#[test]
fn what_depends_on_outcomes_is_an_estimate_and_says_so() {
    let begin = "OPENQASM 3; qubit[3] q; bit c; h q[0]; c = measure q[0];";
    for (rest, expected) in [
        // The gate waits for the outcome.
        ("if (c) x q[1];", "~h:1 x:1 ~3"),
        // The longer way counts.
        (
            "if (c) { x q[1]; x q[1]; } else y q[1]; z q[1];",
            "~h:1 x:2 y:1 z:1 ~5",
        ),
        ("while (c) { x q[0]; c = measure q[0]; }", "~h:1 x:1 ~4"),
        (
            "switch (c) { case 0 { x q[1]; } case 1 { y q[1]; y q[1]; } default { } }",
            "~h:1 x:1 y:2 ~4",
        ),
        // A loop that may be left is analysed to its end.
        (
            "for int i in [1:10] { x q[1]; if (c) break; y q[1]; }",
            "~h:1 x:10 y:10 ~21",
        ),
        (
            "for int i in [1:10] { x q[1]; if (c) continue; y q[1]; }",
            "~h:1 x:10 y:10 ~21",
        ),
        (
            "int n = 1; if (c) { n = 2; } for int i in [1:n] { x q[1]; }",
            "~h:1 x:1 ~3",
        ),
        ("int n = 0; if (c) { n = 1; } x q[n];", "~h:1 x:1 ~3"),
    ] {
        let source = format!("{begin} {rest}");
        assert_eq!(figures(&source), expected, "{rest}");
        assert!(!of(&source).notes.is_empty(), "{rest}");
    }
    let index = of(&format!("{begin} int n = c; x q[n];"));
    assert!(index.counts_are_exact && !index.depth_is_exact, "{index:?}");
    assert!(index.notes[0].contains("which qubits are meant"));
}

#[test]
fn a_repeated_attempt_is_counted_once() {
    let source = "OPENQASM 3; qubit q; bit c; while (!c) { h q; c = measure q; }";
    assert_eq!(figures(source), "~h:1 ~2");
}

#[test]
fn inputs_need_no_values_and_take_them() {
    let source = "OPENQASM 3; input int[8] n; input float a; input bit[2] m; input array[int[8], 2] k; qubit[3] q;
                  for int i in [1:k[1]] { x q[2]; }
                  for int i in [1:n] { rx(a) q[0]; } if (m == 2) x q[1];";
    let found = of(source);
    let shown: Vec<String> = found
        .inputs
        .iter()
        .map(|it| format!("{} {}", it.ty, it.name))
        .collect();
    assert_eq!(
        shown,
        ["int[8] n", "float[64] a", "bit[2] m", "array[int[8], 2] k"]
    );
    assert!(!found.counts_are_exact && found.notes[0].contains("inputs without a value"));

    let given = json!({"n": 5, "a": 0.5, "m": "10", "k": [1, 2]});
    let verdict = verdict_with(source, given.as_object());
    let found = verdict.survey.unwrap();
    assert_eq!(
        found.gates,
        [("rx".to_owned(), 5), ("x".to_owned(), 3)].into()
    );
    assert!(found.counts_are_exact && found.depth_is_exact);

    let verdict = verdict_with(source, json!({"n": 5}).as_object());
    assert_eq!(verdict.errors.len(), 3, "{:?}", verdict.errors);
    assert!(
        verdict.errors[0]
            .message
            .contains("no value for the input `a`")
    );
}

#[test]
fn qubits_memory_and_method_are_those_of_a_run() {
    let found = of(
        "OPENQASM 3; qubit[127] q; bit[2] c; h q[3]; t q[3]; cx q[3], q[9]; c[0] = measure q[3];",
    );
    assert_eq!(
        (found.openqasm_version, found.qubits, found.qubits_used),
        (3, 127, 2)
    );
    assert_eq!(
        (
            found.measurements,
            found.multi_qubit_gates,
            found.gate_count
        ),
        (1, 1, 3)
    );
    assert_eq!(found.method, Some("statevector"));
    let memory = found.memory.unwrap();
    assert_eq!((memory.state_bytes, memory.fits), (Some(64), true));
    assert_eq!(found.registers.len(), 1);

    let clifford = of("OPENQASM 3; qubit[500] q; h q; cx q[0], q[1];");
    assert_eq!(clifford.method, Some("stabilizer"));
    assert!(clifford.notes[0].contains("nothing is measured"));
    assert_eq!((clifford.measurements, clifford.depth), (0, 2));
    assert_eq!(clifford.registers[0].name, "meas");
}

#[test]
fn what_does_not_fit_is_refused_in_the_words_of_a_run() {
    let source = "OPENQASM 3; qubit[40] q; h q; t q;";
    let found = verdict(source);
    assert!(!found.valid);
    let [mistake] = found.errors.as_slice() else {
        panic!("{:?}", found.errors);
    };
    assert_eq!(mistake.code, MistakeCode::ResourceLimit);
    assert_eq!(
        mistake.message,
        simulate(source, 1).unwrap_err().to_string()
    );
    let survey = found.survey.unwrap();
    assert_eq!(
        (survey.qubits_used, survey.memory.unwrap().fits),
        (40, false)
    );

    let both = "if (c) { h q[0:19]; t q[0:19]; } else { h q[20:39]; t q[20:39]; }";
    let head = "OPENQASM 3; qubit[40] q; bit c; h q[0]; t q[0]; c = measure q[0];";
    let apart = of(&format!("{head} {both}"));
    assert!(simulate(&format!("{head} {both}"), 10).is_ok());
    assert!(!apart.memory.unwrap().fits);
    let note = apart.notes.last().unwrap();
    assert!(
        note.contains("all branches together does not fit"),
        "{note}"
    );
    for after in ["h q; t q;", "h q[5:39];"] {
        let sure = verdict(&format!("{head} {both} {after}"));
        assert!(!sure.valid && !sure.survey.unwrap().memory.unwrap().fits);
    }
    assert!(of(&format!("{head} if (c) {{ end; }} h q; t q;")).qubits_used == 40);

    let endless = verdict("OPENQASM 3; qubit q; for int i in [0:1000000000] { x q; }");
    assert_eq!(endless.errors[0].code, MistakeCode::ResourceLimit);
    assert_eq!(endless.errors[0].line, Some(1));
}

#[test]
fn mistakes_have_their_place() {
    let found = verdict("OPENQASM 3;\nqubit[2] q;\nhh q[0];\ncx q[0], q[2];");
    assert!(!found.valid && found.survey.is_none());
    let places: Vec<_> = found.errors.iter().map(|it| (it.line, it.column)).collect();
    assert_eq!(places, [(Some(3), Some(1)), (Some(4), Some(12))]);
    assert_eq!(found.errors[0].source_line.as_deref(), Some("hh q[0];"));
    assert_eq!(
        (found.errors[1].caret, found.errors[1].code),
        (Some(11), MistakeCode::InvalidCircuit)
    );
}

#[test]
fn mistakes_that_every_run_comes_to_are_found_without_one() {
    for (source, words) in [
        (
            "qubit[2] q; int n = 1; n += 1; x q[n];",
            "index 2 is out of range",
        ),
        (
            "qubit[2] q; int n = 1; cx q[n], q[1];",
            "the same qubit is used twice",
        ),
        ("qubit q; int n = 0; rx(1 / n) q;", "zero"),
        (
            "qubit q; int n = -1; bit[2] b = n;",
            "does not fit in 2 bits",
        ),
    ] {
        let found = verdict(source);
        assert!(!found.valid, "{source}");
        assert!(
            found.errors[0].message.contains(words),
            "{source}\n{:?}",
            found.errors
        );
        assert_eq!(
            simulate(source, 1)
                .unwrap_err()
                .to_string()
                .lines()
                .next()
                .unwrap(),
            format!(
                "line 1, column {}: {}",
                found.errors[0].column.unwrap(),
                found.errors[0].message
            )
        );
    }
    // Behind an outcome nobody knows.
    let notes = of("qubit[2] q; bit c; c = measure q[0]; int n = 2; if (c) x q[n];").notes;
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[1].contains("a run may fail with a mistake"));
}

#[test]
fn every_circuit_of_the_corpus_is_surveyed_as_it_runs() {
    for kind in ["ok", "invalid"] {
        if !crate::tests::corpus_directory(kind).is_dir() {
            continue;
        }
        for (name, source) in corpus(kind) {
            let Ok(output) = simulate(&source, 1) else {
                continue;
            };
            let found = of(&source);
            assert_eq!(found.method, Some(output.method), "{name}");
            assert_eq!(
                (found.qubits as usize, found.registers),
                (output.qubits, output.registers),
                "{name}"
            );
        }
    }
}

#[test]
fn long_names_large_arrays_and_wide_values_are_checked_soon() {
    // A name is read once, however often subroutines apply the gate.
    let called = format!(
        "OPENQASM 3; def f(qubit q) {{ pow(/*{}*/2) @ x q; }} qubit q; {}",
        "x".repeat(500_000),
        "f(q);".repeat(20_000)
    );
    // Any element of the array may be changed.
    let forgotten =
        "OPENQASM 3; array[int[8], 60000] a; qubit q; bit c; h q; c = measure q; int i = int(c);
                     for int k in [1:1000000] { a[i] = 1; a[i] = 2; }";
    let wide = format!(
        "OPENQASM 3; qubit q; bit[128] c; while (true) {{ if ({} c == 1) x q; }}",
        "c == 1 || ".repeat(90)
    );
    for source in [called.as_str(), forgotten, wide.as_str()] {
        let before = worked();
        verdict(source);
        let time = worked().saturating_sub(before);
        assert!(time < Duration::from_secs(30), "{time:?}\n{source:.80}");
    }
}

#[test]
fn hostile_circuits_are_checked_soon() {
    let deep_ifs = format!(
        "OPENQASM 3; qubit[60000] q; bit c; c = measure q[0]; {} {} {}",
        "if (c) { h q; ".repeat(40),
        "x q;",
        "}".repeat(40)
    );
    let many_ifs = format!(
        "OPENQASM 3; qubit[60000] q; bit c; c = measure q[0]; {}",
        "if (c) { x q; } ".repeat(20)
    );
    let endless = "OPENQASM 3; qubit q; int i = 0; while (true) { i = 1 - i; }".to_owned();
    let open_loops = format!(
        "OPENQASM 3; qubit q; bit c; c = measure q; {} x q; {}",
        "while (c) { for int i in [1:1000] { ".repeat(20),
        "} }".repeat(20)
    );
    for source in [deep_ifs, many_ifs, endless, open_loops] {
        let before = worked();
        let found = verdict(&source);
        let time = worked().saturating_sub(before);
        assert!(time < Duration::from_secs(30), "{time:?}\n{source:.80}");
        if let Some(found) = found.survey {
            assert!(!found.counts_are_exact);
        }
    }
}

#[test]
fn assignments_at_unknown_places_of_long_registers_are_gone_through_in_bounded_time() {
    for statement in ["c[n] = 1;", "c[n] = d[0];", "if (d[0]) { c[n] = 1; }"] {
        let source = format!(
            "OPENQASM 3; qubit q; bit[60000] c; bit[1] d; int n; n = measure q; d = measure q; {}",
            statement.repeat(20_000)
        );
        let before = worked();
        assert!(!of(&source).counts_are_exact, "{statement}");
        let took = worked().saturating_sub(before);
        assert!(took < Duration::from_secs(20), "{statement} {took:?}");
    }
}

#[test]
fn long_modifiers_in_unrolled_loops_are_read_once() {
    let blanks = " ".repeat(500_000);
    let source = format!("qubit q; for int i in [1:4000] {{ pow({blanks}3) @ x q; }}");
    let before = worked();
    assert_eq!(figures(&source), "pow(3) @ x:4000 4000");
    let took = worked().saturating_sub(before);
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn inputs_without_values_are_constants_all_the_same() {
    for source in [
        "input float t; qubit q; def f(qubit p) { rx(t) p; } f(q);",
        "input float t; qubit q; gate g a { rx(t) a; } g q;",
        "input bit[2] m; qubit q; for bit b in m { if (b) x q; } let a = m[0]; if (a) x q;",
    ] {
        assert!(verdict(source).valid, "{source}");
        let parameters = json!({"t": 0.5, "m": "01"});
        let mut parameters = parameters.as_object().unwrap().clone();
        parameters.retain(|name, _| source.contains(&format!(" {name};")));
        let given = verdict_with(source, Some(&parameters));
        assert!(given.valid, "{source} {:?}", given.errors);
    }
    for (source, words) in [
        ("input int n; n = 3;", "it is a constant"),
        ("input bit[4] m; m[0] = 1;", "it is a constant"),
        ("input bit m; qubit q; m = measure q;", "it is a constant"),
        ("input int n; qubit[n] q;", "where `parameters` give"),
    ] {
        let verdict = verdict(source);
        assert!(!verdict.valid, "{source}");
        let message = &verdict.errors[0].message;
        assert!(message.contains(words), "{message}");
    }
    // A name of its own in a block is another thing.
    let source = "input int n; qubit q; if (true) { int n = 1; n = 2; }";
    assert!(verdict(source).valid);
}

#[test]
fn what_names_a_long_register_again_and_again_takes_no_memory_for_each_time() {
    let names = |name: &str| vec![name; 20_000].join(",");
    let formals: Vec<String> = (0..20_000).map(|number| format!("a{number}")).collect();
    let formals = formals.join(",");
    for source in [
        format!("qubit[65535] q; barrier {};", names("q")),
        format!(
            "qubit[65535] q; int n; n = measure q[0]; barrier {};",
            names("q[n]")
        ),
        format!(
            "qubit[65535] q; int n; n = measure q[0]; gate g {formals} {{ }} g {};",
            names("q[n]")
        ),
    ] {
        let before = worked();
        let verdict = verdict(&source);
        assert!(verdict.survey.is_some(), "{:?}", verdict.errors);
        let took = worked().saturating_sub(before);
        assert!(took < Duration::from_secs(30), "{took:?}");
    }
}
