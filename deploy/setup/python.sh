#!/usr/bin/env bash
# .venv with every dependency by hash and hopline itself, editable; 0.1 s when nothing changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

stamp=$( (cat deploy/requirements.lock pyproject.toml; pwd) | sha256sum | cut -d' ' -f1)
if [[ -x .venv/bin/python && "$(cat .venv/hopline-stamp 2>/dev/null || true)" == "$stamp" ]]; then
  exit 0
fi

suitable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

choose_python() {
  local candidate
  for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
    if suitable "$candidate"; then
      echo "$candidate"
      return 0
    fi
  done
  say "no Python 3.11 to 3.13 found; set PYTHON=/path/to/python3"
  return 1
}

create_environment() {
  local python
  python=$(choose_python)
  say "Python: environment in .venv (about a minute, 1.3 GB)"
  rm -rf .venv
  "$python" -m venv .venv 2>/dev/null && return 0
  # Debian keeps ensurepip in a package of its own.
  install_packages python3-venv || { say "run 'apt-get install python3-venv' as root and try again"; return 1; }
  rm -rf .venv
  "$python" -m venv .venv
}

# An environment that is only out of date is brought up to date in place.
if ! suitable .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  create_environment
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
.venv/bin/python -m pip install -q --require-hashes --no-deps -r deploy/requirements.lock
# An editable install cannot be hash-checked, so it goes second.
.venv/bin/python -m pip install -q --no-deps --no-build-isolation -e .
echo "$stamp" > .venv/hopline-stamp
