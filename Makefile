# make report   every analysis at its quick setting, then reports/index.html
# make test     style, types, layers, and all quick tests
# Both build .venv first when it is missing or out of date.

.PHONY: setup report report-full check test test-slow lock
.DEFAULT_GOAL := report

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PYTHON := $(BIN)/python
READY := $(VENV)/.ready

setup: $(READY)

report: $(READY)
	$(PYTHON) -m bayesbio run all --quick

report-full: $(READY)
	$(PYTHON) -m bayesbio run all

check: $(READY)
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pytest -q tests/house/test_layers.py

test: check
	$(PYTHON) -m pytest -n 2 --dist loadfile

test-slow: $(READY)
	$(PYTHON) -m pytest -n 2 --dist loadfile -m "slow or not slow"

# Exact versions and hashes for every platform; edit pyproject.toml, then run this.
lock: $(READY)
	$(PYTHON) -m uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
		--no-emit-find-links --python-version 3.12 --extra dev \
		--custom-compile-command "make lock" pyproject.toml --output-file requirements.lock

# The first interpreter that is new enough; failing that, uv fetches one; failing that, a sentence.
# Packages come through uv where there is one (the lock brings one along), else through pip.
$(READY): requirements.lock pyproject.toml
	@set -e; new_enough='import sys; sys.exit(sys.version_info < (3, 12))'; python=; uv=; \
	for name in python3.13 python3.12 python3.14 python3 python; do \
		if $$name -c "$$new_enough" >/dev/null 2>&1; then python=$$name; break; fi; \
	done; \
	if command -v uv >/dev/null 2>&1; then uv=uv; fi; \
	if ! $(PYTHON) -c "$$new_enough" >/dev/null 2>&1; then \
		rm -rf $(VENV); \
		if [ -n "$$python" ] && [ -n "$$uv" ]; then \
			uv venv --quiet --python "$$($$python -c 'import sys; print(sys.executable)')" $(VENV); \
		elif [ -n "$$python" ]; then $$python -m venv $(VENV); \
		elif [ -n "$$uv" ]; then uv venv --quiet --python 3.13 $(VENV); \
		else \
			echo "bayesbio needs Python 3.12 or newer; found $$(python3 --version 2>&1 | head -n 1)." \
				"Install one from https://www.python.org/downloads/ (or install uv, which fetches" \
				"its own), then run make again." >&2; \
			exit 1; \
		fi; \
	fi; \
	if [ -z "$$uv" ] && $(PYTHON) -m uv --version >/dev/null 2>&1; then uv="$(PYTHON) -m uv"; fi; \
	echo "Installing what requirements.lock lists into $(VENV); a few minutes the first time."; \
	if [ -n "$$uv" ]; then \
		$$uv pip install --quiet --python $(PYTHON) --require-hashes --requirement requirements.lock; \
		$$uv pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .; \
	else \
		$(PYTHON) -m pip install --quiet --require-hashes --requirement requirements.lock; \
		$(PYTHON) -m pip install --quiet --no-deps --no-build-isolation --editable .; \
	fi
	@touch $@
