# From a fresh machine with Python 3.11 or newer and make: `make run` and `make test` do everything.

PYTHON ?= python3
ENV ?= HalfCheetah-v5
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
TEST_STAMP := $(VENV)/.installed-test
# Asked for on its own and by exact version: anything looser may fetch gigabytes of CUDA packages.
TORCH := $(shell grep '^torch==' constraints.txt)

.DEFAULT_GOAL := help
.PHONY: help run test test-faults lint format screenshots clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/'

run: $(RUN_STAMP) ## Install what is needed and open the application on HalfCheetah-v5 (or ENV=...)
	$(BIN)/vmpo-tui $(ENV)

test: $(TEST_STAMP) lint ## Install what is needed, then every check and every test
	$(BIN)/pytest --numprocesses auto --dist worksteal

test-faults: $(TEST_STAMP) ## Prove reliability in full: kills, damage, exact resume on every environment (minutes)
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "faults or not faults" tests/faults

lint: $(TEST_STAMP) ## Style, types and import contracts only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(TEST_STAMP) ## Rewrite the sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(TEST_STAMP) ## Redraw the pictures of every screen, and the film, from a real run (a minute)
	$(BIN)/python screenshots/draw.py

clean: ## Remove the virtual environment and caches; runs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: $(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.11" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(TORCH)
	$(BIN)/python -m pip install --quiet --editable . --constraint constraints.txt
	@touch $@

# Box2D has no wheel for some platforms and needs swig to build: without it, its tests do not apply.
$(TEST_STAMP): $(RUN_STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[dev,video,dm-control,plot,export,serve,tensorboard,wandb]' --constraint constraints.txt
	$(BIN)/python -m pip install --quiet --editable '.[box2d]' --constraint constraints.txt || \
		echo "Box2D could not be installed (it may need swig): going on without it" >&2
	@touch $@
