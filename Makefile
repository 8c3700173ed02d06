# Each command sets up what it needs: a fresh clone, Python 3.11 or later, and a package index are enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# The demo needs three packages and the source here. So it has an environment of its own, which is made in seconds.
DEMO   := .venv-demo
DIST   := .venv-dist
BUILD  := .venv-build
DOCS   := .venv-docs
ENVIRONMENT := $(PYTHON) .ci/environment.py
# The library that the package index calls simpleflow, for the tests in which it is a client of the local server.
EXISTING := .venv-existing

# The wheel with the oldest dependencies, and the tests that run on it: of the library, without those of the folder.
WHEEL := .venv-wheel
OF_WHEEL := tests/testing tests/views tests/core/test_decide.py tests/language/test_activity.py \
	tests/language/test_canvas.py tests/language/test_values.py tests/cli/test_bad_options.py tests/cli/test_completion.py \
	tests/cli/test_info.py tests/cli/test_input.py tests/stores/test_s3.py tests/stores/test_cloud.py \
	tests/cluster/test_runs.py tests/swf/test_engine.py tests/server/test_executions.py tests/ui/test_pages.py \
	tests/test_servers.py

# A second Python: the oldest one on this machine, or the newest one where $(PYTHON) is of the oldest version. On it run
# the tests whose outcome is most likely to depend on the Python: of the language, the core, the engines, worker
# processes, and runs of the command. All: make test-other TESTS=tests.
OTHER := .venv-other
OF_OTHER := tests/core tests/engines tests/language tests/testing tests/views tests/worker tests/cli/test_start.py \
	tests/cli/test_waits.py tests/test_servers.py tests/test_public_names.py
# Not those that compute for long with what others of these do in a moment.
NOT_OF_OTHER := tests/core/test_event_limit.py tests/core/test_vocabulary.py tests/worker/test_random_workflows.py

# Microsoft's emulator of Azure's marks. Its registry knows it by this name.
AZURITE := .azurite

# The browser in which the page is tested: Debian's, where this may install it.
CHROMIUM := /usr/bin/chromium

# Tests wait for processes and servers longer than they compute. Four at once leave a fourth of two cores idle.
AT_ONCE := -n 5 --dist worksteal

.PHONY: set-up smoke-aws demo demo-cluster test suite test-other wheel test-wheel test-installed-wheel check lint bench
.PHONY: screenshots chromium docs docs-links dist clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    run the census example twice: steps run, then are skipped"
	@echo "make demo-cluster  run the census on two workers of a Dask scheduler, and kill one"
	@echo "make test    run all tests, and those that can depend on the Python on a second Python"
	@echo "make test-wheel  run tests on the wheel, with the oldest dependencies"
	@echo "make check   ruff, mypy, import-linter, docs"
	@echo "make bench   measure start-up, cold, warm, fan-out and memory, beside the peers that can be installed"
	@echo "make screenshots   draw the pictures in the README and in the pages anew"
	@echo "make docs    build the documentation site in build/docs/html, and check its links"
	@echo "make smoke-aws   run every example on Amazon SWF with your credentials; see docs/swf-smoke.md for what it costs"
	@echo "make dist    build the wheel and the source distribution in dist/, and check them"

.PHONY: python
python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "simpleflow needs Python 3.11 or later (set PYTHON=...)")'

# pip's own copy in the environment would take longer than all the rest, so the one of $(PYTHON) serves if there is one.
$(DEMO)/.installed: pyproject.toml | python
	@echo "installing what simpleflow needs into $(DEMO)"
	@rm -rf $(DEMO)
	@if $(PYTHON) -m pip --help 2>/dev/null | grep -q -e --python; then $(PYTHON) -m venv --without-pip $(DEMO); \
	else $(PYTHON) -m venv $(DEMO); fi
	@$(DEMO)/bin/python examples/demo.py --needs > $(DEMO)/needs.txt
	@pip="$(PYTHON) -m pip --python $(DEMO)/bin/python"; test ! -x $(DEMO)/bin/pip || pip=$(DEMO)/bin/pip; \
	$$pip install --quiet --requirement $(DEMO)/needs.txt
	@echo "$(CURDIR)/src" > "$$($(DEMO)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/checkout.pth"
	@touch $@

