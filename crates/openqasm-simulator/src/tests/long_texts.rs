//! Texts of the greatest length: what they may hold, and what is refused.

use crate::tests::errors;
use crate::{MAX_SOURCE_BYTES, Request, SimulatorError, Stop, Stopped, check, run};
use std::fmt::Write;

/// A text of 8 MiB: a head, as many units as fit, and an end.
fn longest(head: &str, unit: &str, end: &str) -> String {
    let number = ((8 << 20) - head.len() - end.len()) / unit.len();
    format!("{head}{}{end}", unit.repeat(number))
}

#[test]
fn realistic_circuits_of_eight_mebibytes_are_within_all_counted_limits() {
    for (head, gates) in [
        ("qubit[9] q;", "rz(0.1234567) q[3];cx q[1],q[2];"),
        ("qubit[9] q;", "h q[0];"),
        (
            "OPENQASM 2.0; qreg q[9];",
            "u3(0.1,0.2,0.3) q[3];\ncx q[1], q[2];\n",
        ),
    ] {
        let checked = check(&longest(head, gates, ""));
        assert!(checked.is_ok(), "{gates}: {checked:.300?}");
    }
}

#[test]
fn what_takes_much_memory_for_its_text_is_counted() {
    let sum = format!("a={}a;", "a+".repeat(90));
    let names = (0_u32..).map(|number| format!("int a{number:x};"));
    let names: String = names.take(1_100_000).collect();
    for (text, words) in [
        (
            longest("qubit q;box{", "x q;", "}"),
            "more than 1048576 tokens",
        ),
        (
            longest("qubit q;", "x q;", ""),
            "more than 1250000 statements that are run",
        ),
        (
            longest("int a;", &sum, ""),
            "more than 6000000 statements, operands and values",
        ),
        (names, "declares more than 1048576 names"),
    ] {
        let request = Request {
            source: &text,
            max_source_bytes: MAX_SOURCE_BYTES,
            ..Request::default()
        };
        let Err(SimulatorError::ResourceLimit { message }) = run(&request, &Stop::default()) else {
            panic!("expected a limit to be passed: {text:.60}");
        };
        assert!(message.contains(words), "{message:.300}");
    }
}

#[test]
fn a_mistake_before_a_text_without_an_end_is_told_and_not_the_size_of_the_text() {
    let text = longest("OPENQASM 3;\nqubit q;\nx q r { ", "a ", "");
    let found = errors(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].line, found[0].column), (3, 4), "{found:?}");
}

#[test]
fn a_request_sets_the_longest_text() {
    let refused = |source: &str, max_source_bytes| {
        let request = Request {
            source,
            max_source_bytes,
            shots: 1,
            memory_limit_bytes: 1 << 20,
            ..Request::default()
        };
        run(&request, &Stop::default())
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(refused("qubit q;", 8), None);
    let message = "the circuit has 8 bytes of text; the limit is 7";
    assert_eq!(refused("qubit q;", 7).as_deref(), Some(message));
    let longest = " ".repeat(MAX_SOURCE_BYTES + 1);
    let message = refused(&longest, usize::MAX).unwrap();
    assert!(message.ends_with("the limit is 67108864"), "{message}");
}

#[test]
fn a_stop_ends_the_reading_of_tokens_and_of_statements() {
    let stopped = Stop::default();
    stopped.cancel();
    for text in [
        longest("", "a ", ""),
        longest("qubit q;", "x q;", ""),
        longest("", ";", ""),
    ] {
        let request = Request {
            source: &text,
            ..Request::default()
        };
        let result = run(&request, &stopped);
        assert_eq!(result, Err(SimulatorError::Stopped(Stopped::Cancelled)));
    }
}

/// Why a text that may take that much memory is refused, if it is.
fn refused_within(text: &str, max_program_bytes: u64) -> Option<String> {
    let request = Request {
        source: text,
        max_program_bytes,
        shots: 1,
        memory_limit_bytes: 1 << 20,
        ..Request::default()
    };
    let error = run(&request, &Stop::default()).err()?;
    assert!(
        matches!(error, SimulatorError::ResourceLimit { .. }),
        "{error:.300}"
    );
    Some(error.to_string())
}

#[test]
fn a_program_that_takes_more_memory_than_the_limit_is_refused() {
    let sum = format!("a={}a;", "a+".repeat(90));
    for (head, unit) in [
        ("qubit q;", "x q;"),
        ("qubit[2] q;int i;", "x q[i];"),
        ("int a;", &sum),
        ("bit[9] c;", "c[1]=1;"),
        ("qubit[9] q;", "U(1,2,3)q;"),
        ("array[int,9] a;int i;", "a[i]=a[i];"),
        ("bit c;qubit q;", "if(c)x q;"),
        ("qubit q;", "for int i in[0:1]x q;"),
    ] {
        let text = format!("{head}{}", unit.repeat(20_000));
        let message = refused_within(&text, 1 << 20).expect(unit);
        assert!(
            message.contains("takes more than 1048576 bytes of memory"),
            "{unit}: {message:.300}"
        );
        assert_eq!(refused_within(&text, 1 << 30), None, "{unit}");
    }
}

#[test]
fn names_and_definitions_count_as_memory() {
    let mut names = String::new();
    for number in 0..20_000 {
        write!(names, "int a{number};").expect("a text that grows");
    }
    let gates = format!("gate g a{{{}}}", "x a;".repeat(20_000));
    for text in [names, gates] {
        assert!(refused_within(&text, 1 << 20).is_some(), "{text:.30}");
        assert_eq!(refused_within(&text, 1 << 30), None, "{text:.30}");
    }
}

#[test]
fn a_statement_whose_tree_does_not_fit_is_refused_before_it_is_read() {
    let text = format!("qubit q;box{{{}}}", "x q;".repeat(20_000));
    let message = refused_within(&text, 4 << 20).expect("a refusal");
    assert!(
        message.contains("this statement has more than 1456"),
        "{message}"
    );
}

#[test]
fn statements_that_are_not_kept_take_no_memory() {
    // Each body is checked once, and its steps are dropped.
    let body = "x q;".repeat(1_000);
    let define = |number: usize| format!("def f{number}(qubit q){{{body}}}");
    let definitions: String = (0..20).map(define).collect();
    let text = format!("{definitions}qubit r;x r;");
    assert_eq!(refused_within(&text, 3 << 20), None);
    let called = format!("{text}{}", "f0(r);".repeat(20));
    assert!(refused_within(&called, 3 << 20).is_some());
}
