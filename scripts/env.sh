# shellcheck shell=sh
# Sourced first by these scripts: changes to the root of the repository, finds cargo even if CI starts a
# script with a minimal environment, and defines say and die. Works in any POSIX shell that supports `local`.

cd "$(dirname "$0")/.." || exit 1

if [ -z "${HOME:-}" ]; then
  HOME=$(getent passwd "$(id -u)" 2>/dev/null | cut -d: -f6) || true
fi
export HOME="${HOME:-/}"
export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/sbin:/sbin"

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  say "$*"
  exit 1
}
