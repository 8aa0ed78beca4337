#!/usr/bin/env bash
# The fuzzer in .cache/fuzz/lib, by hash; quick when nothing changed. `fuzz.sh lock` pins anew.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

if [[ "${1:-}" == "lock" ]]; then
  .venv/bin/uv pip compile deploy/fuzz/requirements.in --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate -q -o deploy/fuzz/requirements.lock
  exit 0
fi

home=.cache/fuzz
stamp=$( (cat deploy/fuzz/requirements.lock; .venv/bin/python --version) | sha256sum | cut -d' ' -f1)
if [[ "$(cat "$home/stamp" 2>/dev/null || true)" == "$stamp" ]]; then
  exit 0
fi

say "atheris: into $home"
rm -rf "$home/lib"
PIP_DISABLE_PIP_VERSION_CHECK=1 .venv/bin/python -m pip install -q --require-hashes --no-deps --only-binary :all: \
  --target "$home/lib" -r deploy/fuzz/requirements.lock
echo "$stamp" > "$home/stamp"
