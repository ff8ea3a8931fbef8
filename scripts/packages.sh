# shellcheck shell=sh
# shellcheck disable=SC3043,SC2086 # prefixes and lists of packages are split into words; every shell in use knows `local`
# Sourced after env.sh and toolchain.sh: installs the missing prerequisites of a script.
#
#   require NEED...   NEED is one of: postgres rabbitmq cc python3 bash rust chromium prometheus
#   is_installable NEED   whether a missing NEED may be required: its package exists here, and QTASK_INSTALL allows it
#
# Packages come from the machine's package manager (apt-get, dnf, apk, pacman, brew), Rust from rustup. root
# is not prompted. Other users are prompted on a terminal; without one, packages are installed only if sudo
# needs no password, and Rust is not installed. QTASK_INSTALL=yes answers the prompt in advance,
# QTASK_INSTALL=no installs nothing. Tested with real packages on Debian; the other package managers only with
# stubs.

# A setting of these scripts, not of the programs that they start.
install_answer=${QTASK_INSTALL:-}
unset QTASK_INSTALL

require() {
  local need missing=
  for need in "$@"; do
    has "$need" || missing="$missing $need"
  done
  [ -n "$missing" ] || return 0
  install_needs $missing
  for need in $missing; do
    has "$need" || die "$(described "$need") cannot be found, although the installation went well$(place_hint "$need")"
  done
}

has() {
  case $1 in
    postgres) locate_postgres >/dev/null ;;
    rabbitmq) locate_rabbitmq >/dev/null ;;
    cc) cc_links && command -v make >/dev/null ;;
    rust) rust_is_usable ;;
    download) command -v curl >/dev/null || command -v wget >/dev/null ;;
    chromium) command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# Only Debian's chromium is a package for servers: that of Ubuntu needs snapd, and others have desktops as dependencies. Not every
# package manager has Prometheus with its promtool.
is_installable() {
  case $1 in
    chromium) [ "$install_answer" != no ] && [ "$(os_release ID)" = debian ] && [ "$(package_manager)" = apt-get ] ;;
    prometheus) [ "$install_answer" != no ] && [ "$(package_manager)" = apt-get ] ;;
    *) [ "$install_answer" != no ] ;;
  esac
}

described() {
  case $1 in
    postgres) echo "PostgreSQL's server programs (postgres, initdb, pg_ctl)" ;;
    rabbitmq) echo "RabbitMQ's server (rabbitmq-server)" ;;
    cc) echo "a C compiler with its libraries, and make (cc, make)" ;;
    chromium) echo "Chromium, for the tests with web pages (chromium)" ;;
    prometheus) echo "Prometheus, for the tests of the alerts (prometheus, promtool)" ;;
    rust) echo "Rust $(minimum_rust) or newer (cargo)" ;;
    download) echo "curl" ;;
    *) echo "$1" ;;
  esac
}

place_hint() {
  case $1 in
    postgres) echo "; name their directory in ${postgres_setting:-QTASK_POSTGRES_BIN}" ;;
    rabbitmq) echo "; name its directory in QTASK_TEST_RABBITMQ_BIN" ;;
  esac
}

# --- installed programs -------------------------------------------------------------------------------------------

