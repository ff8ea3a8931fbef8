//! Limits: memory, time, counts of everything.

use crate::ir::program::Action;
use crate::tests::{assert_too_large, errors, simulate, worked};
use crate::{Request, SimulatorError, Stop, Stopped, check, run};
use std::fmt::Write;
use std::time::{Duration, Instant};

fn limited(source: &str, memory_limit_bytes: u64) -> Result<u64, String> {
    let request = Request {
        source,
        shots: 1000,
        seed: Some(1),
        parameters: None,
        memory: false,
        memory_limit_bytes,
        ..Request::default()
    };
    match run(&request, &Stop::default()) {
        Ok(output) => Ok(output.counts.values().sum()),
        Err(SimulatorError::ResourceLimit { message }) => Err(message),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_state_over_the_limit_is_refused_with_numbers() {
    let source = "OPENQASM 3; qubit[20] q; h q; t q;";
    assert_eq!(
        limited(source, 16 << 19),
        Err("the circuit uses 20 qubits, whose state needs 16777216 bytes of memory; the limit is 8388608 bytes, which is enough for 19 qubits; QTASK_SIMULATOR_MEMORY_MIB=16 allows 20".to_owned())
    );
    assert_eq!(limited(source, 16 << 20), Ok(1000));
    let message = limited("OPENQASM 3; qubit[30] q; h q; t q;", 1 << 30).unwrap_err();
    assert!(
        message
            .ends_with("which is enough for 26 qubits; QTASK_SIMULATOR_MEMORY_MIB=16384 allows 30"),
        "{message}"
    );
    let message = limited("OPENQASM 3; qubit[127] q; h q; t q;", u64::MAX).unwrap_err();
    assert!(
        message.contains("127 qubits") && message.contains("16 × 2^127 bytes"),
        "{message}"
    );
    let message = limited("OPENQASM 3; qubit[50] q; h q; t q;", u64::MAX).unwrap_err();
    assert!(
        message.contains("50 qubits") && message.contains("this machine has not that much"),
        "{message}"
    );
}

#[test]
fn branches_without_memory_for_copies_give_the_same_counts() {
    let mut source = "OPENQASM 3; qubit[6] q; bit[6] c;".to_owned();
    for round in 0..8 {
        write!(
            source,
            "h q; c[{0}] = measure q[{0}]; if (c[{0}]) {{ cx q[0], q[5]; t q; }} h q;",
            round % 5
        )
        .unwrap();
    }
    source.push_str("c = measure q;");
    let counts = |memory_limit_bytes| {
        let request = Request {
            source: &source,
            shots: 500,
            seed: Some(5),
            parameters: None,
            memory: false,
            memory_limit_bytes,
            ..Request::default()
        };
        run(&request, &Stop::default()).unwrap().counts
    };
    let tight = Request {
        source: &source,
        shots: 500,
        seed: Some(5),
        parameters: None,
        memory: false,
        memory_limit_bytes: 16 << 6,
        ..Request::default()
    };
    // The result itself does not fit so little; the limit must let one state and the counts pass.
    assert!(run(&tight, &Stop::default()).is_err());
    assert_eq!(counts(16 << 10), counts(1 << 30));
}

#[test]
fn a_deadline_ends_a_long_run_soon() {
    // Gates that neither cancel out nor become one.
    let source = format!(
        "OPENQASM 3; qubit[22] q; {}",
        "h q; t q; for int k in [0:20] { cx q[k], q[k + 1]; } ".repeat(500)
    );
    let started = Instant::now();
    let stop = Stop::new(Some(started + Duration::from_millis(300)));
    let request = Request {
        source: &source,
        shots: 10,
        seed: None,
        parameters: None,
        memory: false,
        memory_limit_bytes: 1 << 30,
        ..Request::default()
    };
    assert_eq!(
        run(&request, &stop),
        Err(SimulatorError::Stopped(Stopped::DeadlineExceeded))
    );
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_deadline_ends_runs_of_wide_statements_soon() {
    let head = "OPENQASM 3; qubit[6000] q; bit[6000] c; bit[128] d; bit[128] e;";
    for statements in [
        "h q; c = measure q; d = measure q[5800:5927]; for int i in [1:1000000] { e = d; d = e; }",
        "for int i in [1:1000000] { c = measure q; }",
        "x q; for int i in [1:1000000] { c = measure q; }",
        "for int i in [1:1000000] { reset q; }",
        "for int i in [1:1000000] { d = 1; e = 2; d = 3; e = 4; }",
        "h q[0]; for int k in [1:1000] { for int i in [0:5999] { c[i] = measure q[0]; } }",
    ] {
        let started = Instant::now();
        let stop = Stop::new(Some(started + Duration::from_millis(50)));
        let source = format!("{head} {statements}");
        let request = Request {
            source: &source,
            shots: 10,
            memory_limit_bytes: 1 << 30,
            ..Request::default()
        };
        let result = run(&request, &stop);
        let after = started.elapsed();
        assert_eq!(
            result,
            Err(SimulatorError::Stopped(Stopped::DeadlineExceeded)),
            "{statements}"
        );
        assert!(after < Duration::from_secs(2), "{statements}: {after:?}");
    }
}

#[test]
fn a_cancelled_run_ends() {
    let source = "OPENQASM 3; qubit q; bit c; while (!c) { c = measure q; }";
    let request = Request {
        source,
        shots: 10,
        seed: None,
        parameters: None,
        memory: false,
        memory_limit_bytes: 1 << 30,
        ..Request::default()
    };
    let stop = Stop::default();
    let result = std::thread::scope(|scope| {
        let running = scope.spawn(|| run(&request, &stop));
        stop.clone().cancel();
        running.join().unwrap()
    });
    assert_eq!(result, Err(SimulatorError::Stopped(Stopped::Cancelled)));
}

#[test]
fn counts_of_everything_are_limited() {
    assert_too_large(
        "OPENQASM 3;\nqubit[70000] q;",
        2,
        14,
        "more than 65536 qubits",
    );
    assert_too_large(
        "OPENQASM 3;\nbit[40000] a; bit[40000] b;",
        2,
        26,
        "more than 65536 bits",
    );
    assert_too_large(
        "OPENQASM 3;\nqubit q; for int i in [0:999999999] { x q; }",
        2,
        10,
        "more than 5000000 gates",
    );
    assert_too_large(
        "OPENQASM 3;\nfor int i in [0:999999999] { }",
        2,
        1,
        "20000000 statements",
    );
    assert_too_large(
        "OPENQASM 3;\nqubit q; pow(1000000000) @ gpi2(0) q; pow(99999999) @ rzz(1) q, q;",
        2,
        39,
        "gates",
    );
    let too_long = " ".repeat((8 << 20) + 1);
    assert!(matches!(
        check(&too_long),
        Err(SimulatorError::ResourceLimit { .. })
    ));
    let shots = Request {
        source: "qubit q;",
        shots: u32::MAX,
        seed: None,
        parameters: None,
        memory: true,
        memory_limit_bytes: 1 << 30,
        ..Request::default()
    };
    assert!(matches!(
        run(&shots, &Stop::default()),
        Err(SimulatorError::ResourceLimit { .. })
    ));
}

#[test]
fn limits_of_texts_are_told_at_their_place() {
    let nested = format!("OPENQASM 3;\nqubit q; {} x q;", "if (true) ".repeat(60));
    assert_too_large(&nested, 2, 500, "blocks nest more than 48 deep");
    // What is left of the blocks or of the expression is no mistake.
    let braces = format!(
        "OPENQASM 3;\nqubit q; {} x q; {}",
        "if (true) {".repeat(60),
        "}".repeat(60)
    );
    assert_too_large(&braces, 2, 549, "blocks nest more than 48 deep");
    let controls = format!("OPENQASM 3;\nqubit q; {}x q;", "ctrl @ ".repeat(70));
    assert_too_large(&controls, 2, 500, "at most 64 controls");
    let chain = format!(
        "OPENQASM 3;\nqubit q; {} {{ x q; }}",
        "if (true) { } else ".repeat(60)
    );
    assert_too_large(&chain, 2, 934, "blocks nest more than 48 deep");
    let deep = format!("OPENQASM 3;\nqubit q; rx({}1) q;", "1+".repeat(120));
    assert_too_large(&deep, 2, 214, "nests more than 100 deep");
    let gates = (1..120).fold(
        "OPENQASM 3;\ngate g0 a { x a; }".to_owned(),
        |mut text, i| {
            write!(text, "\ngate g{i} a {{ g{} a; }}", i - 1).unwrap();
            text
        },
    );
    assert_too_large(&gates, 102, 6, "more than 100 deep");
    assert_too_large(
        "OPENQASM 3;\nbit[200] c; int i = int(c);",
        2,
        25,
        "at most 128",
    );
    assert_too_large("OPENQASM 3;\nqubit[99999999999] q;", 2, 7, "too large");
}

#[test]
fn what_calls_and_loops_multiply_is_limited() {
    let operands = calls();
    let wide = format!(
        "OPENQASM 3; qubit[5000] q; gate g {} {{ }} def f(qubit[5000] q) {{ if (false) {{ {operands} }} }} {}",
        words(5000),
        "f(q);".repeat(40_000)
    );
    let sum = format!("({}t)", "t + t * t + ".repeat(24));
    let body = format!("rx({}) a; ", vec![sum; 24].join(" + "));
    let unrolled = format!(
        "OPENQASM 3; gate g(t) a {{ for int i in [1:100000] {{ {} }} }}",
        body.repeat(50)
    );
    let parameter = "mutable array[int, 60000] a";
    let values = format!("a = {{{}0}};", "0,".repeat(59_999));
    let arrays = (0..15_000).fold(
        format!("OPENQASM 3; def f({parameter}) {{ {values} }}"),
        |mut text, i| {
            write!(text, "def f{i}({parameter}) {{ f(a); }}").unwrap();
            text
        },
    );
    let loops = format!(
        "OPENQASM 3; bit[4000] c; {}",
        "for bit b in c { }".repeat(50_000)
    );
    let registers = format!(
        "OPENQASM 3; bit[20000] a; bit[20000] b; {}",
        "a = a & b;".repeat(60_000)
    );
    for text in [wide, unrolled, arrays, loops, registers] {
        let started = Instant::now();
        let request = Request {
            source: &text,
            shots: 10,
            seed: Some(1),
            memory_limit_bytes: 1 << 20,
            ..Request::default()
        };
        let stop = Stop::new(Some(started + Duration::from_secs(30)));
        let Err(SimulatorError::ResourceLimit { message }) = run(&request, &stop) else {
            panic!("expected a limit to be passed: {text:.60}");
        };
        assert!(!message.contains("bytes of text"), "{message}");
    }
}

#[test]
fn a_mistake_beside_a_limit_is_a_mistake() {
    let found = errors("OPENQASM 3;\nqubit[70000] q;\nqubit r;\nfoo r;");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].message.contains("65536") && found[1].message.contains("foo"),
        "{found:?}"
    );
}

#[test]
fn deep_nesting_is_refused_on_a_small_stack() {
    let texts = [
        format!(
            "OPENQASM 3; qubit q; rx({}1{}) q;",
            "(".repeat(100_000),
            ")".repeat(100_000)
        ),
        format!("OPENQASM 3; qubit q; rx({}1) q;", "-".repeat(100_000)),
        format!("OPENQASM 3; qubit q; rx(1{}) q;", "+1".repeat(100_000)),
        format!("OPENQASM 3; qubit q; rx(1{}) q;", "**1".repeat(100_000)),
        format!(
            "OPENQASM 3; qubit q; {} x q; {}",
            "if (true) {".repeat(50_000),
            "}".repeat(50_000)
        ),
        format!("OPENQASM 3; qubit q; {} x q;", "if (true) ".repeat(50_000)),
        format!(
            "OPENQASM 3; qubit q; {} x q;",
            "if (true) { } else ".repeat(40_000)
        ),
        format!(
            "OPENQASM 3; bit[2] q; {}0{};",
            "q[".repeat(90_000),
            "]".repeat(90_000)
        ),
        format!("OPENQASM 3; qubit q; {} x q;", "inv @ ".repeat(100_000)),
        format!(
            "OPENQASM 3; qubit q; rx({}1{}) q;",
            "sin(".repeat(90_000),
            ")".repeat(90_000)
        ),
        format!(
            "OPENQASM 3; qubit q; rx({}1{}) q;",
            "int(".repeat(90_000),
            ")".repeat(90_000)
        ),
        "{".repeat(1_000_000),
        "[".repeat(1_000_000),
        "box{".repeat(200_000),
        (1..20_000).fold("gate g0 a { }".to_owned(), |mut text, i| {
            write!(text, "gate g{i} a{{g{} a;}}", i - 1).unwrap();
            text
        }),
    ];
    let worker = std::thread::Builder::new().stack_size(2 << 20);
    let handle = worker.spawn(move || {
        for text in texts {
            let before = worked();
            let _ = simulate(&text, 1);
            assert!(
                worked().saturating_sub(before) < Duration::from_secs(5),
                "{text:.60}"
            );
        }
    });
    handle.unwrap().join().unwrap();
}

#[test]
fn nesting_within_the_limits_runs_on_a_small_stack() {
    let texts = [
        format!(
            "OPENQASM 3; qubit q; rx({}pi{}) q;",
            "(".repeat(95),
            ")".repeat(95)
        ),
        format!("OPENQASM 3; qubit q; rx({}pi) q;", "0+".repeat(95)),
        format!(
            "OPENQASM 3; qubit q; {} x q; {}",
            "if (true) {".repeat(45),
            "}".repeat(45)
        ),
        format!(
            "OPENQASM 3; qubit q; int i; {} x q; {}",
            "if (i == 0) {".repeat(45),
            "}".repeat(45)
        ),
        (1..95).fold("gate g0 a { x a; }".to_owned(), |mut text, i| {
            write!(text, "gate g{i} a{{g{} a;}}", i - 1).unwrap();
            text
        }) + "qubit q; g94 q;",
    ];
    let worker = std::thread::Builder::new().stack_size(2 << 20);
    let handle = worker.spawn(move || {
        for text in texts {
            assert_eq!(
                simulate(&text, 5).unwrap().counts.get("1"),
                Some(&5),
                "{text}"
            );
        }
    });
    handle.unwrap().join().unwrap();
}

#[test]
fn large_texts_end_soon() {
    let names = (0..60_000).fold(String::new(), |mut text, i| {
        write!(text, "qubit a{i};").unwrap();
        text
    });
    let statements = format!("qubit[9] q;{}", "x q[3];".repeat(140_000));
    let lists = format!("qubit[65000] q;{}", "x q[0:2:64999];".repeat(60_000));
    let broadcasts = format!(
        "qubit[65000] q;if(true){{{}}}",
        "barrier q;x q;".repeat(60_000)
    );
    let wide = format!("gate g {0} {{ }} qubit[30000] q; {1}", words(5000), calls());
    let texts = [
        names,
        statements,
        lists,
        broadcasts,
        wide,
        format!("qubit {};", "q".repeat(1_000_000)),
        format!("qubit q; rx({}) q;", "9".repeat(1_000_000)),
        format!("qubit q; rx(0.{}) q;", "9".repeat(1_000_000)),
        format!("/*{}", "*".repeat(1_000_000)),
        format!("include \"{}\";", "x".repeat(1_000_000)),
        "\u{1F600}".repeat(200_000),
        "@".repeat(1_000_000),
        ";".repeat(1_000_000),
        "\"".repeat(1_000_000),
    ];
    for text in texts {
        let before = worked();
        let request = Request {
            source: &text,
            shots: 10,
            seed: Some(1),
            memory_limit_bytes: 1 << 20,
            ..Request::default()
        };
        let deadline = Instant::now() + Duration::from_secs(3);
        let result = run(&request, &Stop::new(Some(deadline)));
        let took = worked().saturating_sub(before);
        assert!(took < Duration::from_secs(5), "{text:.60} took {took:?}");
        if let Err(error) = result {
            assert!(error.to_string().len() < 10_000, "{text:.60}");
        }
    }
}

fn words(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|i| format!("a{i}")).collect();
    names.join(",")
}

