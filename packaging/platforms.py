"""The platforms that `make dist` builds for, and the names that others give to them."""

import os

# What compilers and rustc call a machine, where it is not what `uname --machine` prints.
COMPILER_NAMES = {"ppc64le": "powerpc64le"}
RUST_NAMES = {"ppc64le": "powerpc64le", "riscv64": "riscv64gc"}
DEBIAN_NAMES = {"aarch64": "arm64", "ppc64le": "ppc64el", "x86_64": "amd64"}
GO_NAMES = {"aarch64": "arm64", "x86_64": "amd64"}


class Platform:
    """A target machine, its C library, the oldest glibc that it may have, the one to link with if zig has none as old, and
    options that clang gets besides, each after a +."""

    def __init__(self, machine, libc, glibc="2.17", linked_glibc=None, c_options=()):
        self.machine = machine
        self.libc = libc
        self.glibc = glibc
        self.linked_glibc = linked_glibc or glibc
        self.c_options = c_options
        self.name = machine if libc == "gnu" else f"{machine}-{libc}"
        self.target = f"{RUST_NAMES.get(machine, machine)}-unknown-linux-{libc}"
        self.compiler = COMPILER_NAMES.get(machine, machine)
        self.triple = f"{self.compiler}-linux-{libc}"
        self.debian = DEBIAN_NAMES.get(machine, machine)
        self.go = GO_NAMES.get(machine, machine)

    @property
    def zig_target(self):
        return f"{self.triple}.{self.linked_glibc}" if self.libc == "gnu" else self.triple

    def binutil(self, name):
        """The name of a binutils program for this machine."""
        return name if os.uname().machine == self.machine else f"{self.compiler}-linux-gnu-{name}"


# By default clang uses functions for its long double that are new in glibc 2.32.
PPC64LE = Platform("ppc64le", "gnu", linked_glibc="2.19", c_options=("+-mabi=ibmlongdouble",))
USUAL = [Platform(machine, libc) for libc in ("gnu", "musl") for machine in ("x86_64", "aarch64")]
ALL = [*USUAL, Platform("riscv64", "gnu", "2.27"), PPC64LE, Platform("s390x", "gnu")]
