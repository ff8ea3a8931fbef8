# shellcheck shell=sh
# shellcheck disable=SC3043,SC2034 # every shell in use knows `local`; the scripts read what is set here
# Sourced after env.sh: selects the Rust toolchain of the scripts.
#
#   named_toolchain    prints the version that rust-toolchain.toml names
#   rust_is_usable     whether cargo runs and is no older than Cargo.toml asks for
#   choose_toolchain   takes the named toolchain, or stable where that cannot be had; sets rust_used and rust_is_named

named_toolchain() { sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml; }

minimum_rust() { sed -n 's/^rust-version *= *"\(.*\)"/\1/p' Cargo.toml; }

# cargo and rustup read rust-toolchain.toml; rustup may download the toolchain now, and shows its progress.
cargo_runs() {
  cargo --version >/dev/null && return
  RUSTUP_TOOLCHAIN=stable cargo --version >/dev/null 2>&1
}

rust_is_usable() {
  command -v cargo >/dev/null && cargo_runs || return
  is_at_least "$(minimum_rust)" "$(rust_version)"
}

# "1.95.0" of "rustc 1.95.0 (59807616e 2026-04-14)", "1.99.0-nightly" of a nightly.
rust_version() {
  { rustc --version 2>/dev/null || RUSTUP_TOOLCHAIN=stable rustc --version 2>/dev/null; } | cut -d' ' -f2
}

# Compares major and minor version.
is_at_least() {
  local least_minor="${1#*.}" minor="${2#*.}"
  [ "${2%%.*}" -gt "${1%%.*}" ] 2>/dev/null && return
  [ "${2%%.*}" -eq "${1%%.*}" ] 2>/dev/null && [ "${minor%%.*}" -ge "${least_minor%%.*}" ] 2>/dev/null
}

choose_toolchain() {
  local named
  named=$(named_toolchain)
  if ! cargo --version >/dev/null 2>&1; then
    export RUSTUP_TOOLCHAIN=stable
    say "Rust $named, which rust-toolchain.toml names, cannot be had here; using the stable toolchain"
  fi
  rust_used=$(rust_version)
  rust_is_named=
  [ "$rust_used" != "$named" ] || rust_is_named=yes
}
