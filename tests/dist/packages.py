"""What the tests of dist/ share: the tarball of a platform, unpacked, and the programs that are built with it."""

import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIST = pathlib.Path(os.environ.get("DIST_FOLDER", ROOT / "dist"))
HOST = os.uname().machine
# Their Debian names, the loader of their programs, and the oldest glibc that they may have.
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64", "riscv64": "riscv64", "ppc64le": "ppc64el", "s390x": "s390x"}
LOADER = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1", "riscv64": "ld-linux-riscv64-lp64d.so.1",
          "ppc64le": "ld64.so.2", "s390x": "ld64.so.1"}
GLIBC = dict.fromkeys(DEBIAN, "2.17") | {"riscv64": "2.27"}
# What compilers and qemu call them, where it is another name.
COMPILER = {"ppc64le": "powerpc64le"}
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
SONAME = "libhandsfree_secrets.so.0"
LIBRARY = f"libhandsfree_secrets.so.{VERSION}"
API = set((ROOT / "tests/packaging/symbols.txt").read_text().split())
HEADERS = sorted(path.relative_to(ROOT / "include") for path in (ROOT / "include").rglob("*.h*"))
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")


left_out = set()


def leave_out(reason):
    """Skips a test, and says so once. `make dist-all` skips none: there it fails."""
    if os.environ.get("DIST_ALL"):
        raise AssertionError(reason)
    if reason not in left_out:
        left_out.add(reason)
        print(f"\nleft out: {reason}", file=sys.stderr)
    raise unittest.SkipTest(reason)


def only_root(reason):
    """A decorator of tests that take root."""
    def decorate(test):
        @functools.wraps(test)
        def checked(self):
            if os.geteuid() != 0:
                leave_out(reason)
            test(self)
        return checked
    return decorate


def compiler_name(machine):
    return COMPILER.get(machine, machine)


def run(*command, **options):
    words = [str(word) for word in command]
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if ended.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {ended.returncode}\n{ended.stdout}")
    return ended.stdout


def environment(**changes):
    return {**os.environ, "LC_ALL": "C", **{name: str(value) for name, value in changes.items()}}


def zig(compiler, target):
    """The words of a compiler by zig, and the environment that it needs."""
    words = (ROOT / "target/dist-tools/bin/python", "-m", "ziglang", compiler, "-target", target)
    cache = pathlib.Path(ROOT, os.environ.get("CARGO_TARGET_DIR", "target"), "dist/caches/tests")
    return words, {"ZIG_LOCAL_CACHE_DIR": cache, "ZIG_GLOBAL_CACHE_DIR": cache}