fn calls() -> String {
    let operands: Vec<String> = (0..5000).map(|i| format!("q[{i}]")).collect();
    format!("g {};", operands.join(",")).repeat(20)
}

#[test]
fn a_result_over_the_limit_is_refused() {
    let source = "OPENQASM 3; qubit[12] q; bit[60000] c; h q; c[0:11] = measure q;";
    let message = limited(source, 1 << 20).unwrap_err();
    assert!(message.contains("different outcomes"), "{message}");
}

#[test]
fn shot_memory_whose_text_is_too_long_is_refused_before_the_run() {
    // The state alone would be refused as well, had the run begun.
    let source = "bit[65536] c; qubit[40] q; h q; c[0] = measure q[0];";
    let request = Request {
        source,
        shots: 1_000_000,
        seed: Some(1),
        parameters: None,
        memory: true,
        memory_limit_bytes: 1 << 30,
        ..Request::default()
    };
    let message =
        "the outcomes of 1000000 shots need 16389000000 bytes of text; the limit is 16777216 bytes";
    assert_eq!(
        run(&request, &Stop::default()),
        Err(SimulatorError::ResourceLimit {
            message: message.to_owned()
        })
    );
}

#[test]
fn shot_memory_may_be_as_long_as_the_limit() {
    // 12 bits: `"0x123",` for each shot.
    let with = |shots| {
        let request = Request {
            source: "qubit[12] q; h q[0]; measure q;",
            shots,
            seed: Some(1),
            parameters: None,
            memory: true,
            memory_limit_bytes: 1 << 30,
            ..Request::default()
        };
        run(&request, &Stop::default())
    };
    let memory = with(1 << 21).unwrap().memory.unwrap();
    assert_eq!(memory.of_register(0, 1).count(), 1 << 21);
    assert!(matches!(
        with((1 << 21) + 1),
        Err(SimulatorError::ResourceLimit { .. })
    ));
}

