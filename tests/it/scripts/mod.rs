//! The scripts of `scripts/`: what they install, which toolchain they use, and whether it works on a bare machine.

mod bare_debian;
mod dependencies;
mod machine;
mod packages;
mod toolchain;
mod upgrade;
