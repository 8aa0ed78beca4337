#!/usr/bin/env bash
# The jar of a real Zipkin server into .cache/zipkin, for the interop tests; quick when it is there.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

version=3.6.1
home=.cache/zipkin
jar="$home/zipkin-server-$version-exec.jar"
if [[ -s "$jar" ]]; then
  exit 0
fi

need_command java openjdk-17-jre-headless "Zipkin" || exit "$(absent)"
need_command mvn maven "Zipkin" || exit "$(absent)"

say "Zipkin: fetching the server's jar"
rm -rf "$home"
mkdir -p "$home"
if ! mvn -B -q org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
  -Dartifact="io.zipkin:zipkin-server:$version:jar:exec" -DoutputDirectory="$PWD/$home"; then
  say "Zipkin: its jar could not be fetched"
  exit "$(absent)"
fi
