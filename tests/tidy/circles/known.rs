//! Circles that exist, to be removed: each as a dependency of a file on another one without which there is no circle.
//! A name that ends in `/` means each file of the folder.

/// Of the service.
pub const SERVICE: &[(&str, &str)] = &[
    ("src/cli/process.rs", "src/cli/mod.rs"),
    ("src/store/error.rs", "src/store/version.rs"),
    ("src/store/mod.rs", "src/store/insert.rs"),
    ("src/store/version.rs", "src/store/mod.rs"),
    ("src/store/claim_by_id.rs", "src/store/claim.rs"),
    ("src/store/reap.rs", "src/store/sweep.rs"),
    ("src/store/claim_by_id.rs", "src/store/mod.rs"),
    ("src/store/turn.rs", "src/store/sweep.rs"),
];

/// Of the simulator.
pub const SIMULATOR: &[(&str, &str)] = &[
    (
        "crates/openqasm-simulator/src/engine/calls.rs",
        "crates/openqasm-simulator/src/engine/machine.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/evaluate.rs",
        "crates/openqasm-simulator/src/engine/mod.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/expand.rs",
        "crates/openqasm-simulator/src/engine/mod.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/loops.rs",
        "crates/openqasm-simulator/src/engine/machine.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/method.rs",
        "crates/openqasm-simulator/src/engine/mod.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/method.rs",
        "crates/openqasm-simulator/src/engine/room.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/mod.rs",
        "crates/openqasm-simulator/src/engine/branch.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/mod.rs",
        "crates/openqasm-simulator/src/engine/exact.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/mod.rs",
        "crates/openqasm-simulator/src/engine/quantum/aside.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/quantum.rs",
        "crates/openqasm-simulator/src/engine/quantum/aside.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/state.rs",
        "crates/openqasm-simulator/src/engine/blocked.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/walk/mod.rs",
        "crates/openqasm-simulator/src/engine/walk/step.rs",
    ),
    (
        "crates/openqasm-simulator/src/engine/walk/mod.rs",
        "crates/openqasm-simulator/src/engine/walk/trial.rs",
    ),
    (
        "crates/openqasm-simulator/src/frontend/check/",
        "crates/openqasm-simulator/src/frontend/check/",
    ),
    (
        "crates/openqasm-simulator/src/integer.rs",
        "crates/openqasm-simulator/src/arithmetic.rs",
    ),
    (
        "crates/openqasm-simulator/src/integer.rs",
        "crates/openqasm-simulator/src/value.rs",
    ),
    (
        "crates/openqasm-simulator/src/frontend/mod.rs",
        "crates/openqasm-simulator/src/lib.rs",
    ),
    (
        "crates/openqasm-simulator/src/frontend/parser/",
        "crates/openqasm-simulator/src/frontend/parser/",
    ),
    (
        "crates/openqasm-simulator/src/outputs.rs",
        "crates/openqasm-simulator/src/lib.rs",
    ),
];
