//! The `qtask` executable.

/// jemalloc, whose background thread returns freed memory to the system within about 10 seconds. The C library keeps what
/// large bodies and results took, for as long as the process runs.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::io::Result<std::process::ExitCode> {
    static_glibc::use_built_in_name_services()?;
    Ok(qtask::cli::main())
}
