//! The layers of the simulator.

use super::{Layer, assert_shown, violations};
use crate::model::Crate;
use crate::texts::{assert_none, planted, rust};

const LAYERS: &[Layer] = &[
    Layer {
        name: "survey",
        modules: &["survey"],
        purpose: "what a program takes, without a run",
        may_import: &[
            "frontend", "engine", "outputs", "program", "limits", "error", "stop",
        ],
    },
    Layer {
        name: "outputs",
        modules: &["outputs"],
        purpose: "the results that a request asks for, and their memory",
        may_import: &["engine", "sampling", "program", "limits", "error"],
    },
    Layer {
        name: "frontend",
        modules: &["frontend", "frontend::check", "frontend::library"],
        purpose: "from text to a checked program",
        may_import: &[
            "frontend::ast",
            "frontend::hint",
            "frontend::lexer",
            "frontend::parser",
            "frontend::token",
            "frontend::token_window",
            "program",
            "arithmetic",
            "complex",
            "functions",
            "gates",
            "integer",
            "value",
            "limits",
            "error",
            "stop",
        ],
    },
    Layer {
        name: "syntax",
        modules: &[
            "frontend::parser",
            "frontend::lexer",
            "frontend::token",
            "frontend::token_window",
            "frontend::hint",
            "frontend::ast",
        ],
        purpose: "from text to a tree",
        may_import: &["arithmetic", "limits", "error", "stop"],
    },
    Layer {
        name: "analysis",
        modules: &["engine::walk"],
        purpose: "goes through a program with what is known of its values",
        may_import: &[
            "engine",
            "program",
            "arithmetic",
            "functions",
            "gates",
            "value",
            "error",
            "stop",
        ],
    },
    Layer {
        name: "engine",
        modules: &["engine"],
        purpose: "runs a program on a statevector or a tableau",
        may_import: &[
            "frontend::library",
            "sampling",
            "program",
            "arithmetic",
            "complex",
            "functions",
            "gates",
            "value",
            "crew",
            "pool",
            "limits",
            "error",
            "stop",
        ],
    },
    Layer {
        name: "sampling",
        modules: &["sampling"],
        purpose: "draws and counts outcomes",
        may_import: &["program", "limits", "stop"],
    },
    Layer {
        name: "program",
        modules: &["program"],
        purpose: "flat steps with jumps",
        may_import: &["arithmetic", "functions", "gates", "value"],
    },
    Layer {
        name: "values",
        modules: &[
            "arithmetic",
            "functions",
            "gates",
            "value",
            "integer",
            "complex",
        ],
        purpose: "classical values, their arithmetic, matrices of gates",
        may_import: &[],
    },
    Layer {
        name: "resources",
        modules: &["error", "limits", "pool", "crew", "stop", "meter"],
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
fn a_frontend_that_imports_the_engine_is_found() {
    let texts = planted(&[
        (ROOT, "mod engine; mod frontend; mod program;"),
        (
            "crates/openqasm-simulator/src/program.rs",
            "pub struct Program;",
        ),
        (
            "crates/openqasm-simulator/src/engine.rs",
            "pub struct Plan;",
        ),
        (
            "crates/openqasm-simulator/src/frontend.rs",
            "use super::engine::Plan;\nuse crate::program::Program;",
        ),
    ]);
    let found = violations(&Crate::read(ROOT, &texts), LAYERS);
    assert_eq!(
        found,
        [
            "crates/openqasm-simulator/src/frontend.rs:1: frontend may not import crate::engine::Plan"
        ]
    );
}