class Packages(unittest.TestCase):
    """The files for one platform. The tarball is unpacked."""

    machine = HOST
    libc = "gnu"

    @classmethod
    def setUpClass(cls):
        cls.triple = f"{compiler_name(cls.machine)}-linux-{cls.libc}"
        cls.name = f"handsfree_secrets-{VERSION}-{cls.triple}"
        if (cls.machine, cls.libc) != (HOST, "gnu") and not (DIST / f"{cls.name}.tar.gz").exists():
            leave_out(f"nothing was built for {cls.triple}")
        folder = tempfile.TemporaryDirectory(prefix="handsfree-packages-")
        cls.addClassCleanup(folder.cleanup)
        cls.scratch = pathlib.Path(folder.name)
        for archive in (cls.name, f"{cls.name}-debug"):
            run("tar", "--extract", "--file", DIST / f"{archive}.tar.gz", "--directory", cls.scratch)
        # Moved after unpacking, so that no path of the first folder can work.
        cls.prefix = cls.scratch / "elsewhere"
        (cls.scratch / cls.name).rename(cls.prefix)
        cls.library = cls.prefix / "lib" / LIBRARY

    def binutil(self, name, *arguments):
        """The output of a binutils program for this machine."""
        return run(name if self.machine == HOST else f"{compiler_name(self.machine)}-linux-gnu-{name}", *arguments)

    def flags(self, package, folder):
        text = run("pkg-config", "--cflags", "--libs", package, env=environment(PKG_CONFIG_PATH=folder))
        return text.split()

    def runs(self, *command, **changes):
        """Runs a quickstart program, which has to perform all five operations on the server, over HTTPS and HTTP."""
        self.assertIn("PLAIN_ADDR", os.environ, "run this below scripts/with-server --tls")
        for address in (os.environ["VAULT_ADDR"], os.environ["PLAIN_ADDR"]):
            printed = run(*command, env=environment(VAULT_ADDR=address, **changes))
            self.assertIn("vault://", printed)

    def compile(self, compiler, standard, source, name, *flags, **changes):
        program = self.scratch / name
        compiler = compiler if isinstance(compiler, tuple) else (compiler,)
        run(*compiler, f"-std={standard}", *STRICT, self.prefix / source, *flags, "-o", program,
            env=environment(**changes))
        return program

    def build_go(self, libraries, name, *options, **changes):
        """Builds the Go quickstart with the libraries in a folder."""
        program = self.scratch / name
        settings = {"PKG_CONFIG_PATH": libraries / "pkgconfig", "CGO_ENABLED": "1", "GOPROXY": "off",
                    "GOTOOLCHAIN": "local", "CGO_LDFLAGS": f"-O2 -g -Wl,-rpath,{libraries}",
                    # Go's cache does not consider the output of pkg-config.
                    "CGO_CFLAGS": f"-O2 -g -DPREFIX={re.sub('[^A-Za-z0-9]', '_', str(libraries))}", **changes}
        run("go", "build", *options, "-o", program, ".", cwd=self.prefix / "examples/go", env=environment(**settings))
        return program

    def use(self, root, libraries):
        """Builds the quickstarts with what a package has installed below a root, and runs them and hfsecret."""
        if self.machine == HOST:
            self.use_here(root, libraries)
        else:
            self.use_with_qemu(root, libraries)
        self.assertTrue((root / "usr/share/man/man1/hfsecret.1").is_file())
        self.assertTrue((root / "usr/share/bash-completion/completions/hfsecret").is_file())

    def use_here(self, root, libraries):
        rpath = f"-Wl,-rpath,{libraries}"
        for package in ("handsfree_secrets", "handsfree_secrets-static"):
            flags = (*self.flags(package, libraries / "pkgconfig"), rpath)
            name = f"{root.name}-{package}"
            self.runs(self.compile("cc", "c99", "examples/c/quickstart.c", f"c-{name}", *flags))
            self.runs(self.compile("c++", "c++17", "examples/cpp/quickstart.cpp", f"cpp-{name}", *flags))
        self.runs(self.build_go(libraries, f"go-{root.name}"))
        self.use_hfsecret((), root, libraries)

    def use_with_qemu(self, root, libraries):
        """The same in C, with the compiler and the C library that Debian has for this machine."""
        triple = f"{compiler_name(self.machine)}-linux-gnu"
        qemu = (f"qemu-{self.machine}", "-L", f"/usr/{triple}")
        for name, package, options in (("shared", "handsfree_secrets", (f"-Wl,-rpath,{libraries}",)),
                                       ("static", "handsfree_secrets-static", ()),
                                       ("alone", "handsfree_secrets-static", ("-static",))):
            flags = self.flags(package, libraries / "pkgconfig")
            program = self.compile(f"{triple}-gcc", "c99", "examples/c/quickstart.c", f"{root.name}-{name}", *flags, *options)
            dynamic = run("readelf", "--dynamic", program)
            self.assertEqual((SONAME in dynamic, "NEEDED" in dynamic), (name == "shared", name != "alone"), name)
            self.runs(*qemu, program)
        self.use_hfsecret(qemu, root, libraries)

    def use_hfsecret(self, emulator, root, libraries):
        command, settings = (*emulator, root / "usr/bin/hfsecret"), environment(LD_LIBRARY_PATH=libraries)
        self.assertEqual(run(*command, "--version", env=settings), f"hfsecret {VERSION}\n")
        for address in (os.environ["VAULT_ADDR"], os.environ["PLAIN_ADDR"]):
            run(*command, "check", env=settings | {"VAULT_ADDR": address})

    def installed_headers(self, root):
        folder = root / "usr/include"
        return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
