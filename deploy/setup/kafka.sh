#!/usr/bin/env bash
# The jars of a real Apache Kafka broker into .cache/kafka; quick when they are there.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

home=.cache/kafka
stamp=$(cat deploy/setup/kafka-pom.xml <(java -version 2>&1 || true) | sha256sum | cut -d' ' -f1)
if [[ "$(cat "$home/stamp" 2>/dev/null || true)" == "$stamp" ]]; then
  exit 0
fi

need_command java openjdk-17-jre-headless "Kafka" || exit "$(absent)"
need_command mvn maven "Kafka" || exit "$(absent)"

say "Kafka: fetching the broker's jars"
rm -rf "$home"
mkdir -p "$home"
mvn -B -q -f deploy/setup/kafka-pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$PWD/$home/libs"
say "Kafka: building the class archive"
.venv/bin/python -m hopline_deploy.broker prepare
# The first run may have installed java: the stamp names the one that is there now.
cat deploy/setup/kafka-pom.xml <(java -version 2>&1) | sha256sum | cut -d' ' -f1 > "$home/stamp"
