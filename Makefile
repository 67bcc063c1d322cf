# SPDX-License-Identifier: Apache-2.0
# `make run` and `make test` install what is missing, and need no other set-up.

PREFIX ?= /usr/local
KERNEL ?=
TEST ?=
BPF_CLANG ?= clang

BPF_OBJECTS := $(patsubst bpf/%.bpf.c,Sources/BPFObjects/%.bpf.o,$(wildcard bpf/*.bpf.c))
TEST_OBJECTS := Tests/TestObjects/trial.bpf.o
BPF_FLAGS := -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_x86 -std=gnu17 \
	-Wall -Wextra -Werror -Wno-unused-parameter -I/usr/include/$(shell uname -m)-linux-gnu
SWIFT_RELEASE := -c release --static-swift-stdlib

.PHONY: help run test build bpf bench fmt lint install clean deps test-deps bench-deps \
	debug test-host test-guest guest

help:
	@sed -n 's/^## //p' Makefile

## make run                  build, and time a real job: compiling Apus's own BPF programs
run: deps build
	@echo; .build/release/apus time -- $(MAKE) -s -B bpf && echo "make run: OK"

## make test                 everything: lint, unit, this kernel, the guest kernels
test: test-deps
	@Tests/all

## make build                .build/release/apus
build: bpf .build/headers
	swift build $(SWIFT_RELEASE) --product apus

# SwiftPM does not notice that a header of a system library changed, and goes on with the old layout.
.build/headers: $(filter-out bpf/kernel.h %.bpf.h,$(wildcard bpf/*.h)) $(wildcard Sources/*/shim.h)
	@rm -rf .build/*-linux-gnu && mkdir -p .build && touch $@

## make bpf                  compile the BPF programs
bpf: $(BPF_OBJECTS)

Sources/BPFObjects/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h)
	$(BPF_CLANG) $(BPF_FLAGS) -c $< -o $@

Tests/TestObjects/%.bpf.o: Tests/TestObjects/%.bpf.c
	$(BPF_CLANG) $(BPF_FLAGS) -c $< -o $@

debug: bpf .build/headers $(TEST_OBJECTS)
	swift build --build-tests

## make test-host            unit tests, and those of this kernel
test-host: debug
	Tests/host $(TEST)

## make test-guest           KERNEL=6.12 TEST=modules: the kernel tests in guests
test-guest: debug
	Tests/guest/suite $(if $(TEST),--filter $(TEST)) $(KERNEL)

## make guest                KERNEL=6.12: a shell in a guest, with apus in it
guest: debug
	Tests/guest/boot $(or $(KERNEL),6.12) --shell

## make bench                ratios of cost against a C reference and other tools
bench: bench-deps build
	swift build $(SWIFT_RELEASE) --product consumer
	Benchmarks/run

## make fmt, make lint       format; check format, layers and licences
fmt:
	swift format --in-place --recursive Package.swift Sources Tests Benchmarks
	clang-format -i $$(git ls-files '*.c' '*.h')

lint:
	Tests/lint

## make install              PREFIX=/usr/local: the command, its manual page and completions
install: build
	install -D -m 755 .build/release/apus $(DESTDIR)$(PREFIX)/bin/apus
	install -D -m 644 Documentation/apus.1 $(DESTDIR)$(PREFIX)/share/man/man1/apus.1
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	.build/release/apus --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/apus
	.build/release/apus --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_apus
	.build/release/apus --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/apus.fish

clean:
	rm -rf .build $(BPF_OBJECTS) $(TEST_OBJECTS)

# What a fresh Debian 12 with Swift 6.3 lacks. Asks apt only for what is not there.
DEPS := libbpf-dev libelf-dev libdw-dev zlib1g-dev pkg-config
TEST_DEPS := $(DEPS) clang-format libcap2-bin tmux qemu-system-x86 busybox-static cpio kmod xz-utils \
	gcc-12 binutils linux-perf strace git python3 golang-go chromium
BENCH_DEPS := $(DEPS) bpftrace linux-perf strace python3 qemu-system-x86 busybox-static cpio kmod xz-utils
install_missing = missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null \
	| grep -q 'ok installed' || echo $$p; done); [ -z "$$missing" ] || { \
	echo "installing: $$missing"; sudo=; [ $$(id -u) = 0 ] || sudo=sudo; \
	$$sudo apt-get -qq -o Acquire::Retries=5 update \
	&& DEBIAN_FRONTEND=noninteractive $$sudo apt-get -qq -o Acquire::Retries=5 install -y \
	--no-install-recommends $$missing > /dev/null; }

deps: ; @$(call install_missing,$(DEPS))
test-deps: ; @$(call install_missing,$(TEST_DEPS))
bench-deps: ; @$(call install_missing,$(BENCH_DEPS))
