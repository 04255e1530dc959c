# One door for everything. `make help` lists it; every target works on a fresh clone.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PY := .venv/bin/python
RUNTIME := .venv/.installed-runtime
DEV := .venv/.installed-dev
LOCKED := Makefile pyproject.toml requirements/install.py requirements/bootstrap.txt requirements/runtime.txt
WORKERS ?= 2

.PHONY: help run ui setup test e2e long prove chaos lint format types bench bench-history bench-parity lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

run: $(RUNTIME) ## set everything up, load the sample into both databases, prove that they are equal
	@.venv/bin/fluxion demo

ui: $(RUNTIME) ## open the Dagster UI on the same data (ends with Ctrl-C)
	@.venv/bin/fluxion ui

setup: $(RUNTIME) ## only install; the command is then .venv/bin/fluxion

test: $(DEV) ## the tests, without e2e, long and bench
	@$(PY) -m pytest -m "not e2e and not bench and not long" -n $(WORKERS) --dist loadfile $(ARGS)

e2e: $(DEV) ## whole commands in a clone, servers and a browser
	@$(PY) -m pytest -m "e2e and not long" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

long: $(DEV) ## tests that a change need not wait for: minutes each
	@$(PY) -m pytest -m long -n $(WORKERS) --dist loadfile $(ARGS)

prove: $(DEV) ## live N landings, and N steps of both sinks, against the models, at random (N=5000)
	@FLUXION_PROVE_STEPS=$(or $(N),5000) $(PY) -m pytest -q fluxion_pipeline_tests/landing/test_lives.py fluxion_pipeline_tests/machine $(ARGS)

chaos: $(DEV) ## kill runs and their server N times at random, fill the disk; both sinks must be right after each (N=100 SEED=…)
	@$(PY) -m fluxion_pipeline_tests.support.chaos $(or $(N),100) $(SEED)

lint: $(DEV) ## ruff: rules and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: $(DEV) ## ruff: mend what it can
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

types: $(DEV) ## mypy, strict
	@$(PY) -m mypy

bench: $(DEV) ## measure a tick, stage by stage, against peers and the floor (ARGS="--rows 89000 --changed 30 --no-peers")
	@$(PY) -m bench $(ARGS)

bench-history: $(DEV) ## measure a day of the stock's history against 34 full snapshots: bytes, WAL, reading an instant (ARGS="--days 3")
	@$(PY) -m bench.history $(ARGS)

bench-parity: $(DEV) ## measure proofs of parity against reladiff, datacompy and pandas (ARGS="--rows 5000000")
	@$(PY) -m bench.parity $(ARGS)

lock: $(RUNTIME) ## resolve requirements/*.in anew, with hashes
	@for name in bootstrap runtime rds dev bench-peers bench-dlt; do \
	  echo "locking $$name"; \
	  (cd requirements && ../$(PY) -m uv --quiet pip compile --upgrade --universal --python-version 3.10 --generate-hashes --no-strip-extras \
	    --no-emit-index-url --custom-compile-command "make lock" $$name.in -o $$name.txt); \
	done

clean: ## remove the environment and caches, never the data below FLUXION_HOME
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .bench build dist *.egg-info
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(RUNTIME): $(LOCKED)
	@found=; for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do \
	  if command -v "$$python" >/dev/null && "$$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; \
	  then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "no Python 3.10 to 3.14 on the PATH: install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; fi; \
	if ! $(PY) -c '' 2>/dev/null; then \
	  echo "making .venv with $$("$$found" --version)"; \
	  "$$found" -m venv --clear .venv || { echo "this Python can't make environments: install its venv package (Debian: apt-get install python3-venv)" >&2; exit 1; }; \
	fi
	@$(PY) -c 'import pip' 2>/dev/null || $(PY) -m ensurepip --default-pip >/dev/null
	@$(PY) -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements/bootstrap.txt
	@$(PY) requirements/install.py runtime.txt
	@rm -f $(DEV); touch $@

$(DEV): $(RUNTIME) requirements/dev.txt
	@$(PY) requirements/install.py runtime.txt dev.txt
	@touch $@
