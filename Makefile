# Everything a checkout needs; `make help` lists it.
SHELL := bash
PY := .venv/bin/python
PYTEST := $(PY) -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint test-faults fuzz fuzz-properties soak bench-client bench-ingest bench-live bench-store bench-http bench-query bench-ui lock docs python parts

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 17

setup: python parts ## everything: .venv, Kafka's jars, Chromium, redis, OpenTelemetry beside it

demo: python ## a live shop with its traces, on this machine (KAFKA=1: through a real Kafka broker)
	@if [ -n "$(KAFKA)" ]; then bash deploy/setup/kafka.sh; fi
	@exec $(PY) -m hopline_deploy demo $(if $(KAFKA),--kafka) --data .cache/demo

test: setup ## all tests, with a real broker and a real browser
	@status=0; \
	$(PYTEST) tests/instrumentation || status=1; \
	$(PYTEST) tests --ignore=tests/instrumentation || status=1; \
	exit $$status

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

bench-http: python ## posts of other tracers (Zipkin, OTLP) to stored
	@$(PY) tests/benchmarks/bench_http.py

bench-query: python ## look-ups, search, figures and map over a filled store
	@$(PY) tests/benchmarks/bench_query.py

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

python:
	@bash deploy/setup/python.sh

parts:
	@bash deploy/setup/kafka.sh
	@bash deploy/setup/chromium.sh
	@bash deploy/setup/redis.sh
	@bash deploy/setup/otel.sh
