# Targets for developers. To use the library in a program, use CMake or pkg-config: see README.md.

CARGO ?= cargo
export CARGO
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
PREFIX ?= /usr/local

.PHONY: all demo test check bench bench-counts soak soak-watch soak-metrics soak-leases chaos cross fuzz sanitizers header stub abi docs dist dist-all install clean help

all: ## build the release library, shared and static
	scripts/build-release

demo: ## run examples/c/quickstart.c, without a server and on a real one
	scripts/demo

test: ## formatting, lints, unit tests and the operations on a real server (4 minutes at the most, once it is built)
	scripts/check fast

check: ## run every check and test there is
	scripts/check all

# BEFORE=LIBRARY.so has an older release library take part: bench/run --help.
bench: ## measure all clients of Vault side by side, into bench/results.md (12 minutes; QUICK=1: four, into the target folder)
	scripts/bootstrap build server bench
	scripts/with-server bench/run $(if $(QUICK),--quick) $(if $(BEFORE),--before $(BEFORE))

bench-counts: ## count system calls, instructions, allocations and bytes of calls, and hold them to their bounds
	scripts/bootstrap build check
	bench/count

soak: ## twice a million calls, of every kind and with every feature: memory and descriptors stay flat; memory that ends (10 minutes, 30 at the most, and a build)
	$(CARGO) test --locked --test host --no-run
	SOAK_CALLS=1000000 LIMITS_STEP_KB=256 timeout --kill-after=10 1800 \
		$(CARGO) test --locked --test host -- --test-threads=1 soak:: a_process_at_its_limits

soak-watch: ## restart a server 100 times, and fork 100 children: a watch tells each change once (3 minutes, 10 at the most, and a build)
	scripts/bootstrap build server
	$(CARGO) test --locked --test watch_restarts --no-run
	WATCH_SOAK_ROUNDS=100 timeout --kill-after=10 600 $(CARGO) test --locked --test watch_restarts -- --nocapture

soak-metrics: ## 100,000 requests of 8 threads: the metrics are those of the audit file (2 minutes, 10 at the most, and a build)
	scripts/bootstrap build server
	$(CARGO) test --locked --test network --no-run
	METRICS_SOAK_REQUESTS=100000 timeout --kill-after=10 600 $(CARGO) test --locked --test network -- --nocapture --exact metrics::the_requests_of_many_threads_are_those_of_the_audit_file

soak-leases: ## log in to PostgreSQL all the time with users that change, 10 minutes for each kind of trouble (half an hour)
	scripts/bootstrap build server check
	$(CARGO) test --locked --test leases --no-run
	LEASE_SOAK_SECONDS=600 timeout --kill-after=10 3900 $(CARGO) test --locked --test leases -- --nocapture soak

chaos: ## kill and freeze leaders under load, cut connections at every byte: nothing is lost (15 minutes)
	scripts/chaos

cross: ## build for six other machines as docs/install.md says, and run that with qemu (25 minutes)
	scripts/bootstrap build check cross
	$(CARGO) test --locked --test packaging -- --include-ignored cross

fuzz: ## fuzz each target for a minute, on the nightly toolchain (7 minutes, 14 at the most, and a build)
	scripts/fuzz

sanitizers: ## look for data races and undefined behaviour with ThreadSanitizer and Miri, on the nightly toolchain
	scripts/sanitizers

header: ## write include/handsfree_secrets.h from the code
	scripts/header

stub: ## write bindings/go/secrets/stub.go, the Go package without cgo, from the package
	go run scripts/go_stub/main.go bindings/go/secrets include/handsfree_secrets.h >$(TARGET_DIR)/stub.go
	mv $(TARGET_DIR)/stub.go bindings/go/secrets/stub.go

abi: ## record the binary interface of the header in abi/; only additions are allowed, see docs/abi.md
	scripts/abi record

docs: ## write the reference of the headers as HTML
	scripts/docs

dist: ## build dist/: tarballs and packages for Debian, RPM and Alpine, for glibc 2.17 and for musl (ARCHS=riscv64: that one only)
	scripts/dist $(ARCHS)

dist-all: ## build dist/ for all platforms, and install, use and remove the packages, with qemu for other machines
	scripts/bootstrap build server check cross
	scripts/dist all
	DIST_ALL=1 scripts/with-server --tls python3 -m unittest discover --start-directory tests/dist

install: ## install library, headers, pkg-config and CMake files below PREFIX (and DESTDIR)
	cmake -S . -B $(TARGET_DIR)/cmake -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=$(PREFIX) \
		-DHANDSFREE_SECRETS_CARGO_TARGET_DIR=$(abspath $(TARGET_DIR))
	cmake --build $(TARGET_DIR)/cmake
	cmake --install $(TARGET_DIR)/cmake

clean: ## remove what was built, the fetched server and Python client included
	$(CARGO) clean
	rm -rf build dist target

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