# Prints the directory of PostgreSQL's programs. The variable named by postgres_setting overrides the search,
# as it does in the program that uses them.
locate_postgres() {
  local explicit candidate
  eval "explicit=\${${postgres_setting:-QTASK_POSTGRES_BIN}:-}"
  if [ -n "$explicit" ]; then
    postgres_is_in "$explicit" && printf '%s\n' "$explicit"
    return
  fi
  for candidate in $(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* /usr/local/pgsql*/bin \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /Applications/Postgres.app/Contents/Versions/*/bin |
    sort -rV) \
    "$(dirname "$(command -v initdb || echo /nowhere/initdb)")"; do
    if postgres_is_in "$candidate"; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

postgres_is_in() { [ -x "$1/postgres" ] && [ -x "$1/initdb" ] && [ -x "$1/pg_ctl" ]; }

# Prints the directory of rabbitmq-server. Not Debian's /usr/sbin: that wrapper requires the system's node and
# user.
locate_rabbitmq() {
  local candidate
  for candidate in "${QTASK_TEST_RABBITMQ_BIN:-/nowhere}" /usr/lib/rabbitmq/bin /opt/rabbitmq/sbin \
    /opt/homebrew/opt/rabbitmq/sbin "$(dirname "$(command -v rabbitmq-server || echo /nowhere/rabbitmq-server)")"; do
    if [ "$candidate" != /usr/sbin ] && [ -x "$candidate/rabbitmq-server" ]; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# gcc may be installed without the C library's headers and start files, which Rust builds need as well.
cc_links() {
  command -v cc >/dev/null || return
  # Without the Command Line Tools, macOS has a cc that opens a dialog.
  [ "$(uname -s)" != Darwin ] || xcode-select -p >/dev/null 2>&1 || return
  local output status=0
  output=$(mktemp) || return
  printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' | cc -x c - -o "$output" 2>/dev/null || status=1
  rm -f "$output"
  return $status
}

# --- installation -------------------------------------------------------------------------------------------------

# The package manager of this system according to /etc/os-release, else the first one on the PATH.
package_manager() {
  local own='' each
  case "$(uname -s) $(os_release ID) $(os_release ID_LIKE) " in
    Darwin*) own=brew ;;
    *" debian "* | *" ubuntu "*) own=apt-get ;;
    *" fedora "* | *" rhel "*) own=dnf ;;
    *" alpine "*) own=apk ;;
    *" arch "*) own=pacman ;;
  esac
  for each in $own apt-get dnf apk pacman brew; do
    if command -v "$each" >/dev/null; then
      echo "$each"
      return
    fi
  done
  return 1
}

os_release() {
  [ ! -r /etc/os-release ] || sed -n "s/^$1=//p" /etc/os-release | tr -d '"'
}

packages_for() { # MANAGER NEED
  case $1:$2 in
    dnf:postgres) echo postgresql-server ;;
    brew:postgres) echo postgresql@17 ;;
    *:postgres) echo postgresql ;;
    pacman:rabbitmq | brew:rabbitmq) echo rabbitmq ;;
    *:rabbitmq) echo rabbitmq-server ;;
    apt-get:cc) echo gcc libc6-dev make ;;
    apk:cc) echo gcc musl-dev make ;;
    *:cc) echo gcc make ;;
    pacman:python3) echo python ;;
    brew:download) echo curl ;;
    *:download) echo curl ca-certificates ;;
    *) echo "$2" ;;
  esac
}

# Prints the install commands, one per line.
package_commands() { # MANAGER ROOT-PREFIX PACKAGES
  case $1 in
    apt-get)
      echo "$2apt-get -o DPkg::Lock::Timeout=300 update"
      echo "$2env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $3"
      ;;
    dnf) echo "$2dnf install -y --setopt=install_weak_deps=False $3" ;;
    apk) echo "$2apk add --update-cache $3" ;;
    # -y alone would be a partial upgrade on a system that already has package lists.
    pacman) [ -e /var/lib/pacman/sync/core.db ] && echo "$2pacman -S --needed --noconfirm $3" ||
      echo "$2pacman -Sy --needed --noconfirm $3" ;;
    brew) echo "brew install $3" ;;
  esac
}

rustup_command() {
  local fetch="curl --proto '=https' --tlsv1.2 -sSf"
  command -v curl >/dev/null || ! command -v wget >/dev/null || fetch='wget -qO-'
  echo "$fetch https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain $(named_toolchain) -c clippy -c rustfmt"
}

install_needs() { # NEED...
  local need manager='' packages='' rust='' commands='' prefix='' names=''
  for need in "$@"; do
    names="$names${names:+, }$(described "$need")"
    [ "$need" != rust ] || rust=yes
  done
  say "missing: $names"
  [ -z "$rust" ] || has download || set -- "$@" download

  manager=$(package_manager) || manager=
  for need in "$@"; do
    case $manager:$need in
      *:rust) ;;
      brew:cc) die "install Apple's command line tools (xcode-select --install) and run this again" ;;
      :*) die "no package manager that is known here (apt-get, dnf, apk, pacman, brew): install it and run this again" ;;
      *) packages="$packages${packages:+ }$(packages_for "$manager" "$need")" ;;
    esac
  done
  if [ -n "$packages" ]; then
    prefix=$(root_prefix "$manager")
    commands=$(package_commands "$manager" "$prefix" "$packages")
  fi
  if [ -n "$rust" ]; then
    commands="$commands${commands:+
}$(rustup_command)"
  fi

  permit_installation "$manager" "$packages" "$prefix" "$rust" "$commands"
  [ -z "$packages" ] || install_packages "$manager" "$prefix" "$packages"
  [ -z "$rust" ] || install_rust
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# Prints the prefix of a command that must run as root; empty for root and for brew.
root_prefix() { # MANAGER
  if is_root || [ "$1" = brew ]; then
    return
  elif command -v sudo >/dev/null; then
    echo 'sudo '
  elif command -v doas >/dev/null; then
    echo 'doas '
  fi
}

# Returns only if the commands may be run; otherwise exits.
permit_installation() { # MANAGER PACKAGES ROOT-PREFIX NEEDS-RUST COMMANDS
  local answer manager="$1" packages="$2" prefix="$3" needs_rust="$4" commands="$5"
  if [ "$install_answer" = no ]; then
    refuse_installation 'QTASK_INSTALL=no forbids to install it' "$commands"
  elif is_root; then
    [ "$manager" != brew ] || [ -z "$packages" ] || refuse_installation 'brew does not run as root' "$commands"
  elif [ -n "$packages" ] && [ "$manager" != brew ] && [ -z "$prefix" ]; then
    refuse_installation 'not root, and there is neither sudo nor doas' "$commands"
  elif [ "$install_answer" = yes ]; then
    :
  elif [ -t 0 ]; then
    show_commands 'these commands would install it:' "$commands"
    printf '%s: run them? [Y/n] ' "${0##*/}" >&2
    read -r answer || answer=n
    case $answer in
      '' | [Yy]*) return ;;
      *) refuse_installation 'nothing was installed' "$commands" ;;
    esac
  elif [ -n "$prefix" ] && ! ${prefix}-n true 2>/dev/null; then
    refuse_installation "not root, ${prefix% } asks for a password, and there is no terminal to ask on" "$commands"
  elif [ "$needs_rust" = yes ]; then
    refuse_installation 'not root, and there is no terminal to ask on (QTASK_INSTALL=yes answers)' "$commands"
  fi
  show_commands 'installing it with:' "$commands"
}

