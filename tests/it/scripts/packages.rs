//! What is installed, how, and who is asked first.

use std::path::Path;

use super::machine::{Machine, Terminal};

const REFUSED: Option<i32> = Some(1);
const RUN: &str = "cargo run --release --locked -- dev";

/// The calls of the first line that a script shows after a title.
fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is not in:\n{said}");
    }
}

#[tokio::test]
async fn nothing_is_installed_where_nothing_is_missing_and_arguments_are_passed_on() {
    let machine = Machine::new(true);
    machine.program("apt-get", "exit 1");
    for name in ["postgres", "initdb", "pg_ctl"] {
        machine.program(name, "");
        std::fs::rename(
            machine.path("bin").join(name),
            machine.path("postgres").join(name),
        )
        .unwrap();
    }
    let arguments = ["--port", "9000", "--command", "a=sh -c 'exit 1'"];
    let outcome = machine.run("dev", &arguments, Terminal::Absent).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    assert_eq!(outcome.said, "");
    assert_eq!(
        outcome.calls,
        [format!("{RUN} --port 9000 --command a=sh -c 'exit 1'")]
    );
}

#[tokio::test]
async fn root_is_not_asked_and_each_manager_installs_its_own_packages() {
    for (manager, command) in [
        (
            "dnf",
            "dnf install -y --setopt=install_weak_deps=False postgresql-server gcc make",
        ),
        ("apk", "apk add --update-cache postgresql gcc musl-dev make"),
        (
            "pacman",
            "pacman -Sy --needed --noconfirm postgresql gcc make",
        ),
    ] {
        let machine = Machine::new(true);
        machine.without("cc");
        machine.program(manager, Machine::INSTALLS);
        let outcome = machine.run("dev", &[], Terminal::Typing("")).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        assert_eq!(outcome.calls, [command, RUN], "{}", outcome.said);
        assert_says(
            &outcome.said,
            &[
                "missing: PostgreSQL's server programs",
                "a C compiler",
                command,
            ],
        );
        assert!(!outcome.said.contains("[Y/n]"), "{}", outcome.said);
    }
}

#[tokio::test]
async fn who_is_not_root_is_asked_on_a_terminal() {
    for (typed, agreed) in [
        ("y\n", true),
        ("\n", true),
        ("n\n", false),
        ("\u{4}", false),
    ] {
        let machine = Machine::new(false);
        machine.program("dnf", Machine::INSTALLS);
        machine.program("sudo", "exec \"$@\"");
        let outcome = machine.run("dev", &[], Terminal::Typing(typed)).await;
        let command = "dnf install -y --setopt=install_weak_deps=False postgresql-server";
        assert_says(
            &outcome.said,
            &[&format!("sudo {command}"), "run them? [Y/n]"],
        );
        if agreed {
            assert_eq!(outcome.calls, [&format!("sudo {command}"), command, RUN]);
            assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        } else {
            assert!(outcome.calls.is_empty(), "{:?}", outcome.calls);
            assert_eq!(outcome.code, REFUSED, "{}", outcome.said);
            assert_says(&outcome.said, &["nothing was installed"]);
        }
    }
}

#[tokio::test]
async fn without_a_terminal_packages_are_installed_only_if_sudo_asks_for_no_password() {
    for (sudo, installed) in [
        ("exec \"$@\"", false),
        ("[ \"$1\" != -n ] || shift; exec \"$@\"", true),
    ] {
        let machine = Machine::new(false);
        machine.program("true", "exit 0");
        machine.program("apk", Machine::INSTALLS);
        // The first one takes -n for a program, and fails as one that needs a password does.
        machine.program("sudo", sudo);
        let outcome = machine.run("dev", &[], Terminal::Absent).await;
        let ran = outcome.calls.iter().any(|call| call == RUN);
        assert_eq!(ran, installed, "{}", outcome.said);
        assert_says(&outcome.said, &["sudo apk add --update-cache postgresql"]);
        if !installed {
            assert_eq!(outcome.code, REFUSED);
            assert!(
                !outcome.calls.iter().any(|call| call.starts_with("apk")),
                "{:?}",
                outcome.calls
            );
            assert_says(
                &outcome.said,
                &["sudo asks for a password, and there is no terminal"],
            );
        }
    }
}

#[tokio::test]
async fn without_sudo_the_command_for_root_is_shown() {
    let machine = Machine::new(false);
    machine.program("pacman", Machine::INSTALLS);
    let outcome = machine.run("dev", &[], Terminal::Typing("y\n")).await;
    assert_eq!(outcome.code, REFUSED);
    assert!(outcome.calls.is_empty(), "{:?}", outcome.calls);
    assert_says(
        &outcome.said,
        &[
            "neither sudo nor doas",
            "    pacman -Sy --needed --noconfirm postgresql",
        ],
    );
}

