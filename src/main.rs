//! The `qtask` executable.

fn main() -> std::process::ExitCode {
    qtask::cli::main()
}
