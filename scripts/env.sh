# shellcheck shell=bash
# Sourced by the scripts here: goes to the root of the tree and makes cargo run, even where CI starts a script with next
# to no environment.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

if [ -z "${HOME:-}" ]; then
  HOME=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6) || true
fi
export HOME=${HOME:-/}
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/sbin:/sbin"

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

command -v cargo >/dev/null || die "cargo is not found: install Rust (https://rustup.rs) and run this again"
# rust-toolchain.toml names the version; where it can neither be found nor fetched, the default one is worth a try.
if ! cargo --version >/dev/null 2>&1 && RUSTUP_TOOLCHAIN=stable cargo --version >/dev/null 2>&1; then
  export RUSTUP_TOOLCHAIN=stable
  say "the toolchain of rust-toolchain.toml cannot be had; using stable, $(rustc --version)"
fi
