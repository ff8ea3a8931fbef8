//! The hidden subcommand that supervises the private PostgreSQL of `qtask dev`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

/// Hold a private PostgreSQL until standard input ends
#[derive(Debug, Args)]
pub struct SuperviseArgs {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

pub fn main(args: &SuperviseArgs) -> ExitCode {
    dev_postgres::supervise(&args.args)
}
