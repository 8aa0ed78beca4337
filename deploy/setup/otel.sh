#!/usr/bin/env bash
# OpenTelemetry beside Hopline in .cache/otel, by hash; quick when nothing changed. `otel.sh lock` pins anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

home=.cache/otel
if [[ "${1:-}" == "lock" ]]; then
  # Hopline's own needs come from the package: the transports ship from this environment too.
  .venv/bin/uv pip compile deploy/otel/requirements.in pyproject.toml deploy/build.in --extra kafka \
    --universal --python-version 3.11 --generate-hashes --no-emit-package hopline --no-header --no-annotate -q \
    -o deploy/otel/requirements.lock
  exit 0
fi

stamp=$( (cat deploy/otel/requirements.lock pyproject.toml; pwd) | sha256sum | cut -d' ' -f1)
if [[ -x $home/bin/python && "$(cat "$home/hopline-stamp" 2>/dev/null || true)" == "$stamp" ]]; then
  exit 0
fi

say "OpenTelemetry: environment in $home"
if [[ ! -x $home/bin/python ]]; then
  rm -rf "$home"
  .venv/bin/python -m venv "$home"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$home/bin/python" -m pip install -q --require-hashes --no-deps -r deploy/otel/requirements.lock
# An editable install cannot be hash-checked, so it goes second.
"$home/bin/python" -m pip install -q --no-deps --no-build-isolation -e .
echo "$stamp" > "$home/hopline-stamp"
