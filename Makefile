# make demo: set up and run the whole road.  make test: set up and test.  make setup: the set-up alone.
# make docs: the pages of docs/ as a site, docs/_build/index.html; a warning or a dead link fails it.
# make dist: the wheel and the source archive.  make extras: each extra of the wheel in an environment of its own.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= demo-out

.PHONY: setup setup-test demo demo-quick test lint docs dist extras clean

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

$(VENV)/.docs: $(VENV)/.test
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

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

docs: $(VENV)/.docs
	$(BIN)/python -P -m sphinx --quiet --fail-on-warning --keep-going --jobs auto -d docs/_build/.trees docs docs/_build

dist: setup-test
	rm -rf dist build mavfer.egg-info/SOURCES.txt
	$(BIN)/python -m build --no-isolation --outdir dist .

extras: dist
	$(BIN)/python tools/check_extras.py dist/*.whl --pip none

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info
