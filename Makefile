# The two commands of this project are `make up` and `make test`; the rest serves them.
.DEFAULT_GOAL := help
.PHONY: help bootstrap build images airgap up down clean test crowd example bench bench-backup lint features flake env

# Where bootstrap puts cargo, which a shell finds from the next login on, and where dockerd is, which only root's PATH names.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH):/usr/sbin:/sbin

suho = target/debug/suho
ifdef CARGO_TARGET_DIR
suho = $(CARGO_TARGET_DIR)/debug/suho
endif
progress = scripts/with-progress.sh
report = $(dir $(suho))verify.html
# One target directory for both, so that what both depend on is built once.
in_example = env -C examples/trading-service CARGO_TARGET_DIR=$(abspath $(dir $(suho))..)
# Nextest runs each test in a process: the stack has to outlive the moment between two of them.
borrowing = $(in_example) SUHO_LINGER=1m
nextest = $(HOME)/.cache/suho/tools/bin/cargo-nextest nextest

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

bootstrap: ## Install what this machine lacks and start the Docker engine
	@scripts/bootstrap.sh

build: bootstrap ## Build the command line
	@$(progress) 'building suho' cargo build --locked --package suho

images: build ## Build the air-gap images, where the pinned upstream images cannot be had
	@$(suho) images build --directory compose --if-needed

up: images ## Launch the whole stack, prove every setting and feature of it, and print where each engine serves
	@$(suho) up --directory compose --verify --html $(report)

down: ## Remove every stack, to the last volume
	@if [ -x $(suho) ]; then $(suho) down --all; else echo 'nothing was ever started: there is no $(suho)'; fi

clean: ## Remove every stack and all that was built
	@if [ -x $(suho) ]; then $(suho) down --all; fi
	cargo clean

airgap: build ## Build the air-gap images, also where the pinned ones can be had
	@scripts/bootstrap.sh airgap
	@$(suho) images build --directory compose --monitoring

test: airgap ## Run every test, on real containers
	@scripts/bootstrap.sh tests
	@$(progress) 'building tests' cargo test --locked --workspace --no-run
	cargo test --locked --workspace

crowd: airgap ## Let 64 processes ask for a warm stack at once, then again and kill the first half-way: each time one starts it
	@$(progress) 'building tests' cargo test --locked --workspace --test it --no-run
	cargo test --locked --workspace --test it -- shared::crowd::of_64 --nocapture --test-threads=1

example: airgap ## Run the tests of the example, which borrow the stack, under both of cargo's runners
	@scripts/bootstrap.sh tests
	@$(progress) 'building the example' $(in_example) cargo test --locked --no-run
	$(borrowing) cargo test --locked
	$(borrowing) $(nextest) run --locked

bench: airgap ## Measure what tenants cost, against a container per test and bare clones
	@$(progress) 'building the benchmark' cargo bench --locked --profile dev --workspace --bench tenants --no-run
	cargo bench --locked --profile dev --workspace --bench tenants

bench-backup: airgap ## Measure backup and restore of a gigabyte, against each engine's own tool
	@scripts/bootstrap.sh bench
	@$(progress) 'building the benchmark' cargo bench --locked --workspace --bench backups --no-run
	cargo bench --locked --workspace --bench backups

lint: ## Check format, lints, documents and shell
	cargo fmt --all --check
	cargo fmt --manifest-path examples/trading-service/Cargo.toml --check
	$(progress) 'clippy' cargo clippy --locked --workspace --all-targets -- -D warnings
	$(progress) 'clippy of the example' $(in_example) cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(progress) 'documents' cargo doc --locked --workspace --no-deps
	shellcheck scripts/*.sh .ci/run $$(git ls-files 'compose/**/*.sh')

engines = $(shell sed -n 's/^full = \[\(.*\)\]/\1/p' crates/suho-stack/Cargo.toml | tr -d '",')

features: ## Lint the library with no engine, and with each engine alone
	@for engine in '' $(engines); do \
	  $(progress) "library with engine '$$engine' alone" \
	    cargo clippy --locked --package suho-stack --package suho-testkit --all-targets --no-default-features --features "$$engine" -- -D warnings || exit 1; \
	done

nix = scripts/offline-nix.sh
checks = .\#checks.$(shell uname -m)-linux
# The virtual machine wants nixpkgs itself, and KVM.
names_of_checks = $(nix) eval --raw $(checks) --apply \
  'checks: toString (builtins.filter (name: name != "e2e") (builtins.attrNames checks))'

flake: airgap ## Check the flake, with programs of this machine in the place of nixpkgs
	@scripts/bootstrap.sh tests
	$(nix) flake check --no-build
	@names=$$($(names_of_checks)) && for name in $$names; do \
	  $(progress) "flake: $$name" $(nix) build --no-link --print-build-logs $(checks).$$name || exit 1; \
	done
	@echo 'flake: e2e: not run, the virtual machine wants nixpkgs and KVM'

env: ## Write compose/.env with random secrets, once
	@scripts/env.sh
