# Each target prints what it is about to do. `make demo` and `make test` install what they need by themselves.
.DEFAULT_GOAL := help
SHELL := /bin/bash
STATION := .venv/bin/station
PYTHON := .venv/bin/python
# Workers of the tests: one more than cores, for many of them wait for something real.
JOBS ?= 3

.PHONY: help setup demo test lint faults bench docs clean

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup:  ## install missing Debian packages, the virtual environment and the project
	@deploy/setup.sh

demo: setup  ## the whole system on this machine; HEADLESS=1 runs one visit of each kind and ends
	@echo "demo: broker, headquarters, kiosk and virtual phones on this machine" >&2
ifdef HEADLESS
	@$(STATION) demo --headless --json
else
	@$(STATION) demo
endif

lint: setup  ## style, types, and which room may look where
	@echo "lint: ruff, mypy --strict (the device's part against its board's stubs), import-linter" >&2
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/mypy tests/architecture/ports.py && .venv/bin/lint-imports && deploy/check-device.sh

test: setup  ## every test of the promise a change must keep (under 10 minutes on two cores)
	@echo "test: lint, then the tests on $(JOBS) workers" >&2
	@$(MAKE) --no-print-directory lint
	@env -u PYTHONDONTWRITEBYTECODE TMPDIR="$$(deploy/scratch.sh)" $(PYTHON) -m pytest -n $(JOBS) --dist loadgroup \
	    -o tmp_path_retention_policy=failed tests

faults: setup  ## the exhaustive fault matrix (long)
	@echo "faults: every screen in every look, every point of the counter, then every fault, every seed" >&2
	@EVERY_SCREEN=1 EVERY_POINT=1 $(PYTHON) -m pytest -n0 --timeout 1800 tests/ui/test_screens.py tests/unit/test_counter_recovery.py
	@$(STATION) faults --json

bench: setup  ## the figures, side by side with the peers on this machine (long)
	@echo "bench: alternated runs against the peers" >&2
	@$(STATION) bench --json

docs: setup  ## the diagrams from the tables, the pictures from the screens
	@echo "docs: the state diagrams into docs/update-flow.md and docs/counter.md, the README's pictures into docs/images" >&2
	@$(PYTHON) -m kiosk.flow.diagram docs/update-flow.md
	@$(PYTHON) -m kiosk.flow.counter.diagram docs/counter.md
	@deploy/with-display $(PYTHON) -m kiosk.ui.gallery build/gallery
	@mkdir -p docs/images
	@for name in attract keys plan fetching progress result drop_released drop_receipt staff_quote staff_offer staff_erase_running; do \
	    cp build/gallery/$$name.zh.png build/gallery/$$name.en.png docs/images/; done

clean:  ## remove what a build left
	@rm -rf build dist .venv *.egg-info .mypy_cache .ruff_cache .hypothesis