#[tokio::test]
async fn brew_needs_no_root_and_refuses_it() {
    for is_root in [false, true] {
        let machine = Machine::new(is_root);
        machine.program("brew", Machine::INSTALLS);
        let outcome = machine.run("dev", &[], Terminal::Absent).await;
        assert_says(&outcome.said, &["brew install postgresql@17"]);
        if is_root {
            assert_eq!(outcome.code, REFUSED);
            assert!(outcome.calls.is_empty(), "{:?}", outcome.calls);
            assert_says(&outcome.said, &["brew does not run as root"]);
        } else {
            assert_eq!(outcome.calls, ["brew install postgresql@17", RUN]);
        }
    }
}

/// Services of Debian's packages are kept from starting by a file of root's, which the stand-in for sudo does not write.
#[tokio::test]
async fn apt_reads_its_lists_first_and_leaves_services_alone() {
    let machine = Machine::new(false);
    machine.program(
        "apt-get",
        &format!("case \"$*\" in *install*) {} ;; esac", Machine::INSTALLS),
    );
    machine.program(
        "sudo",
        "case $1 in env | apt-get) exec \"$@\" ;; tee) cat >\"$MACHINE/policy\" ;; esac",
    );
    machine.program("systemctl", "");
    machine.without("cc");
    let outcome = machine.run("dev", &[], Terminal::Typing("y\n")).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    let sudo: Vec<_> = outcome
        .calls
        .iter()
        .filter_map(|call| call.strip_prefix("sudo "))
        .collect();
    let lock = "-o DPkg::Lock::Timeout=300";
    let update = format!("apt-get {lock} update");
    let install = format!(
        "env DEBIAN_FRONTEND=noninteractive apt-get {lock} install -y --no-install-recommends postgresql gcc libc6-dev make"
    );
    let policy = "/usr/sbin/policy-rc.d";
    let [write, allow, remove] =
        ["tee", "chmod 755", "rm -f"].map(|verb| format!("{verb} {policy}"));
    let disable = "systemctl disable postgresql".to_owned();
    // A machine that has such a file keeps it.
    if Path::new(policy).exists() {
        assert_eq!(sudo, [update, install, disable]);
        return;
    }
    assert_eq!(sudo, [write, allow, update, install, remove, disable]);
    let policy = std::fs::read_to_string(machine.path("policy")).unwrap();
    assert!(policy.contains("exit 101"), "{policy}");
}

#[tokio::test]
async fn the_answer_can_be_given_beforehand_and_is_not_passed_on() {
    let body = format!("{}; env >\"$MACHINE/environment\"", Machine::INSTALLS);
    for (answer, is_root, installed) in [
        ("yes", false, true),
        ("no", false, false),
        ("no", true, false),
    ] {
        let machine = Machine::new(is_root).set("QTASK_INSTALL", answer);
        machine.program("dnf", &body);
        machine.program("sudo", "exec \"$@\"");
        let outcome = machine.run("dev", &[], Terminal::Absent).await;
        let ran = outcome.calls.iter().any(|call| call == RUN);
        assert_eq!(ran, installed, "{}", outcome.said);
        assert_says(&outcome.said, &["dnf install"]);
        let seen = std::fs::read_to_string(machine.path("environment")).unwrap_or_default();
        assert!(!seen.contains("QTASK_INSTALL"), "{seen}");
    }
}

#[tokio::test]
async fn a_failed_installation_shows_the_end_of_its_output() {
    let machine = Machine::new(true);
    machine.program(
        "dnf",
        "echo 'No match for argument: postgresql-server'; exit 1",
    );
    let outcome = machine.run("dev", &[], Terminal::Absent).await;
    assert_eq!(outcome.code, Some(1));
    assert_says(&outcome.said, &["No match for argument", "dnf failed"]);
    assert!(!outcome.calls.iter().any(|call| call == RUN));
}

#[tokio::test]
async fn an_installation_without_effect_is_noticed() {
    let machine = Machine::new(true);
    machine.program("apk", "exit 0");
    let outcome = machine.run("dev", &[], Terminal::Absent).await;
    assert_eq!(outcome.code, Some(1));
    assert_says(
        &outcome.said,
        &["cannot be found, although", "QTASK_POSTGRES_BIN"],
    );
}

#[tokio::test]
async fn a_system_without_a_known_manager_is_told_what_is_missing() {
    let machine = Machine::new(true);
    let outcome = machine.run("dev", &[], Terminal::Absent).await;
    assert_eq!(outcome.code, Some(1));
    assert_says(
        &outcome.said,
        &["PostgreSQL's server programs", "no package manager"],
    );
}