show_commands() { # TITLE COMMANDS
  say "$1"
  printf '%s\n' "$2" | sed 's/^/    /' >&2
}

refuse_installation() { # REASON COMMANDS
  show_commands "$1. Run this, and then $0 again:" "$2"
  exit 1
}

install_packages() { # MANAGER ROOT-PREFIX PACKAGES
  local log status=0
  log=$(mktemp) || exit 1
  if [ "$1" = apt-get ]; then
    say "the packages' services are neither started nor enabled at boot"
    (
      trap 'exit 130' INT
      trap 'exit 143' TERM HUP
      trap allow_services EXIT
      deny_services "$2"
      run_commands "$log" "$(package_commands "$@")"
    ) || status=$?
  else
    run_commands "$log" "$(package_commands "$@")" || status=$?
  fi
  if [ "$status" -ne 0 ]; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "$1 failed (above)"
  fi
  rm -f "$log"
  if [ "$1" = apt-get ] && command -v systemctl >/dev/null; then
    local package
    for package in $3; do
      case $package in
        postgresql | rabbitmq-server | prometheus) $2 systemctl disable "$package" >/dev/null 2>&1 || true ;;
      esac
    done
  fi
}

# Debian starts installed services unless this file forbids it. An existing file is not changed; ours forbids
# nothing after this script has ended, in case it is killed before it can remove the file.
services_policy=/usr/sbin/policy-rc.d
services_prefix=
services_denied=

deny_services() { # ROOT-PREFIX
  [ ! -e $services_policy ] || return 0
  services_prefix=$1 services_denied=yes
  printf '#!/bin/sh\nkill -0 %s 2>/dev/null && exit 101\nexit 0\n' "$$" | $1 tee $services_policy >/dev/null
  $1 chmod 755 $services_policy
}

allow_services() { [ -z "$services_denied" ] || $services_prefix rm -f $services_policy; }

run_commands() { # LOG COMMANDS
  local line
  while read -r line; do
    eval "$line" </dev/null >>"$1" 2>&1 || return
  done <<LINES
$2
LINES
}

# Not piped: an interrupted download must not run in part. An outdated system cargo must not stop rustup.
install_rust() {
  local script
  if command -v curl >/dev/null; then
    script=$(curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs) || die "https://sh.rustup.rs cannot be fetched"
  else
    script=$(wget -qO- https://sh.rustup.rs) || die "https://sh.rustup.rs cannot be fetched"
  fi
  printf '%s\n' "$script" | RUSTUP_INIT_SKIP_PATH_CHECK=yes sh -s -- -y --profile minimal \
    --default-toolchain "$(named_toolchain)" -c clippy -c rustfmt >&2 || die "rustup failed (above)"
  # The shell may have cached the path of an older cargo.
  hash -r
}
