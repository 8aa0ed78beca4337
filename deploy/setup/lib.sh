# Shared by the set-up scripts; sourced by bash with the working directory at the root of the checkout.

say() { printf 'hopline setup: %s\n' "$*" >&2; }

# The exit code for a part that is not there: tests of it skip locally and fail in CI.
absent() { [[ "${CI:-}" == "true" ]] && echo 1 || echo 0; }

# install_packages NAME...: Debian packages, as root or by sudo without a password.
install_packages() {
  local run=()
  if ! command -v apt-get >/dev/null; then
    return 1
  fi
  if [[ "$(id -u)" != 0 ]]; then
    sudo -n true 2>/dev/null || return 1
    run=(sudo -n)
  fi
  say "installing from Debian: $*"
  "${run[@]}" apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive "${run[@]}" apt-get install -qq -y --no-install-recommends "$@" >&2
}

# need_command COMMAND PACKAGE PART: true when COMMAND is there or could be installed.
need_command() {
  command -v "$1" >/dev/null && return 0
  install_packages "$2" && command -v "$1" >/dev/null && return 0
  say "$3 needs '$1': run 'apt-get install $2' as root and try again"
  return 1
}
