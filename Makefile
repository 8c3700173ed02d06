# Each command sets up what it needs: a fresh clone, Python 3.11 or later, and a package index are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: demo test check bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    run the census example twice: steps run, then are skipped"
	@echo "make test    run all tests"
	@echo "make check   ruff, mypy, import-linter, docs"
	@echo "make bench   measure start-up, cold, warm, fan-out and memory, beside the peers that can be installed"

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "simpleflow needs Python 3.11 or later (set PYTHON=...)")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[dev]'
	$(BIN)/python -m compileall -q src
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python examples/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/docs tests/test_architecture.py tests/test_public_names.py

bench: $(STAMP)
	$(BIN)/python -m bench.peers
	$(BIN)/python -m bench --plot bench.svg

clean:
	rm -rf $(VENV) .simpleflow
