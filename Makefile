# On a fresh machine: `make demo` builds everything and runs the main job on real input, `make test` passes all tests.
# Both install what is missing.

CARGO ?= cargo
ALLOYWORKS = target/release/alloyworks
DEMO = target/demo

.PHONY: help setup llama-cpp codegen-tools stores build demo test parity bench fuzz clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:  ## install what a fresh machine lacks
	@./.ci/setup

llama-cpp: setup  ## build the llama.cpp programs that tests and measurements run beside ours
	@./.ci/llama-cpp || echo "tests against llama.cpp are skipped: it cannot be built" >&2

codegen-tools: setup  ## install the compilers that tests of generated code run
	@./.ci/codegen-tools || echo "tests with compilers of generated code are skipped: they cannot be installed" >&2

stores: setup  ## install the servers that tests of delivery run
	@./.ci/stores || echo "tests with registries and object stores are skipped: they cannot be installed" >&2

build: setup  ## build the program
	$(CARGO) build --release --locked --package aw-cli

demo: build  ## compact a real mixture-of-experts model, verify the proof, judge whether it may ship
	$(CARGO) xtask corpora
	$(ALLOYWORKS) run recipes/tiny-moe/compact.yaml --home $(DEMO)/home --out $(DEMO)/artifact
	$(ALLOYWORKS) verify $(DEMO)/artifact
	$(ALLOYWORKS) judge $(DEMO)/artifact --corpora recipes/tiny-moe

test: llama-cpp codegen-tools stores  ## format, lints, documentation, tests and repository rules
	$(CARGO) xtask check

parity: llama-cpp codegen-tools  ## compare with transformers and llama.cpp, compile all of schema.org (says what to install)
	$(CARGO) xtask parity --goldens
	$(CARGO) test --package codegen --test it -- --ignored

bench: build  ## measure against what people would use instead; some rows need BENCH="--python PYTHON", one with transformers
	$(CARGO) run --release --package benches -- all $(BENCH)

fuzz: setup  ## fuzz every parser of foreign bytes, briefly
	./fuzz/run-brief

clean:  ## remove what was built
	$(CARGO) clean
