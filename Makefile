# Everything a checkout needs; `make help` lists it.
SHELL := bash
PY := .venv/bin/python
PYTEST := $(PY) -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-client test-collector test-query test-deploy test-pages test-rest test-pythons lint test-faults fuzz fuzz-properties soak bench-client bench-ingest bench-live bench-capacity bench-store bench-http bench-query bench-why bench-settle bench-ui lock docs python parts

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 17

setup: python parts ## everything: .venv, the jars of Kafka and Zipkin, a ClickHouse server, Chromium, servers of the hooks, OpenTelemetry

demo: python ## a live shop with its traces, on this machine (KAFKA=1: through a real Kafka broker)
	@if [ -n "$(KAFKA)" ]; then bash deploy/setup/kafka.sh; fi
	@exec $(PY) -m hopline_deploy demo $(if $(KAFKA),--kafka) --data .cache/demo

# Three groups at a time, the longest first: most tests wait for a broker, a server or a browser. A group prints at its end.
test: setup ## all tests, with a real broker and a real browser
	@$(MAKE) --no-print-directory --keep-going --jobs=3 --output-sync=target \
	  test-deploy test-query test-collector test-rest test-client test-pages

test-client: ## the tests of the client alone; like those below, after `make setup`
	@$(PYTEST) tests/instrumentation

test-collector: ## the tests of the collector
	@$(PYTEST) tests/collector

test-query: ## the tests of the query service
	@$(PYTEST) tests/query

test-deploy: ## the tests of commands, servers and deployments, and of other tracers
	@$(PYTEST) tests/deploy tests/interop

test-pages: ## the tests of the pages, in a browser and without
	@$(PYTEST) tests/ui tests/browser

test-rest: ## all other tests: kills and outages, the wire format, fuzz targets
	@$(PYTEST) tests $(addprefix --ignore=tests/,browser collector deploy instrumentation interop query ui)

test-pythons: parts ## the client's tests on the oldest and the newest Python that is found here
	@bash deploy/setup/pythons.sh

lint: python ## ruff, formatting, mypy, layers
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports

test-faults: setup ## kills, outages and rebalances at full length
	@HOPLINE_TEST_FULL=1 $(PYTEST) tests/faults --timeout=3600

fuzz: python ## every decoder, led by its coverage, for FUZZ_SECONDS (60) each; what is found is printed and kept
	@bash deploy/setup/fuzz.sh
	@$(PY) tests/fuzz/run.py $(FUZZ)

fuzz-properties: setup ## every property test with many random examples
	@$(PYTEST) tests/instrumentation -m hypothesis --hypothesis-profile=fuzz --timeout=3600
	@$(PYTEST) tests --ignore=tests/instrumentation -m hypothesis --hypothesis-profile=fuzz --timeout=3600

soak: setup ## five minutes of 20,000 spans/s: memory stays flat, every span is accounted for
	@$(PY) tests/benchmarks/soak.py --rate 20000 --kafka

bench-client: python ## what a span costs the caller, against a bare span and OpenTelemetry; writes docs/cost.md
	@bash deploy/setup/otel.sh
	@bash deploy/setup/kafka.sh
	@$(PY) tests/benchmarks/bench_client.py --instructions --page docs/cost.md

bench-ingest: setup ## from Kafka to stored, against a bare insert of the same blocks; then with fsync
	@$(PY) tests/benchmarks/bench_ingest.py
	@$(PY) tests/benchmarks/bench_ingest.py --fsync

bench-live: setup ## freshness, memory and catching up at 20,000 spans/s through Kafka
	@$(PY) tests/benchmarks/bench_live.py

bench-store: python ## bytes per span, start on 20 M spans, reads beside a giant trace
	@$(PY) tests/benchmarks/bench_store.py

bench-http: setup ## posts of other tracers (Zipkin, OTLP) to stored, beside a real Zipkin
	@$(PY) tests/benchmarks/bench_http.py --zipkin

bench-capacity: python ## hopline capacity against a measured load: within a quarter
	@$(PY) tests/benchmarks/bench_capacity.py

bench-query: setup ## whole HTTP answers over 20 M spans, embedded engine and ClickHouse server; writes docs/speed.md
	@$(PY) tests/benchmarks/bench_query.py --spans 20000000 --page docs/speed.md

bench-why: python ## explanations of shops with one planted cause each, and of shops with none
	@PYTHONPATH=tests $(PY) tests/benchmarks/bench_why.py

bench-settle: python ## CPU of settling a span, in one large chunk and in small ones, beside a bare insert
	@PYTHONPATH=tests $(PY) tests/benchmarks/bench_settle.py --statements

bench-ui: setup ## waterfall and map in the browser
	@$(PY) tests/benchmarks/bench_ui.py

lock: python ## pin every dependency by hash (after a change in pyproject.toml)
	@.venv/bin/uv pip compile pyproject.toml deploy/build.in --all-extras --group dev --universal \
	  --python-version 3.11 --generate-hashes --no-emit-package hopline --no-header --no-annotate -q \
	  -o deploy/requirements.lock
	@bash deploy/setup/otel.sh lock
	@bash deploy/setup/fuzz.sh lock

docs: python ## write the generated pages of docs/
	@$(PY) -m hopline_deploy.settings_page > docs/settings.md
	@$(PY) -m hopline_query.api.field_tables docs/api.md
	@PYTHONPATH=tests $(PY) -m support.contract.table

python:
	@bash deploy/setup/python.sh

parts:
	@bash deploy/setup/kafka.sh
	@bash deploy/setup/chromium.sh
	@bash deploy/setup/clickhouse.sh
	@bash deploy/setup/servers.sh
	@bash deploy/setup/zipkin.sh
	@bash deploy/setup/otel.sh
