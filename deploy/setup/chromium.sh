#!/usr/bin/env bash
# A Chromium for the browser tests: the system's own.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null && exit 0
done
need_command chromium chromium "The browser tests" || exit "$(absent)"
