# Two commands do all the set-up: `make demo` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
# Images for CI set it. Without compiled files each of some hundred processes would compile all modules for itself.
unexport PYTHONDONTWRITEBYTECODE

# The first Python from 3.11 on.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q --dist worksteal

.PHONY: demo test tests test-all lint unit integration crash bench worker audit sbom clean

demo: .venv/demo  ## real servers and a guided tour; stays up until Ctrl-C
	$(BIN)/python -m demo

test: lint tests  ## the gate, and what CI runs; fastest first

test-all: test  ## the gate and what takes long; green before each release
	@echo "The gate has passed. What follows: other Pythons, lowest and newest dependencies, the installed wheel,"
	@echo "tests marked 'long' (killed processes, images, manifests, benchmarks, SBOM), and 1,000 examples a property."
	$(BIN)/python -m tests.environments
	$(PYTEST) -n 3 -m long
	$(PYTEST) -n 2 -m hypothesis --hypothesis-profile=thorough

lint: .venv/dev  ## format, lint, imports, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	# mypy leaves a core free: there pytest compiles what it collects, or in a new clone each of its processes would.
	$(BIN)/python -m pytest -q --collect-only >/dev/null & $(BIN)/mypy

tests: .venv/dev  ## all tests of the gate, those that need no server first
	$(PYTEST) -n 4 -m "not long"

unit: .venv/dev  ## tests that need no server
	$(PYTEST) -n 4 -m "not servers and not long"

integration: .venv/dev  ## tests against Temporal, PostgreSQL, a mail inbox and a payment provider
	$(PYTEST) -n 4 -m "servers and not long"

crash: .venv/dev  ## processes killed at any moment, and any bytes as callbacks, in the numbers that the promises name; takes some minutes
	CRASH_RUNS=full $(BIN)/python -m pytest tests/outbox tests/payments tests/reports tests/scheduled_jobs tests/deploys/test_rolling_restart.py tests/bulkheads tests/dead_letters tests/http_interface/test_payment_callbacks_fuzzing.py -m "long or not long" -p no:randomly

bench: .venv/dev  ## figures, against a plain Temporal worker; takes some minutes
	status=0; for part in order_confirmation outbox payment_callbacks schedules dead_letters reports; do $(BIN)/python -m benchmarks.$$part || status=1; done; exit $$status

worker: .venv/demo  ## a worker for a stack that is there already (TEMPORAL_*, DATABASE_*, SMTP_*)
	exec $(BIN)/python worker.py

audit: .venv/dev  ## known vulnerabilities in what is installed; asks pypi.org, so it needs the network and is not part of the gate
	$(BIN)/pip-audit --requirement constraints.txt --disable-pip --no-deps || { echo "Found something, or could not reach pypi.org: see above"; exit 1; }

sbom: .venv/dev  ## a list of all that is installed, as CycloneDX has it: build/sbom.json
	mkdir -p build
	$(BIN)/cyclonedx-py environment $(BIN)/python --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom.json

clean:  ## everything that the commands above made
	rm -rf .venv .venv-* .demo

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "No Python from 3.11 on was found: install one, or say PYTHON=/path/to/python"; exit 1; fi
	$(PYTHON) -m venv .venv

.venv/bin/uv: .venv/bin/python constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	touch $@

# pip, if uv cannot: it reads settings (an index of one's own, say) that uv does not.
.venv/demo .venv/dev: .venv/bin/uv pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[$(@F)]' \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(@F)]'
	touch $@
