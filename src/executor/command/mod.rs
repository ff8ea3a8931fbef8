//! Any program as an executor: the task as JSON on its standard input, JSON lines on its output.
//!
//! - `line` reads what the configuration says, `program` finds what it names;
//! - `input` is the task as the program reads it, `spawn` starts it, in a `directory` of its own;
//! - `group` ends it with all that it started, of which `stragglers` are found in `/proc`;
//! - `lines` reads its output in bounded memory, `message` knows the protocol, `output` follows both;
//! - `outcome` says what came of it all.
//!
//! `docs/workers.md` has the protocol for those who write such a program.

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
