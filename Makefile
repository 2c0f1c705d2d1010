# make demo: set up and run the whole road.  make test: set up and test.  make setup: the set-up alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo-out

.PHONY: setup setup-test demo demo-quick test lint clean

setup: $(VENV)/.all
setup-test: $(VENV)/.test

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mavfer wants Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all]'
	touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,test]'
	touch $@ $(VENV)/.all

demo: setup
	$(BIN)/mavfer demo --out $(OUT)

demo-quick: setup
	$(BIN)/mavfer demo --quick --out $(OUT)

test: setup-test
	$(BIN)/python -m pytest

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/pyright --pythonplatform Windows
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build *.egg-info