#[test]
fn counts_whose_text_is_too_long_are_refused() {
    let expected = "the result has 256 or more different outcomes, which need 16778240 bytes of text; the limit is 16777216 bytes";
    let sampled = "bit[65536] c; qubit[12] q; h q; c[0:11] = measure q;";
    assert_eq!(limited(sampled, 1 << 30), Err(expected.to_owned()));
    let branched = "bit[65536] c; qubit q;
        for int i in [0:11] { reset q; h q; c[i] = measure q; if (c[i]) { x q; } }";
    assert_eq!(limited(branched, 1 << 30), Err(expected.to_owned()));
}

#[test]
fn outcomes_that_differ_only_in_hidden_bits_are_one() {
    let source =
        "bit[65000] c; qubit[12] q; h q; if (true) { bit[12] hidden; hidden = measure q; }";
    let output = simulate(source, 1000).unwrap();
    assert_eq!(output.counts.into_values().collect::<Vec<_>>(), [1000]);
}

#[test]
fn nothing_but_errors_comes_from_texts_that_are_not_circuits() {
    for text in [
        "{}",
        "<html>",
        "hello world",
        "OPENQASM",
        "OPENQASM 3",
        "\u{0}",
        "OPENQASM 3; qubit q; h",
        "((((",
        "\"",
        "$",
        "gate",
        "if",
        "let a = ;",
    ] {
        assert!(!errors(text).is_empty(), "{text}");
    }
}

