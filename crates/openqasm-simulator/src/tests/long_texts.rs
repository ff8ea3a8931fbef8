//! Texts of the greatest length: what they may hold, and what is refused.

use crate::tests::errors;
use crate::{MAX_SOURCE_BYTES, Request, SimulatorError, Stop, Stopped, check, run};

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
