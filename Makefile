# SPDX-License-Identifier: Apache-2.0
# `make demo` shows it at work, `make test` checks everything; both set up what they need.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.setup-done
# Some tests wait more than they work: three processes for two cores. What a worker has begun with is
# left to it, until another has nothing.
WORKERS ?= $(shell echo $$(( ($$(nproc) * 3 + 1) / 2 )))
PYTEST := $(PY) -m pytest --numprocesses $(WORKERS) --dist worksteal
SOURCES := kvscheduler descriptors agents proto tests benchmarks examples

# What says by examples what the engine does: with these alone its coverage is measured. What searches
# for counterexamples, and all that is about descriptors and agents, would take three times as long
# under it, and add nothing.
EXAMPLES := tests/engine tests/conformance $(wildcard tests/properties/test_found*.py) \
	$(filter-out $(wildcard tests/test_descriptor_laws*.py),$(wildcard tests/test_*.py))

# The planner, what carries its plans out and what remembers them: no line and no branch untested.
CORE := kvscheduler/graph*,kvscheduler/planner/*,kvscheduler/executor*,kvscheduler/journal*

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-agent demo-nsm test lint types contracts protos protos-check mesh tests cov others sim search proof mutate bench man reference pictures fmt lock clean

help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(STAMP)  ## make the virtual environment, from the lock with hashes

$(STAMP): requirements/dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "setup: needs Python 3.11 or newer (or PYTHON=...)" >&2; exit 1; }
	@requirements/system.sh $(PYTHON)
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "setup: installing into $(VENV)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)  ## show it at work on real Linux networking, then remove everything
	@$(PY) examples/demo.py

demo-agent: $(STAMP)  ## show an agent with etcd at work, killed and started again, then remove everything
	@$(PY) examples/demo_agent.py

demo-nsm: $(STAMP)  ## show a network service mesh with two agents and our forwarder (takes Go), then remove everything
	@$(PY) examples/demo_nsm.py

test: lint types contracts protos-check cov others  ## everything that CI checks

lint: $(STAMP)  ## check the code's form
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(STAMP)  ## check the types
	$(PY) -m mypy

contracts: $(STAMP)  ## check who imports whom
	$(VENV)/bin/lint-imports --config pyproject.toml --no-logo --no-cache

protos: $(STAMP)  ## generate the code of the messages again
	$(PY) proto/generate.py

protos-check: $(STAMP)  ## compare the generated code with what would be generated
	$(PY) proto/generate.py --check

mesh: $(STAMP)  ## build the network service mesh that tests use, with Go, if it is there
	@$(PY) -m tests.nsm.mesh

tests: mesh  ## run the tests alone, without coverage
	$(PYTEST)

cov: mesh  ## run the examples for the engine, and measure what of it they cover
	$(PYTEST) --cov=kvscheduler --cov-report= $(EXAMPLES)
	$(PY) -m coverage report --fail-under=95 --include='kvscheduler/*' --omit='kvscheduler/testing/*,$(CORE)'
	$(PY) -m coverage report --fail-under=100 --include='$(CORE)'

others: mesh  ## run all tests but those examples
	$(PYTEST) $(EXAMPLES:%=--ignore=%)

sim: $(STAMP)  ## simulate every failure at every point (SECONDS=60 RUNS= JOBS= FIRST= PAIRS=; SEED= replays one)
	$(PY) -m tests.sim $(foreach name,SECONDS RUNS JOBS FIRST PAIRS SEED RUN,$(if $($(name)),--$(shell echo $(name) | tr A-Z a-z) $($(name))))

search: $(STAMP)  ## search longer for counterexamples to the laws
	HYPOTHESIS_PROFILE=search $(PY) -m pytest tests/properties tests/sim

proof: $(STAMP)  ## prove the Linux descriptors longer, on the real kernel (EXAMPLES=50 TRANSACTIONS=1000)
	HYPOTHESIS_PROFILE=search HYPOTHESIS_EXAMPLES=$(or $(EXAMPLES),50) KVS_TRANSACTIONS=$(or $(TRANSACTIONS),1000) \
		$(PY) -m pytest tests/linux/test_proof_*.py

mutate: $(STAMP)  ## change the engine's code in small ways, see whether a test notices (MODULES= AGAIN=1 LIMIT= REPORT=1)
	$(PY) -m tests.mutation $(MODULES) $(if $(AGAIN),--again) $(if $(LIMIT),--limit $(LIMIT)) $(if $(REPORT),--report)

bench: $(STAMP)  ## measure, and write benchmarks/RESULTS.md (QUICK=1: a glance, written nowhere)
	$(PY) -m benchmarks $(if $(QUICK),--quick)

man: $(STAMP)  ## write the manual into build/man, from what the commands say (man -l build/man/kvsctl.1)
	$(PY) -m kvs_agent.cli.manual build/man

reference: $(STAMP)  ## write the reference of the agents' settings anew, from what they read
	$(PY) -m kvs_agent.daemon.reference docs/settings.md

pictures: $(STAMP)  ## take the pictures of a terminal in docs/pictures anew
	$(PY) -m docs.pictures.record

fmt: $(STAMP)  ## bring the code into form
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

LOCK := --generate-hashes --no-strip-extras --universal --python-version 3.11 --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --quiet

lock:  ## choose the newest versions anew; look at the difference before committing it
	$(PYTHON) -m venv build/lock
	build/lock/bin/pip install --quiet uv
	build/lock/bin/uv pip compile --upgrade $(LOCK) --extra dev -o requirements/dev.txt pyproject.toml
	build/lock/bin/uv pip compile --upgrade $(LOCK) --extra agent --extra build -o requirements/agent.txt pyproject.toml
	build/lock/bin/uv pip compile --upgrade $(LOCK) -o proto/requirements.txt proto/requirements.in

clean:  ## remove everything that was made here
	rm -rf $(VENV) build dist .coverage* .grimp_cache .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
