# Names only: what a name does is done by cargo, npm, pytest and scripts/.
# `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PAGE := packages/web/dist/index.html
PAGE_SOURCES := packages/package-lock.json $(shell find packages/client packages/web \
	\( -name node_modules -o -name dist -o -name test \) -prune -o -type f -print 2>/dev/null)
PYTHON := .cache/python/bin/python

.PHONY: help
help: ## Lists what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: page-if-possible ## Builds the server with its page, starts it, and prints where to look
	cargo build --release -p sluicegate
	exec target/release/sluicegate serve --batch-window 0 --collector 1s $(ARGS)

.PHONY: test
test: tools page lint test-rust test-counts test-packages test-e2e test-acceptance ## Installs what the tests need and runs them all
	@echo "All tests passed."

.PHONY: bench
bench: ## Measures latency, fan-out and memory per connection
	cargo build --release -p sluicegate -p sluicegate-bench
	cargo run --release -p sluicegate-bench -- $(ARGS)

.PHONY: counts
counts: ## Counts the instructions of the hot paths and compares them with bench/instructions.toml
	scripts/install-valgrind
	cargo run --quiet --locked -p xtask -- counts $(ARGS)

.PHONY: conformance
conformance: ## Runs the conformance cases of WebSocket APIs, prints a table, and writes docs/reference/conformance.md
	cargo run --quiet -p sluicegate-conformance -- $(if $(findstring --endpoint,$(ARGS)),,--write) $(ARGS)

.PHONY: docs
docs: ## Writes the generated pages of docs/reference
	cargo run --quiet -p xtask -- docs

# The steps of `make test`, each on its own as well.

.PHONY: tools
tools: packages/node_modules/.package-lock.json acceptance/js/node_modules/.package-lock.json \
		examples/chat-cdk/node_modules/.package-lock.json .cache/python/installed
	scripts/install-chromium

.PHONY: page
page: $(PAGE)

.PHONY: lint
lint: ## Formatting, clippy, and the types of the packages
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	npm --prefix packages run typecheck
	npm --prefix packages run format:check

.PHONY: test-rust
test-rust: ## The Rust tests
	cargo test --workspace --locked

.PHONY: test-counts
test-counts: ## That no hot path has grown by more than 5 %
	scripts/install-valgrind
	cargo run --quiet --locked -p xtask -- counts

.PHONY: test-packages
test-packages: packages/node_modules/.package-lock.json ## The tests of the TypeScript packages
	npm --prefix packages test

.PHONY: test-e2e
test-e2e: tools page binary ## A real browser on a real server
	npm --prefix packages run e2e

.PHONY: test-acceptance
test-acceptance: tools page binary ## The official SDKs on a real server
	SLUICEGATE_BIN=$(CURDIR)/target/debug/sluicegate $(PYTHON) -m pytest acceptance

.PHONY: binary
binary:
	cargo build --locked -p sluicegate -p sluicegate-conformance -p chat-rust

# Files, rebuilt when what they are made of has changed.

$(PAGE): packages/node_modules/.package-lock.json $(PAGE_SOURCES)
	npm --prefix packages run build
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	@touch $@

.cache/python/installed: acceptance/requirements.txt
	python3 -m venv .cache/python
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r acceptance/requirements.txt
	@touch $@

# The server runs without its page, so a machine without Node is no reason to stop here.
.PHONY: page-if-possible
page-if-possible:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory page; \
	else echo "npm is not installed: the server will run without its live page (install Node 20 or newer to have it)"; fi
