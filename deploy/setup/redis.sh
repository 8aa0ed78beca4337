#!/usr/bin/env bash
# A redis server for the tests of the redis hook: the system's own.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

need_command redis-server redis-server "The redis hook's tests" || exit "$(absent)"
