//! `scripts/upgrade` replaces containers in an order in which no process meets a schema that it does not know.

use super::machine::{Machine, Outcome, Terminal};

/// A `docker compose` with this number of containers of the API and two workers.
fn docker(apis: usize, body: &str) -> Machine {
    let machine = Machine::new(true);
    let ids = "id\\n".repeat(apis);
    let listed = format!(
        "case \"$*\" in *'ps --quiet api') printf '{ids}' ;; *'ps --quiet worker') printf 'id\\nid\\n' ;; esac"
    );
    machine.program("docker", &format!("{listed}\n{body}"));
    machine
}

async fn upgrade(machine: &Machine, arguments: &[&str]) -> Outcome {
    machine.run("upgrade", arguments, Terminal::Absent).await
}

/// The calls that change something, without what they have in common.
fn steps(outcome: &Outcome) -> Vec<&str> {
    let calls = outcome.calls.iter().map(String::as_str);
    let calls = calls.filter_map(|call| call.strip_prefix("docker compose "));
    calls
        .filter(|call| !call.starts_with("ps "))
        .map(|call| {
            call.strip_prefix("up --detach --no-deps --no-build --wait ")
                .unwrap_or(call)
        })
        .collect()
}

#[tokio::test]
async fn the_schema_is_migrated_before_the_api_and_the_workers_are_replaced() {
    let outcome = upgrade(&docker(1, ""), &[]).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    assert_eq!(
        steps(&outcome),
        [
            "build migrate",
            "run --rm --no-deps migrate",
            "--scale api=1 api",
            "--no-recreate --scale worker=4 worker",
            "--scale worker=2 worker",
        ]
    );
}

#[tokio::test]
async fn several_apis_get_their_successors_first() {
    let outcome = upgrade(&docker(3, ""), &["--no-build"]).await;
    assert_eq!(outcome.code, Some(0), "{}", outcome.said);
    assert_eq!(
        steps(&outcome),
        [
            "run --rm --no-deps migrate",
            "--no-recreate --scale api=6 api",
            "--scale api=3 api",
            "--no-recreate --scale worker=4 worker",
            "--scale worker=2 worker",
        ]
    );
}

#[tokio::test]
async fn a_step_that_fails_ends_the_upgrade() {
    let failing = "case \"$*\" in *'run --rm'*) exit 1 ;; esac";
    let outcome = upgrade(&docker(1, failing), &[]).await;
    assert_eq!(outcome.code, Some(1), "{}", outcome.said);
    assert_eq!(
        steps(&outcome),
        ["build migrate", "run --rm --no-deps migrate"]
    );
}

#[tokio::test]
async fn a_system_that_does_not_run_is_not_upgraded() {
    let outcome = upgrade(&docker(0, ""), &[]).await;
    assert_eq!(outcome.code, Some(1), "{}", outcome.said);
    assert_eq!(steps(&outcome), Vec::<&str>::new());
}
