# Every command of the project. It needs git, make and Python 3.11 or newer with venv;
# everything else comes from the lock files into .venv, on the first use of any target.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PORT ?= 8787

# Rooms that exist; `make check` runs the quick ones.
QUICK_TESTS := $(wildcard tests/unit tests/laws tests/test_*.py)
NOT_IN_TEST := not fault and not fuzz and not soak and not benchmark and not image

.PHONY: help setup run check test format docs bench fault fuzz soak lock package sbom image-check \
        test-tools new-processor clean

help: ## Show what can be typed
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

setup: .venv/.project ## Create .venv and install exactly what the lock files say (quick when done before)

run: .venv/.project ## Watch and serve the demo sessions (PORT=8787)
	@mkdir -p .run
	@echo 'Serving demo/sessions on http://127.0.0.1:$(PORT), stop with Ctrl-C.'
	@echo 'In a second terminal: export SESSIONWATCH_DB=.run/demo.duckdb; $(BIN)/sessionwatch usage session'
	@exec $(BIN)/sessionwatch serve demo/sessions --db .run/demo.duckdb --port $(PORT)

check: .venv/.project ## Format, lint, types, import rules, unit tests and laws: under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	HYPOTHESIS_PROFILE=check $(BIN)/pytest -n 2 -m '$(NOT_IN_TEST) and not slow' $(QUICK_TESTS)

test: .venv/.project ## Every test that needs no special budget: under 15 minutes
	@# Half of them wait for files, timers and sockets.
	$(BIN)/pytest -n 3 -m '$(NOT_IN_TEST)'

format: .venv/.project ## Format the code and apply safe lint fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: .venv/.project ## Write the generated tables of docs/operations.md again
	$(BIN)/python -m tests.tools.doc_tables

bench: .venv/.project ## Measure against the budgets (ARGS='--quick', '--only cold'); figures go to .run/bench.json
	$(BIN)/python -m tests.benchmarks.bench $(ARGS)

fault: .venv/.project ## Kills, full disks, dead threads
	$(BIN)/pytest -m fault --timeout=900

fuzz: .venv/.project ## The laws with a long hypothesis budget
	HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest -n 2 --timeout=7200 tests/laws

soak: .venv/.project ## Hours of traffic against one running service
	$(BIN)/pytest -m soak --timeout=0

package: .venv/.project sbom ## Build wheel and sdist, with licences and bill of materials, into dist/
	rm -f dist/*.whl dist/*.tar.gz
	$(BIN)/python -m hatchling build -d dist

sbom: .venv/.project ## Write the bill of materials (CycloneDX) and the third-party licences into dist/
	$(BIN)/python ops/sbom.py requirements.lock dist

image-check: .venv/.project ## Replay the Dockerfile in a fresh Debian root and ask the service in it (needs root)
	$(BIN)/pytest -m image -rs tests/image

test-tools: ## Fetch Debian's tools that some tests use, else those are skipped (some need root)
	[ "$$(id -u)" != 0 ] || { apt-get update --quiet=2 && \
	  apt-get install --quiet=2 --yes --no-install-recommends debootstrap fish strace zsh; }
	@# Unpacked and not installed, because the package would start a Prometheus of its own.
	mkdir -p .run/tools
	cd .run/tools && apt-get --quiet=2 download prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb

lock: .venv/.project ## Resolve the dependencies again and write the lock files
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile $(LOCK) --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --constraint requirements.lock --group dev --output-file requirements-dev.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --constraint requirements-dev.lock --group build --output-file requirements-build.lock

# Hashes yes, places no: see docs/decisions/0002-lock-file.md.
LOCK := --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock'

new-processor: ## Start a processor: make new-processor name=mood
	@[[ '$(name)' =~ ^[a-z][a-z0-9_]*$$ ]] || { echo 'usage: make new-processor name=mood' >&2; exit 2; }
	@[ ! -e 'processors/$(name).py' ] || { echo 'processors/$(name).py exists' >&2; exit 2; }
	@words='$(name)'; class=; for word in $${words//_/ }; do class+=$${word^}; done; \
	  sed -e 's/{{name}}/$(name)/g' -e "s/{{Class}}/$$class/g" processors/_template.py.txt > 'processors/$(name).py'
	@echo 'Wrote processors/$(name).py. Try: $(BIN)/sessionwatch process SESSION.jsonl --processor $(name)'

clean: ## Remove .venv, .run and every cache
	rm -rf .venv .run .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is rebuilt when the lock changes, so that nothing the lock forgot is left in it.
.venv/.locked: requirements-dev.lock
	@[ -n '$(PYTHON)' ] && '$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'sessionwatch needs Python 3.11 or newer with venv (Debian: apt-get install python3 python3-venv),' >&2; \
	  echo 'or name one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)' >&2; exit 1; }
	@echo 'Installing the locked dependencies into .venv (about a minute, once) ...'
	@'$(PYTHON)' -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.project: .venv/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@
