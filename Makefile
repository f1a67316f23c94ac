# The two commands people need are `make scenarios` and `make check`; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
RUN ?= runs/latest
SEED ?= 1
CLIENT ?= manager
COMPARE ?= realtime_py
WORLD ?= sim,wire
WORKERS ?= 3
STORIES ?= scenarios
TOXIPROXY ?= $(or $(SQUALL_TOXIPROXY),embedded)

.PHONY: help setup scenarios check lint types walls test sim node stories bench lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## build .venv from requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Squall needs Python 3.11 or newer; this is %d.%d. Say PYTHON=python3.12 (or newer)." % sys.version_info[:2] or 0)'
	@echo "installing the pinned packages into $(VENV) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

scenarios: $(STAMP) ## storm the client in sim and wire, print the verdicts, write the run folder
	@$(BIN)/python -m pytest $(STORIES) -v -r fE --no-header --world $(WORLD) --client $(CLIENT) --compare '$(COMPARE)' --seed $(SEED) --report $(RUN) --toxiproxy $(TOXIPROXY)

check: lint types walls test sim ## everything that must hold before a commit

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

walls: $(STAMP)
	$(BIN)/lint-imports

test: $(STAMP) ## the tests of our own code
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist loadfile

sim: $(STAMP) ## the scenarios in virtual time only
	$(BIN)/python -m pytest scenarios --world sim --seeds 3 --seed $(SEED)

node: tests/real_clients/node_modules/.package-lock.json ## install the JavaScript clients that the tests drive

tests/real_clients/node_modules/.package-lock.json: tests/real_clients/package-lock.json
	npm ci --prefix tests/real_clients --no-audit --no-fund

stories: $(STAMP) node ## play recorded faults again with the official clients, compare with the real server (3 min)
	@$(BIN)/python -m tests.stories tests/golden/clients_under_faults

bench: $(STAMP) ## measure the fake server and the proxy, each beside its peer
	@$(BIN)/python -m tests.bench

lock: ## pin the dependencies anew (needs uv)
	uv lock --upgrade
	uv export --quiet --format requirements-txt --all-extras --all-groups --no-emit-project --no-header -o requirements.lock

clean: ## remove what the commands made
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