/// What `curl https://sh.rustup.rs` brings here: a rustup that makes a cargo.
const RUSTUP: &str = "echo 'mkdir -p \"$HOME/.cargo/bin\"; echo \"rustup $*\" >>\"$MACHINE/calls\"; \
    for name in cargo rustc; do printf \"#!/bin/sh\\necho \\\"\\$0 1.95.0\\\"\\n\" >\"$HOME/.cargo/bin/$name\"; \
    chmod 755 \"$HOME/.cargo/bin/$name\"; done'";

fn machine_without_rust(is_root: bool) -> Machine {
    let machine = Machine::new(is_root);
    machine.without("cargo");
    machine.without("rustc");
    for name in ["postgres", "initdb", "pg_ctl"] {
        machine.program(name, "");
        std::fs::rename(
            machine.path("bin").join(name),
            machine.path("postgres").join(name),
        )
        .unwrap();
    }
    machine.program("curl", RUSTUP);
    machine
}

const INSTALL_RUST: &str = "https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain 1.95.0 -c clippy -c rustfmt";
const RUSTUP_CALL: &str =
    "rustup -y --profile minimal --default-toolchain 1.95.0 -c clippy -c rustfmt";

#[tokio::test]
async fn rust_comes_from_rustup_for_root_and_for_who_agrees() {
    for (is_root, terminal, agreed) in [
        (true, Terminal::Absent, true),
        (false, Terminal::Typing("y\n"), true),
        (false, Terminal::Typing("n\n"), false),
        (false, Terminal::Absent, false),
    ] {
        let machine = machine_without_rust(is_root);
        let outcome = machine.run("dev", &[], terminal).await;
        assert_says(
            &outcome.said,
            &["missing: Rust 1.95 or newer", INSTALL_RUST],
        );
        let installed = outcome.calls.iter().any(|call| call == RUSTUP_CALL);
        assert_eq!(installed, agreed, "{}", outcome.said);
        assert_eq!(
            outcome.code,
            if agreed { Some(0) } else { REFUSED },
            "{}",
            outcome.said
        );
    }
}

#[tokio::test]
async fn a_rust_that_is_too_old_is_no_rust() {
    let machine = machine_without_rust(true);
    machine.rust("1.63.0");
    let outcome = machine.run("dev", &[], Terminal::Absent).await;
    assert!(
        outcome.calls.iter().any(|call| call == RUSTUP_CALL),
        "{}",
        outcome.said
    );
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
}

#[tokio::test]
async fn curl_is_installed_for_rustup_where_nothing_can_download() {
    let machine = machine_without_rust(true);
    std::fs::rename(machine.path("bin/curl"), machine.path("curl")).unwrap();
    machine.program("apk", "mv \"$MACHINE/curl\" \"$MACHINE/bin/curl\"");
    let outcome = machine.run("dev", &[], Terminal::Absent).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    assert!(
        outcome
            .calls
            .contains(&"apk add --update-cache curl ca-certificates".to_owned())
    );
    assert!(
        outcome.calls.iter().any(|call| call == RUSTUP_CALL),
        "{:?}",
        outcome.calls
    );
}

/// What `scripts/test` does for the tests with web pages.
const WITH_BROWSER: &str = "if is_installable chromium; then require chromium; fi\necho done";

#[tokio::test]
async fn chromium_is_installed_on_debian_and_nowhere_else() {
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let is_debian = system.lines().any(|line| line == "ID=debian");
    let machine = Machine::new(false).set("QTASK_INSTALL", "yes");
    machine.script("browser", WITH_BROWSER);
    let body = "case \"$*\" in *chromium*) printf '#!/bin/sh\\n' >\"$MACHINE/bin/chromium\"; chmod 755 \"$MACHINE/bin/chromium\" ;; esac";
    machine.program("apt-get", body);
    machine.program("sudo", "case $1 in env | apt-get) exec \"$@\" ;; esac");
    let mut before = 0;
    // The second run finds it.
    for installs in [is_debian, false] {
        let outcome = machine.run("browser", &[], Terminal::Absent).await;
        assert_eq!(outcome.code, Some(0), "{}", outcome.said);
        let command = "install -y --no-install-recommends chromium";
        let ran = outcome.calls[before..]
            .iter()
            .any(|call| call.contains(command));
        assert_eq!(ran, installs, "{}", outcome.said);
        before = outcome.calls.len();
    }
}

#[tokio::test]
async fn chromium_is_not_asked_for_where_nothing_may_be_installed() {
    let machine = Machine::new(true).set("QTASK_INSTALL", "no");
    machine.script("browser", WITH_BROWSER);
    machine.program("apt-get", "exit 1");
    let outcome = machine.run("browser", &[], Terminal::Absent).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    assert!(outcome.calls.is_empty(), "{:?}", outcome.calls);
}
