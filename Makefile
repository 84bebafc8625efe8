# Two commands matter: `make demo` and `make test`. Both set up what they need on a machine with Python 3.11 or
# newer, and do nothing twice. Everything can be done by hand as well: see README.md.

PYTHON ?= python3
VENV := .venv
SERVER := .venv-labelstudio
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LABEL_STUDIO_VERSION := 1.23.*
DEMO := demo
VIDEO ?=
INTERACTIVE ?=

.PHONY: demo view test check setup setup-server clean help

help:
	@echo "make demo [VIDEO=path] [INTERACTIVE=1]   the whole chain, from a video to a score"
	@echo "make view                                the demo's worst hands in FiftyOne"
	@echo "make test                                set up and run all tests"
	@echo "make check                               ruff and mypy only"

demo: setup setup-server
	$(BIN)/hint-build demo --out $(DEMO) $(if $(VIDEO),--videos "$(VIDEO)") $(if $(INTERACTIVE),--interactive)

view: setup
	$(BIN)/hint-eval view --results $(DEMO)/results

test: setup setup-server check
	$(BIN)/python -m pytest

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

setup: $(VENV)/.installed
setup-server: $(SERVER)/.installed

$(VENV)/.installed: pyproject.toml scripts/install.sh
	PYTHON="$(PYTHON)" scripts/install.sh $(VENV)
	touch $@

$(SERVER)/.installed: Makefile
	$(PYTHON) -m venv $(SERVER)
	@echo "installing Label Studio into $(SERVER) (about 1 GB, once)"
	$(SERVER)/bin/python -m pip install --quiet --disable-pip-version-check "label-studio==$(LABEL_STUDIO_VERSION)"
	touch $@

clean:
	rm -rf $(VENV) $(SERVER) $(DEMO) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
