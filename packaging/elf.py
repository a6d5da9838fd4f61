"""Reads the dynamic section of a shared library, and separates its debug symbols."""

import os
import re
import subprocess


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


def exported(library):
    """The exported symbols, sorted."""
    table = run("nm", "--dynamic", "--defined-only", "--format=posix", library)
    return sorted(line.split()[0] for line in table.splitlines())


def needed(library):
    """The libraries that it needs."""
    return re.findall(r"^ *NEEDED +(\S+)$", run("objdump", "--private-headers", library), re.MULTILINE)


def glibc(library):
    """The newest version of glibc that a symbol requires, as (major, minor, …)."""
    versions = re.findall(r"\(?GLIBC_([0-9.]+)\)?", run("objdump", "--dynamic-syms", library))
    return max(tuple(int(part) for part in version.split(".")) for version in versions)


def build_id(library):
    return re.search(r"Build ID: ([0-9a-f]{40})", run("readelf", "--notes", library)).group(1)


def split_debug(library, folder, objcopy):
    """Strips the library, and writes its debug symbols to `folder`, under the name that gdb expects."""
    identity = build_id(library)
    debug = folder / identity[:2] / f"{identity[2:]}.debug"
    debug.parent.mkdir(parents=True)
    run(objcopy, "--only-keep-debug", "--compress-debug-sections=zlib", library, debug)
    debug.chmod(0o644)
    run(objcopy, "--strip-unneeded", library)
