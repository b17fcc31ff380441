# A machine needs only make and Python 3.11 or newer.

PYTHON      ?= python3
VENV        ?= .venv
ARGS        ?=
# One process per core.
PYTEST_ARGS ?= -n auto

SEED        ?= 1
MINUTES     ?= 1

BIN      := $(VENV)/bin
PACKAGES := wire gateway client chatctl
RUN      := $(VENV)/.run-stamp
DEV      := $(VENV)/.dev-stamp

.DEFAULT_GOAL := help
.PHONY: help run all lint types arch test test-compose bench bench-client bench-curves chaos irctest share dist picture format clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUN) ## Start a gateway with an embedded Redis; ARGS="--idle off" for options
	@exec $(BIN)/chatctl gateway $(ARGS)

all: lint types arch test ## Everything that CI checks

lint: $(DEV) ## Style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV) ## mypy --strict
	$(BIN)/mypy

arch: $(DEV) ## The rules on which module may import which
	$(BIN)/lint-imports

test: $(DEV) ## All tests; PYTEST_ARGS="-k idle" for options
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-compose: $(DEV) ## Run the compose file for real; needs a Docker engine
	$(BIN)/python -m pytest tests/compose $(ARGS)

bench: $(DEV) ## The load generator; ARGS="--help" for options
	$(BIN)/python -m tests.bench $(ARGS)

bench-curves: $(DEV) ## What things cost as they grow: JSON and drawings; ARGS="people rooms" for some
	$(BIN)/pip install -q -e ".[bench]"
	$(BIN)/python -m tests.bench.curves $(ARGS)

bench-client: $(DEV) ## How a flood of messages slows down somebody who types
	$(BIN)/python -m tests.bench.client

chaos: $(DEV) ## Break everything on purpose for a while; SEED=1 MINUTES=1 are the defaults
	$(BIN)/python -m tests.chaos --seed $(SEED) --minutes $(MINUTES)

irctest: $(DEV) ## Let irctest examine the IRC door; IRCTEST=DIR names a checkout of progval/irctest
	@if [ -f "$(IRCTEST)/irctest/cases.py" ]; then \
		$(BIN)/python -m pip install --quiet filelock && \
		cd "$(IRCTEST)" && PYTHONPATH="$(CURDIR)" "$(abspath $(BIN))/python" -m pytest \
			--controller tests.irc.controller -p no:randomly -p no:cacheprovider \
			-m "not implementation-specific and not deprecated and not strict" \
			$(or $(ARGS),irctest/server_tests/*.py irctest/server_tests/chmodes/*.py); \
	else \
		echo "irctest was skipped: IRCTEST=DIR has to name a checkout of progval/irctest"; \
	fi

share: $(DEV) ## Write the man page and the completion scripts of deploy/share again
	$(BIN)/python -m tests.share

dist: $(DEV) ## The wheel and the sdist, checked, and a list of what the wheel brings with it (SBOM)
	rm -rf dist && $(BIN)/pip install -q -e ".[release]"
	$(BIN)/python -m build --quiet
	$(BIN)/twine check --strict dist/*.whl dist/*.tar.gz
	$(PYTHON) -m venv --clear $(VENV)-dist && $(VENV)-dist/bin/pip install -q dist/*.whl
	$(BIN)/cyclonedx-py environment --output-reproducible -o dist/sbom.cdx.json $(VENV)-dist/bin/python
	cd / && $(abspath $(VENV)-dist)/bin/chatctl --version

picture: $(DEV) ## Record docs/talking.svg again: two people talk through a real gateway
	$(BIN)/python -m tests.picture

format: $(DEV) ## Let ruff format and fix the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find $(PACKAGES) tests -name __pycache__ -prune -exec rm -rf {} +

$(RUN): pyproject.toml | $(BIN)/python
	@echo 'Installing chatctl and what it needs into $(VENV)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[embedded]'
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	@echo 'Installing chatctl and what it needs into $(VENV)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "chatctl needs Python 3.11 or newer, and '$(PYTHON)' is not:" \
	    "install one and name it, as in: make run PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' comes without its venv module: install it" \
	    "(Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
