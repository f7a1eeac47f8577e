# Two commands do all the set-up: `make demo` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# The first Python from 3.11 on.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
BIN := .venv/bin

.PHONY: demo test lint crash bench worker audit sbom clean

demo: .venv/demo  ## real servers and a guided tour; stays up until Ctrl-C
	$(BIN)/python -m demo

test: .venv/dev lint  ## the whole gate: what CI runs
	$(BIN)/python -m tests.other_pythons
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: .venv/dev  ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

crash: .venv/dev  ## processes killed at any moment, and any bytes as callbacks, in the numbers that the promises name; takes some minutes
	CRASH_RUNS=full $(BIN)/python -m pytest tests/outbox tests/payments tests/reports tests/scheduled_jobs tests/deploys/test_rolling_restart.py tests/bulkheads tests/dead_letters tests/http_interface/test_payment_callbacks_fuzzing.py -p no:randomly

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

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ .venv/demo
