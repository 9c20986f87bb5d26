# tocsin: `make demo` to try it, `make test` to check it. Both do all of their own set-up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHAT ?= tests
REQUIRE ?=
export REQUIRE
# Two workers: most tests mostly wait. On one of them the live tests follow each other, as they have to
# (tests/lanes.py). On two cores all of it takes 13 min so, and 19 without. With JOBS=0, and for a part
# (WHAT=...), there are none: that is what --pdb and -s need.
JOBS ?= $(if $(filter-out tests,$(WHAT)),0,2)
# Tests start hundreds of processes, and compiling all modules anew for each takes longer than they do.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test lint bench soak serve eval lock clean check-tools

help:
	@echo "make demo    a Slack workspace, a TiKV-shaped cluster and the bot, in your browser"
	@echo "make test    everything that can be checked on this machine (REQUIRE=docker,... forbids skips)"
	@echo "             JOBS=0 without workers, WHAT=tests/core a part, ARGS=... for pytest"
	@echo "make lint    formatting, types, architecture"
	@echo "make bench   figures, with the floor beside each"
	@echo "make eval    how right the diagnoses are, over the scenarios of this repository"
	@echo "make soak    the long runs: 1,000 kills"
	@echo "make serve   the bot, with tocsin.toml and tokens from the environment"

check-tools:
	@sh deploy/check-tools.sh $(PYTHON)

$(VENV)/.runtime: requirements.lock pyproject.toml | check-tools
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing (locked, hash-checked)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the test tools (locked, hash-checked)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.runtime
	@$(BIN)/tocsin local $(ARGS)

serve: $(VENV)/.runtime
	@$(BIN)/tocsin serve $(ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS) -m "not soak and not bench" $(ARGS) $(WHAT)

lint: $(VENV)/.dev
	$(BIN)/ruff format --check bot core tests
	$(BIN)/ruff check bot core tests
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	$(BIN)/python -m pytest -q -s -m bench --timeout=1800 tests/bench $(ARGS)

eval: $(VENV)/.runtime
	@$(BIN)/tocsin eval scenarios $(ARGS)

soak: $(VENV)/.dev
	$(BIN)/python -m pytest -q -s -m soak --timeout=7200 tests $(ARGS)

# Resolve the locks anew from pyproject.toml (needs uv).
lock:
	uv pip compile -q pyproject.toml -o requirements.lock --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header
	uv pip compile -q pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build dist
