#!/usr/bin/env bash
# Servers for the tests of the hooks: redis, PostgreSQL, MariaDB and RabbitMQ, the system's own, in one call of apt.
set -euo pipefail
cd "$(dirname "$0")/../.."
source deploy/setup/lib.sh

# Debian keeps some of them where only root looks.
PATH=$PATH:/usr/sbin:$(printf '%s:' /usr/lib/postgresql/*/bin)

missing=()
for server in redis-server:redis-server postgres:postgresql mariadbd:mariadb-server-core rabbitmq-server:rabbitmq-server; do
  command -v "${server%%:*}" >/dev/null || missing+=("${server##*:}")
done
if ((${#missing[@]})); then
  install_packages "${missing[@]}" && exit 0
  say "the tests of the hooks need servers: run 'apt-get install ${missing[*]}' as root and try again"
  exit "$(absent)"
fi