#[test]
fn many_branches_with_long_histories_stay_within_memory() {
    // Almost every shot sees a 1, so that each decision leaves a branch behind.
    let source = "OPENQASM 3; qubit q; bit c; int n; for int i in [0:3000] { reset q; rx(3.0) q; c = measure q; if (c) { n += 1; } }";
    let request = Request {
        source,
        shots: 200,
        seed: Some(1),
        parameters: None,
        memory: false,
        memory_limit_bytes: 1 << 16,
        ..Request::default()
    };
    let output = run(&request, &Stop::default()).unwrap();
    assert_eq!(output.counts.values().sum::<u64>(), 200);
}

#[test]
fn indices_behind_each_other_are_limited() {
    for statement in ["x q[n]", "c[n]", "m = n", "if (c[n]", "f(q[n]"] {
        let indices = "[n]".repeat(300_000);
        let source = format!(
            "OPENQASM 3; qubit[4] q; bit[4] c; int n; int m; def f(qubit p) {{ }}\n{statement}{indices}"
        );
        let column = statement.len() + 3 * 15 + 1;
        let column = if statement.starts_with("m =") {
            column + 3
        } else {
            column
        };
        assert_too_large(&source, 2, column, "has more than 16 indices");
    }
    let source = "OPENQASM 3; qubit[4] q; int n; x q[n][n][n][n];";
    assert_eq!(crate::tests::outcome(source), "0001");
}

