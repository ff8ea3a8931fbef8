//! Warnings are errors under the toolchain that `rust-toolchain.toml` names, and under no other.

use super::machine::{Machine, Outcome, Terminal};

/// A cargo of this version, whose lints find something: `-D warnings` makes that an error.
fn machine(version: &str) -> Machine {
    let machine = Machine::new(true);
    machine.rust(version);
    machine.program(
        "cargo",
        &format!(
            "[ \"$1\" != --version ] || {{ echo 'cargo {version}'; exit; }}\n\
             case \"$* $RUSTDOCFLAGS\" in *'-D warnings'*) echo 'error: a lint'; exit 101 ;; esac"
        ),
    );
    machine.replace_script("test");
    machine.replace_script("previous");
    machine.replace_script("containers");
    machine
}

async fn check(machine: &Machine) -> Outcome {
    machine.run("check", &[], Terminal::Absent).await
}

/// Whether all checks that need no service were passed, and the tests and the checks of the topology ran.
fn ends_with_the_tests(outcome: &Outcome) -> bool {
    let last = ["test ", "previous ", "containers "].map(str::to_owned);
    outcome.calls.ends_with(&last)
}

#[tokio::test]
async fn warnings_are_errors_under_the_named_toolchain() {
    let outcome = check(&machine("1.95.0")).await;
    assert_eq!(outcome.code, Some(101), "{}", outcome.said);
    assert!(
        outcome
            .said
            .contains("Rust 1.95.0, which rust-toolchain.toml names: warnings are errors")
    );
    assert!(
        outcome
            .calls
            .contains(&"cargo clippy --workspace --locked --all-targets -- -D warnings".to_owned())
    );
    assert!(!outcome.calls.iter().any(|call| call.starts_with("test")));
}

#[tokio::test]
async fn warnings_of_another_toolchain_are_shown_and_fail_nothing() {
    for version in ["1.99.0", "1.96.0-nightly", "1.95.1"] {
        let outcome = check(&machine(version)).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        let said = format!("Rust {version} instead of 1.95.0");
        assert!(outcome.said.contains(&said), "{}", outcome.said);
        assert!(outcome.calls.contains(
            &"cargo clippy --workspace --locked --all-targets -- --cap-lints warn".to_owned()
        ));
        assert!(
            outcome
                .calls
                .contains(&"cargo fmt --all --check".to_owned())
        );
        assert!(ends_with_the_tests(&outcome), "{:?}", outcome.calls);
    }
}

#[tokio::test]
async fn the_stable_toolchain_serves_where_the_named_one_cannot_be_fetched() {
    let machine = machine("1.99.0");
    let only_stable = "[ \"$RUSTUP_TOOLCHAIN\" = stable ] || { echo 'error: toolchain is not installed' >&2; exit 1; }";
    machine.program(
        "cargo",
        &format!("{only_stable}\n[ \"$1\" != --version ] || echo 'cargo 1.99.0'"),
    );
    machine.program(
        "rustc",
        &format!("{only_stable}\necho 'rustc 1.99.0 (0123456789 2026-10-01)'"),
    );
    let outcome = check(&machine).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    assert!(
        outcome
            .said
            .contains("Rust 1.95.0, which rust-toolchain.toml names, cannot be had"),
        "{}",
        outcome.said
    );
    assert!(
        outcome.said.contains("Rust 1.99.0 instead of 1.95.0"),
        "{}",
        outcome.said
    );
}

#[tokio::test]
async fn a_toolchain_without_clippy_and_rustfmt_still_runs_the_tests() {
    let machine = machine("1.99.0");
    let bare = "case $1 in fmt | clippy) echo \"error: no such command: $1\" >&2; exit 101 ;; esac";
    machine.program(
        "cargo",
        &format!("{bare}\n[ \"$1\" != --version ] || echo 'cargo 1.99.0'"),
    );
    let outcome = check(&machine).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    for missing in ["no rustfmt", "no clippy"] {
        assert!(outcome.said.contains(missing), "{}", outcome.said);
    }
    assert!(ends_with_the_tests(&outcome), "{:?}", outcome.calls);
}
