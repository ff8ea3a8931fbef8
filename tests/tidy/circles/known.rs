//! Circles that exist, to be removed: each as a dependency of a file on another one without which there is no circle.
//! A name that ends in `/` means each file of the folder.

/// Of the service.
pub const SERVICE: &[(&str, &str)] = &[
    ("src/cli/process.rs", "src/cli/mod.rs"),
    ("src/store/mod.rs", "src/store/insert.rs"),
    ("src/store/version.rs", "src/store/mod.rs"),
];

/// Of the simulator.
pub const SIMULATOR: &[(&str, &str)] = &[
    (
        "crates/openqasm-simulator/src/analysis/mod.rs",
        "crates/openqasm-simulator/src/analysis/step.rs",
    ),
    (
        "crates/openqasm-simulator/src/analysis/mod.rs",
        "crates/openqasm-simulator/src/analysis/trial.rs",
    ),
    (
        "crates/openqasm-simulator/src/exec/calls.rs",
        "crates/openqasm-simulator/src/exec/machine.rs",
    ),
    (
        "crates/openqasm-simulator/src/exec/loops.rs",
        "crates/openqasm-simulator/src/exec/machine.rs",
    ),
    (
        "crates/openqasm-simulator/src/exec/quantum.rs",
        "crates/openqasm-simulator/src/exec/quantum/deferred.rs",
    ),
    (
        "crates/openqasm-simulator/src/ir/integer.rs",
        "crates/openqasm-simulator/src/ir/value.rs",
    ),
    (
        "crates/openqasm-simulator/src/sema/",
        "crates/openqasm-simulator/src/sema/",
    ),
    (
        "crates/openqasm-simulator/src/syntax/parser/",
        "crates/openqasm-simulator/src/syntax/parser/",
    ),
];
