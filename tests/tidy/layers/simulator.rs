//! The layers of the simulator.

use super::{Layer, assert_shown, violations};
use crate::model::Crate;
use crate::texts::{assert_none, planted, rust};

const LAYERS: &[Layer] = &[
    Layer {
        name: "sweep",
        modules: &["sweep"],
        purpose: "runs of one program for many values of its inputs",
        may_import: &[
            "run",
            "sampling",
            "statevector",
            "request",
            "output",
            "error",
            "resources",
        ],
    },
    Layer {
        name: "run",
        modules: &["run"],
        purpose: "one run, from text to results",
        may_import: &[
            "compile",
            "exec",
            "observables",
            "outputs",
            "sampling",
            "request",
            "output",
            "ir",
            "limits",
            "error",
            "resources",
        ],
    },
    Layer {
        name: "survey",
        modules: &["survey"],
        purpose: "what a program takes, without a run",
        may_import: &[
            "compile",
            "analysis",
            "exec",
            "observables",
            "outputs",
            "request",
            "ir",
            "limits",
            "error",
            "run_error",
            "output",
            "resources",
        ],
    },
    Layer {
        name: "outputs",
        modules: &["outputs"],
        purpose: "the results that a request asks for, and their memory",
        may_import: &[
            "exec",
            "sampling",
            "request",
            "output",
            "ir",
            "limits",
            "error",
            "resources",
        ],
    },
    Layer {
        name: "observables",
        modules: &["observables"],
        purpose: "the Pauli strings of a request, and expectations from their means",
        may_import: &["request", "output", "ir", "error"],
    },
    Layer {
        name: "compile",
        modules: &["compile"],
        purpose: "from text to a checked program",
        may_import: &[
            "sema",
            "syntax",
            "request",
            "ir",
            "limits",
            "error",
            "resources",
        ],
    },
    Layer {
        name: "request",
        modules: &["request", "output"],
        purpose: "what a run is asked for, and its result",
        may_import: &["sampling", "limits", "resources"],
    },
    Layer {
        name: "analysis",
        modules: &["analysis"],
        purpose: "goes through a program with what is known of its values",
        may_import: &[
            "exec",
            "ir",
            "limits",
            "error",
            "run_error",
            "resources",
            "statevector",
        ],
    },
    Layer {
        name: "exec",
        modules: &["exec"],
        purpose: "runs a program: histories of outcomes, calls, the choice of a method",
        may_import: &[
            "sema::library",
            "statevector",
            "stabilizer",
            "sampling",
            "ir",
            "limits",
            "error",
            "run_error",
            "resources",
        ],
    },
    Layer {
        name: "states",
        modules: &["statevector", "stabilizer"],
        purpose: "amplitudes and passes of gates over them; stabilizer tableaus",
        may_import: &[
            "sampling",
            "ir",
            "limits",
            "error",
            "run_error",
            "resources",
            "exec",
        ],
    },
    Layer {
        name: "sema",
        modules: &["sema", "sema::library"],
        purpose: "names, types, constants, control flow: the checked program",
        may_import: &["syntax", "ir", "limits", "error", "resources"],
    },
    Layer {
        name: "syntax",
        modules: &["syntax"],
        purpose: "from text to a tree",
        may_import: &["ir", "limits", "error", "resources"],
    },
    Layer {
        name: "sampling",
        modules: &["sampling"],
        purpose: "draws and counts outcomes",
        may_import: &["ir", "limits", "resources"],
    },
    Layer {
        name: "ir",
        modules: &["ir"],
        purpose: "the checked program and its values, matrices of gates",
        may_import: &[],
    },
    Layer {
        name: "resources",
        modules: &["resources", "limits", "error", "run_error"],
        purpose: "limits, shared memory and threads, the stop flag, errors",
        may_import: &[],
    },
];

const ROOT: &str = "crates/openqasm-simulator/src/lib.rs";

#[test]
fn each_layer_of_the_simulator_imports_only_what_the_table_allows() {
    let simulator = Crate::read(ROOT, &rust("crates/openqasm-simulator/src/"));
    assert_none(&violations(&simulator, LAYERS));
}

#[test]
fn the_documentation_shows_the_layers_of_the_simulator() {
    assert_shown("docs/architecture.md", LAYERS);
}

#[test]
fn a_syntax_that_imports_the_execution_is_found() {
    let texts = planted(&[
        (ROOT, "mod exec; mod ir; mod syntax;"),
        ("crates/openqasm-simulator/src/ir.rs", "pub struct Program;"),
        ("crates/openqasm-simulator/src/exec.rs", "pub struct Plan;"),
        (
            "crates/openqasm-simulator/src/syntax.rs",
            "use super::exec::Plan;\nuse crate::ir::Program;",
        ),
    ]);
    let found = violations(&Crate::read(ROOT, &texts), LAYERS);
    assert_eq!(
        found,
        ["crates/openqasm-simulator/src/syntax.rs:1: syntax may not import crate::exec::Plan"]
    );
}
