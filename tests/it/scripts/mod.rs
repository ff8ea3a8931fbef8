//! The scripts of `scripts/`: what they install, which toolchain they use, what a release contains, and whether they work on a bare machine.

mod bare_debian;
mod dependencies;
mod lint;
mod machine;
mod packages;
mod release;
mod toolchain;
mod upgrade;
