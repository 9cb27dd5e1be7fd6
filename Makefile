# Salestream: what people run. `make` alone lists it.
#
# Everything runs from .venv inside the checkout; nothing needs to be activated.
#   PYTHON=python3.12   the Python (3.11 or newer) that .venv is made with
#   ARGS="..."          passed on to the command behind demo, test, bench, torture, fuzz, soak and lock

PYTHON ?= python3
UV     ?= uv
ARGS   ?=

# Relative on purpose: a checkout whose path holds spaces works too.
VENV := .venv
BIN  := $(VENV)/bin
PIP  := $(BIN)/python -m pip --disable-pip-version-check -q

# A stamp says that its step finished, so an interrupted one starts anew. The first is a copy of the
# lock that .venv was made from: only a changed text, not a new date, makes .venv anew.
RUNTIME := $(VENV)/runtime.stamp
PROJECT := $(VENV)/project.stamp
DEV     := $(VENV)/dev.stamp

SOURCES := events projections services
COMPILE := "$(UV)" pip compile pyproject.toml -q --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup demo test check lint types bench torture fuzz soak docs pictures lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

setup: $(DEV) ## Make .venv from the lock files (done once; redone when a lock changes)
	@:

demo: $(PROJECT) ## Let a simulated company live in fast motion, on a wallboard and in the terminal
	@$(BIN)/salestream demo $(ARGS)

# One process more than there are cores: some of the tests wait for brokers and browsers.
test: $(DEV) ## Run the tests, e.g. make test ARGS="-k refund"
	@$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 4 --dist loadscope --max-worker-restart 2 $(ARGS)

check: lint types test ## All that must be green before a commit: lint, types, test

lint: $(DEV) ## Check formatting and style
	@$(BIN)/python -m ruff format --check --quiet --output-format concise . || { echo "Run: $(BIN)/ruff format ." >&2; exit 1; }
	@$(BIN)/python -m ruff check --quiet --output-format concise .

types: $(DEV) ## Check types, strictly
	@$(BIN)/python -m mypy --strict $(SOURCES) tests benchmarks

bench: $(DEV) ## Measure the figures that the README gives
	@$(BIN)/python -m benchmarks $(ARGS)

# A rebuild is killed by a command of its own: .venv/bin/python -m tests.services.replay.kills --kills 50
torture: $(DEV) ## Kill, cut off and shuffle workers for some hours; the books stay exact
	@$(BIN)/python -m tests.services.worker.torture $(ARGS)

fuzz: $(DEV) ## Try the HTTP interface, codec and connectors with odd input, for some minutes
	@SALESTREAM_FUZZ=100 $(BIN)/python -m pytest -q tests/services/gateway/test_openapi.py tests/services/connectors/test_fuzz.py
	@$(PIP) install "atheris>=3,<4" && $(BIN)/python -m tests.fuzz $(ARGS)

soak: $(DEV) ## Let a wallboard hang for 30 minutes that are weeks to it; shorter with ARGS="--minutes 2"
	@$(BIN)/python -m tests.services.wallboard.soak $(ARGS)

docs: $(DEV) ## Regenerate the generated pages
	@$(BIN)/python -m services.docs

pictures: $(DEV) ## Take the pictures of the wallboard in docs/ anew
	@$(BIN)/python -m tests.services.wallboard.pictures

lock: ## Solve the lock files anew from pyproject.toml; newest versions with ARGS=--upgrade
	@command -v "$(UV)" >/dev/null || { echo "make lock needs uv: pip install uv, or name it with UV=..." >&2; exit 1; }
	@$(COMPILE) --group build $(ARGS) -o requirements.lock
	@$(COMPILE) --group dev $(ARGS) -c requirements.lock -o requirements-dev.lock

clean: ## Remove .venv, caches and build products; data stays
	@rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist salestream.egg-info
	@find $(wildcard $(SOURCES) tests benchmarks) -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): requirements.lock
	@set -e; fail() { echo "$$1" >&2; exit 1; }; \
	if cmp -s $< $@; then touch $@; exit; fi; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		fail "Salestream needs Python 3.11 or newer, and '$(PYTHON)' is not; name one: make setup PYTHON=python3.12"; \
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
		fail "'$(PYTHON)' has no venv module; install it (on Debian and Ubuntu: the package python3-venv)"; \
	echo "Making $(VENV) with $$("$(PYTHON)" --version); this takes a minute or two"; \
	"$(PYTHON)" -m venv --clear $(VENV); \
	$(PIP) install --require-hashes -r requirements.lock; \
	cp $< $@

$(PROJECT): pyproject.toml $(RUNTIME)
	@$(PIP) install --no-build-isolation --no-deps -e .
	@touch $@

$(DEV): requirements-dev.lock $(PROJECT)
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