$(STAMP): pyproject.toml | python
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-compile --editable '.[dev]'
	$(ENVIRONMENT) compile $(VENV)
	$(BIN)/python -m compileall -q src
	touch $(STAMP)

demo: $(DEMO)/.installed
	@$(DEMO)/bin/python examples/demo.py

# Dask comes into the demo's environment when it is needed first.
$(DEMO)/.dask: $(DEMO)/.installed
	@echo "installing Dask into $(DEMO)"
	@pip="$(PYTHON) -m pip --python $(DEMO)/bin/python"; test ! -x $(DEMO)/bin/pip || pip=$(DEMO)/bin/pip; \
	$$pip install --quiet "$$($(DEMO)/bin/python examples/demo.py --needs dask)"
	@touch $@

demo-cluster: $(DEMO)/.dask
	@$(DEMO)/bin/python examples/demo_cluster.py

$(EXISTING)/.tried: | python
	@$(ENVIRONMENT) make $(EXISTING) "$$($(PYTHON) .ci/pythons.py oldest)" 'simpleflow==0.36.0' \
	|| echo "simpleflow 0.36.0 cannot be installed from the package index: the tests that need it are skipped"
	@$(ENVIRONMENT) pip $(EXISTING) download --quiet --no-deps --no-binary simpleflow --dest $(EXISTING) 'simpleflow==0.32.2' && \
	tar -xzf $(EXISTING)/simpleflow-0.32.2.tar.gz -C $(EXISTING) --strip-components=1 simpleflow-0.32.2/examples \
	|| echo "the sources of simpleflow 0.32.2 cannot be downloaded: the tests of its examples are skipped"
	@touch $@

$(AZURITE)/.tried:
	@mkdir -p $(AZURITE)
	@npm install --silent --no-audit --no-fund --prefix $(AZURITE) 'azurite@^3.34' \
	|| echo "azurite cannot be installed by npm: the tests of marks in Azure Blob Storage are skipped"
	@touch $@

chromium:
	@test -x $(CHROMIUM) || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
	(apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium \
	fonts-dejavu-core >/dev/null) || true
	@test -x $(CHROMIUM) || echo "there is no $(CHROMIUM) and it cannot be installed here: the page is not tested in a browser"

# All that the tests need, at once: make -j set-up
set-up: $(VENV)/.rewritten $(OTHER)/.rewritten $(EXISTING)/.tried $(AZURITE)/.tried chromium

# pytest compiles test modules in its own way, which takes ten seconds. Here it is done once and kept, while downloads
# last; else each process that runs tests would do it.
$(VENV)/.rewritten: $(STAMP)
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --collect-only -q -p no:xdist >/dev/null
	@touch $@

$(OTHER)/.rewritten: $(OTHER)/.installed
	@test ! -x $(OTHER)/bin/python || \
	env -u PYTHONDONTWRITEBYTECODE $(OTHER)/bin/python -m pytest --collect-only -q -p no:xdist $(OF_OTHER) >/dev/null
	@touch $@

test: suite test-other

# TESTS are files and folders, by default all. On another Python: make suite PYTHON=python3.13 VENV=.venv-3.13
# The tests start hundreds of processes. Where PYTHONDONTWRITEBYTECODE is set, each of them would compile anew every
# module that has changed since the installation, which doubles the time that a command takes.
suite: $(STAMP) $(EXISTING)/.tried $(AZURITE)/.tried chromium
	$(BIN)/python -m compileall -q src tests
	PYTHONHASHSEED=1 $(BIN)/python -m pytest $(AT_ONCE) $(TESTS)