#[test]
fn statements_on_long_registers_take_no_time_for_each_qubit_to_check() {
    for (declarations, statement) in [
        ("qubit[65535] q;", "barrier q[0:65534];"),
        (
            "qubit[65535] q; def f(qubit[30000] a, qubit[30000] b) { }",
            "f(q[30000:59999], q[0:29999]);",
        ),
    ] {
        let source = format!("OPENQASM 3; {declarations} {}", statement.repeat(10_000));
        let before = worked();
        check(&source).unwrap();
        let took = worked().saturating_sub(before);
        assert!(took < Duration::from_secs(20), "{statement} {took:?}");
    }
}

#[test]
fn what_is_read_through_long_aliases_is_limited() {
    let source = format!(
        "OPENQASM 3; qubit q; bit[32767] c; let a = c[0:2:32766]; int n;\n{}",
        "if (a[n]) x q;\n".repeat(1_000)
    );
    assert_too_large(&source, 245, 1, "too many elements");
}

#[test]
fn wide_gates_of_wide_gates_take_bounded_room() {
    let formals: Vec<String> = (0..300).map(|number| format!("a{number}")).collect();
    let formals = formals.join(",");
    let inner = format!("inv @ h0 {formals};").repeat(300);
    let qubits: Vec<String> = (0..300).map(|number| format!("q[{number}]")).collect();
    let source = format!(
        "OPENQASM 3; qubit[300] q; gate h0 {formals} {{ x a0; }} gate g {formals} {{ {inner} }} {}",
        format!("g {};", qubits.join(",")).repeat(100)
    );
    let program = check(&source).unwrap();
    let operands = program.steps.iter().map(|step| match &step.action {
        Action::Gate(call) => call.operands.len(),
        _ => 0,
    });
    let operands: usize = operands.sum();
    assert!(operands < 2_000_000, "{operands}");
}
