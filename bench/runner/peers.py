"""Builds, starts and controls the programs that are measured."""

import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "bench" / "peers"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
BUILD = TARGET / "bench"

WARNINGS = ["-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]


@dataclasses.dataclass(frozen=True)
class Peer:
    """A client and its program."""
    key: str
    name: str
    command: tuple
    is_ours: bool = False
    is_baseline: bool = False


def program(name):
    return (str(BUILD / name),)


OURS_C = Peer("c", "this library, C", program("handsfree-c"), is_ours=True)
OURS_CPP = Peer("cpp", "this library, C++", program("handsfree-cpp"), is_ours=True)
OURS_GO = Peer("go", "this library, Go", program("handsfree-go"), is_ours=True)
OURS_QUEUE = Peer("queue", "this library, C, queue", program("handsfree-c"), is_ours=True)
OURS_THREADS = Peer("threads", "this library, C, threads", program("handsfree-c"), is_ours=True)
OURS_GO_QUEUE = Peer("go-queue", "this library, Go, queue", (*program("handsfree-go"), "queue"), is_ours=True)
CURL = Peer("curl", "libcurl, C", program("curl"))
VAULTRS = Peer("vaultrs", "vaultrs, Rust", program("vaultrs"))
HASHICORP = Peer("hashicorp", "HashiCorp's api, Go", program("hashicorp"))
HVAC = Peer("hvac", "hvac, Python", (str(ROOT / "target/venv/bin/python"), str(PEERS / "hvac/client.py")))
RAW = Peer("raw", "raw socket, C", program("raw"), is_baseline=True)
RUSTLS = Peer("rustls", "raw rustls, Rust", program("rustls"), is_baseline=True)
WRK = Peer("wrk", "wrk", ("wrk",), is_baseline=True)
OPENSSL = Peer("openssl", "openssl speed", ("openssl",), is_baseline=True)

# An older build of the library, which `bench/run --before` compares with: the program of OURS_C beside that library.
BEFORE = Peer("before", "library before, C", program("before/handsfree-c"), is_baseline=True)

CLIENTS = (OURS_C, OURS_CPP, OURS_GO, CURL, VAULTRS, HASHICORP, HVAC)


def run(*command, **options):
    """Runs a build step, which prints its own errors."""
    if subprocess.run([str(part) for part in command], stdout=sys.stderr, **options).returncode != 0:
        sys.exit(f"bench: failed: {' '.join(map(str, command))}")


def build_library():
    """Builds the release library, and returns its folder."""
    run(ROOT / "scripts/build-release", "--quiet")
    folder = BUILD / "lib"
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libhandsfree_secrets.so.0"
    library.unlink(missing_ok=True)
    shutil.copy(TARGET / "release" / "libhandsfree_secrets.so", library)
    link = folder / "libhandsfree_secrets.so"
    link.unlink(missing_ok=True)
    link.symlink_to(library.name)
    return folder


def build_c(name, sources, libraries):
    run(os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", *WARNINGS, "-pthread", "-I", ROOT / "include",
        *[PEERS / "c" / source for source in (*sources, "harness.c")], *libraries, "-o", BUILD / name)


def build_ours_in_c():
    """Builds the peer with this library from C, which counting uses, too."""
    folder = build_library()
    link = ["-L", folder, "-lhandsfree_secrets", "-Wl,-rpath,$ORIGIN/lib"]
    # Lazy, because an older library beside which it runs may lack functions that it does not call there.
    build_c("handsfree-c", ["handsfree.c"], [*link, "-Wl,-z,lazy"])
    return folder, link


def build_cpp(link):
    harness = BUILD / "harness.o"
    run(os.environ.get("CC", "cc"), "-std=c11", "-D_GNU_SOURCE", *WARNINGS, "-c", PEERS / "c/harness.c", "-o", harness)
    run(os.environ.get("CXX", "c++"), "-std=c++17", *WARNINGS, "-pthread", "-I", ROOT / "include",
        PEERS / "cpp/handsfree.cpp", harness, *link, "-o", BUILD / "handsfree-cpp")


def build_go(folder):
    (folder / "handsfree_secrets.pc").write_text(
        f"Name: handsfree_secrets\nDescription: for the benchmark\nVersion: 0\nCflags: -I{ROOT / 'include'}\n"
        f"Libs: -L{folder} -lhandsfree_secrets\n")
    # Go's cache does not consider the output of pkg-config, but it does consider this variable.
    settings = os.environ | {"PKG_CONFIG_PATH": str(folder), "CGO_LDFLAGS": f"-O2 -g -L{folder} -Wl,-rpath,{folder}"}
    for package, name in (("handsfree", "handsfree-go"), ("hashicorp", "hashicorp")):
        run("go", "build", "-o", BUILD / name, f"./{package}", cwd=PEERS / "go", env=settings)


def build_rust():
    run("cargo", "build", "--release", "--quiet", "--locked", "--target-dir", BUILD / "rust", cwd=PEERS / "rust")
    for name in ("vaultrs", "rustls"):
        shutil.copy(BUILD / "rust" / "release" / name, BUILD / name)


def place_before(library):
    """Puts the program of OURS_C beside an older library. It finds the one that lies in `lib` next to it."""
    folder = BUILD / "before"
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    shutil.copy(library, folder / "lib" / "libhandsfree_secrets.so.0")
    shutil.copy(BUILD / "handsfree-c", folder / "handsfree-c")


def build_all(before=None):
    """Builds every peer. `before` is the path of an older library, where there is one to compare with."""
    folder, link = build_ours_in_c()
    if before:
        place_before(before)
    build_c("raw", ["raw.c"], [])
    build_c("curl", ["curl.c"], ["-lcurl", "-lcjson"])
    build_cpp(link)
    build_go(folder)
    build_rust()


def environment(settings):
    """This process's environment with `settings` in it, without variables that might lead a client elsewhere."""
    stray = ("VAULT_", "BAO_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")
    return {name: value for name, value in os.environ.items() if not name.startswith(stray)} | settings


class Conversation:
    """A running peer."""

    def __init__(self, peer, settings):
        self.peer = peer
        self.process = subprocess.Popen(peer.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=environment(settings))
        self.value = self._line().removeprefix("ready ")

    def ask(self, command):
        """Runs a command, and returns its numbers."""
        return [int(word) for word in self.ask_words(command)]

    def ask_words(self, command):
        """Runs a command, and returns the words of its line."""
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return self._line().split()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"bench: the peer {self.peer.key} ended; its message is above")
        return line.strip()
