//! Any program as an executor: the task as JSON on its standard input, JSON lines on its output.
//!
//! - `line` parses the configuration, `program` finds the program that it names;
//! - `input` is the task as the program receives it, `spawn` starts the program, in its own `directory`;
//! - `group` ends it with all its descendants; `stragglers` finds them in `/proc`;
//! - `lines` reads its output in bounded memory, `message` parses the protocol, `output` uses both;
//! - `outcome` derives the result or the failure.
//!
//! `docs/workers.md` describes the protocol for authors of such programs.

mod backend;
mod directory;
mod group;
mod input;
mod line;
mod lines;
mod logs;
mod message;
mod outcome;
mod output;
mod program;
mod run;
mod spawn;
mod stragglers;
#[cfg(test)]
mod tests;
mod watchdog;

pub use backend::Command;
pub use directory::try_create as try_create_directory;
pub use line::{CommandLine, InvalidCommand, split_commands};
pub use program::{NotAProgram, Program};
pub use spawn::OWN_VARIABLES;
pub use stragglers::Marks;
pub use watchdog::{Watchdog, watch};

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{Control, Executor};
use crate::domain::settlement::{Failure, Outcome};
use crate::domain::task::Assignment;

impl Executor for Command {
    fn execute<'a>(
        &'a self,
        assignment: &'a Assignment,
        control: Control,
    ) -> BoxFuture<'a, Result<Outcome, Failure>> {
        run::run(self, assignment, control).boxed()
    }

    fn stop_grace(&self) -> Duration {
        self.grace
    }
}
