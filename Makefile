# Makefile: the front door. `make help` tells what there is; each target sees to its own set-up.
# SPDX-License-Identifier: Apache-2.0

PREFIX ?= /usr/local
DESTDIR ?=
PEER ?=
JOBS ?= $(shell nproc)
export JOBS

BUILD = cmake --build --preset
QUIET = -- --quiet --no-print-directory
.DEFAULT_GOAL = build

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' Makefile | while IFS='	' read -r name text; do \
	    printf '  make %-10s %s\n' "$$name" "$$text"; done

build: ## build the library and the examples, into build/release
	@sh scripts/setup.sh run
	@cmake --preset release >/dev/null
	@$(BUILD) release -j $(JOBS) $(QUIET)

run: build ## see the manager at work: a tour of two minutes' reading
	@build/release/examples/tour/tour

test: ## run every test and check, in every configuration and on every target
	@sh scripts/setup.sh test
	@sh scripts/test.sh $(ARGS)

bench: ## print the tables of the README; PEER=adapter.so measures one allocator more
	@sh scripts/setup.sh bench
	@cmake --preset bench >/dev/null
	@$(BUILD) bench -j $(JOBS) $(QUIET)
	@sh bench/run.sh build/bench $(if $(PEER),$(abspath $(PEER)))

size: ## weigh the code on Cortex-M3 and RV32, and the control bytes, against their bars
	@sh scripts/setup.sh test
	@sh scripts/size.sh

soak: ## run the property test and the fuzzers for hours
	@sh scripts/setup.sh test
	@sh scripts/soak.sh

mutants: ## break the engine in 400 ways, and tell which of them no test notices
	@sh scripts/setup.sh test
	@python3 tests/mutants/mutants.py --count 400 --jobs $(JOBS)

coverage: ## tell which lines and branches of src/ the tests run
	@sh scripts/setup.sh test
	@sh scripts/coverage.sh

check_prefix = $(if $(filter 1,$(words $(PREFIX))),$(if $(filter /%,$(PREFIX)),,no),no)

install: build ## install under PREFIX=/usr/local, staged in DESTDIR= if given
	$(if $(check_prefix),$(error PREFIX='$(PREFIX)': give one absolute folder, without spaces or ~))
	@DESTDIR='$(DESTDIR)' cmake --install build/release --prefix '$(abspath $(PREFIX))'
	@[ -n '$(DESTDIR)' ] || [ ! -w /etc/ld.so.cache ] || ldconfig

format: ## lay out all C as .clang-format says
	@sh scripts/setup.sh test
	@sh scripts/format.sh

lint: ## read the code by clang-format, clang-tidy and cppcheck
	@sh scripts/setup.sh test
	@cmake --preset dev >/dev/null
	@sh scripts/format.sh --check
	@sh scripts/lint.sh build/dev

clean: ## remove all that was built
	@cmake -E rm -rf build

.DEFAULT:
	@echo "make: there is no target '$@'; make help tells what there is" >&2; exit 2

.PHONY: help build run test bench size soak mutants coverage install format lint clean