$(OTHER)/.installed: pyproject.toml .ci/pythons.py .ci/environment.py | python
	@main=$(BIN)/python; test -x $$main || main=$(PYTHON); $$main .ci/pythons.py environment $(OTHER)
	@touch $@

test-other: $(OTHER)/.installed
	@cat $(OTHER)/tried.txt
	@test ! -x $(OTHER)/bin/python || { $(OTHER)/bin/python -m compileall -q src tests && \
	PYTHONHASHSEED=2 $(OTHER)/bin/python -m pytest $(AT_ONCE) \
	$(or $(TESTS),$(OF_OTHER) $(NOT_OF_OTHER:%=--ignore=%)); }

# What users get: the wheel, in an environment of its own, of the oldest Python on this machine and with the oldest
# dependencies that it allows. No test reads src.
wheel: $(BUILD)/.installed
	rm -rf $(BUILD)/dist
	$(BUILD)/bin/python -m build --no-isolation --wheel --outdir $(BUILD)/dist .
	$(PYTHON) .ci/minimums.py > $(BUILD)/minimums.txt
	$(ENVIRONMENT) make $(WHEEL) "$$($(PYTHON) .ci/pythons.py oldest)" --constraint $(BUILD)/minimums.txt \
	"$$(ls $(CURDIR)/$(BUILD)/dist/*.whl)[test]" 'moto>=5.0.20,<6' 'flask>=3,<4' 'flask-cors>=4,<7'
	$(ENVIRONMENT) pip $(WHEEL) check

$(BUILD)/.installed: pyproject.toml | python
	$(ENVIRONMENT) make $(BUILD) $(PYTHON) 'build>=1.2,<2' 'hatchling>=1.25'
	touch $@

test-wheel: wheel
	$(TEST_WHEEL)

test-installed-wheel:
	$(TEST_WHEEL)

# pytest would load the modules of the library in its own way, since a plugin comes with them. Users load them plainly.
TEST_WHEEL = PYTHONHASHSEED=2 $(WHEEL)/bin/python -m pytest --assert=plain $(AT_ONCE) $(or $(TESTS),$(OF_WHEEL))

# Never in CI: it needs an account, and costs a few cents.
smoke-aws: $(STAMP)
	$(BIN)/python -m tests.swf.smoke $(SMOKE)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(BIN)/python -m pytest -q tests/docs tests/test_architecture.py tests/test_public_names.py

bench: $(STAMP)
	$(BIN)/python -m bench.peers
	$(BIN)/python -m bench --plot bench.svg
	$(BIN)/python -m bench.counts

screenshots: $(STAMP) chromium
	$(BIN)/python -m tests.docs.picture
	$(BIN)/python -m tests.docs.report_pictures
	$(BIN)/python -m tests.docs.ui_pictures

$(DOCS)/.installed: pyproject.toml | python
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --quiet --editable '.[docs]'
	touch $@

docs: $(DOCS)/.installed
	$(DOCS)/bin/python -m docs.site.build

# Asks the servers of other sites, so it is not part of any check.
docs-links: $(DOCS)/.installed
	$(DOCS)/bin/python -m docs.site.build --external

$(DIST)/.installed: | python
	$(PYTHON) -m venv $(DIST)
	$(DIST)/bin/pip install --quiet 'build>=1.2,<2' 'twine>=6,<8'
	touch $@

dist: $(DIST)/.installed
	rm -rf dist
	$(DIST)/bin/python -m build --outdir dist .
	$(DIST)/bin/python -m twine check --strict dist/*
	$(DIST)/bin/python .ci/check_dist.py dist $(TAG)

clean:
	rm -rf $(VENV) $(OTHER) $(DEMO) $(DIST) $(BUILD) $(WHEEL) $(DOCS) $(EXISTING) $(AZURITE) .simpleflow dist build
