.PHONY: demo test bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

demo: $(VENV)/.demo  ## The whole system on embedded loopback receivers.
	$(BIN)/queue-telemetry demo

test: $(VENV)/.test  ## All that must pass.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest

bench: $(VENV)/.bench  ## The budgets, beside the peers, in one run.
	$(BIN)/python -m benchmarks

$(VENV)/.pip:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --editable ".[demo]" --group test
	@touch $@

$(VENV)/.bench: pyproject.toml | $(VENV)/.pip
	$(BIN)/python -m pip install --quiet --editable ".[demo]" --group bench
	@touch $@

clean:
	rm -rf $(VENV)
