# Two commands from nothing: `make run` and `make test`. `make help` lists the rest.
PY ?= python3
BIN := .venv/bin
LOCKS := requirements/bootstrap.lock requirements/dev.lock
T ?= tests

.PHONY: help setup run test check fuzz-api bench bench-growth bench-quick bench-api format clean distclean lock
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.installed ## make .venv with everything in it
.venv/.installed: $(LOCKS) pyproject.toml
	@sh deploy/setup.sh "$(PY)"
	@touch $@

run: setup ## start everything and print the address; Ctrl-C stops it; INPUT=file MAP=file for real data
	@exec $(BIN)/tq up $(if $(INPUT),--input "$(INPUT)") $(if $(MAP),--map "$(MAP)")

test: setup ## install what tests need and run them; T=path for some
	@sh deploy/test-packages.sh kcat
	@[ "$(T)" != tests ] || sh deploy/dashboard.sh test
	@exec $(BIN)/python -m pytest $(T)

check: setup ## format, lint, types, import rules, contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.kafka.yml
	$(BIN)/tq schemas check
	@sh deploy/lint.sh
	@sh deploy/dashboard.sh check

fuzz-api: setup ## 500 made-up requests for each operation of the API
	@exec $(BIN)/python -m pytest -s tests/integration/test_api_contract.py --api-examples 500

bench: setup ## everybody does the same job: ours, Kafka Streams, Quix, Faust; 25 minutes; docs/benchmarks.md
	@exec $(BIN)/python -m bench run

bench-growth: setup ## what an event costs with more tutors, partitions, workers, longer windows
	@exec $(BIN)/python -m bench growth

bench-quick: setup ## ours and its clients' bounds, verified, in three minutes; a line of JSON last
	@exec $(BIN)/python -m bench quick

bench-api: setup ## what a page of tutors costs, as JSON; needs wrk
	@sh deploy/test-packages.sh wrk
	@exec $(BIN)/python -m bench.api

format: setup ## rewrite to our format, and .env.example from the settings
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tutor_quality.settings > .env.example

lock: setup ## resolve the requirements anew; no registry host is written
	$(BIN)/uv pip compile --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header --group dev pyproject.toml -o requirements/dev.lock

clean: ## delete the embedded stack's data
	@[ ! -x $(BIN)/tq ] || $(BIN)/tq down
	rm -rf .tq

distclean: clean ## delete everything that was made
	rm -rf .venv dashboard/dist dashboard/node_modules deploy/lint/node_modules docs/snippets/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
