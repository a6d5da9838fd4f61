"""What `make dist` wrote to dist/, as those see it who get it: unpacked elsewhere, installed, linked, run, looked into.

    scripts/dist && scripts/with-server python3 -m unittest discover --start-directory tests/dist

The quickstarts run against the server that the environment names, so the tests belong below scripts/with-server. What
is built for another machine is looked into and not run.
"""

import functools
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIST = pathlib.Path(os.environ.get("DIST_FOLDER", ROOT / "dist"))
HOST = os.uname().machine
# Their Debian names, and the loader of their programs.
DEBIAN = {"x86_64": "amd64", "aarch64": "arm64"}
LOADER = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE).group(1)
SONAME = "libhandsfree_secrets.so.0"
LIBRARY = f"libhandsfree_secrets.so.{VERSION}"
API = set((ROOT / "tests/packaging/symbols.txt").read_text().split())
DEBS = ("libhandsfree-secrets0", "libhandsfree-secrets-dev")
HEADERS = sorted(path.relative_to(ROOT / "include") for path in (ROOT / "include").rglob("*.h*"))
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")


def run(*command, **options):
    words = [str(word) for word in command]
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if ended.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {ended.returncode}\n{ended.stdout}")
    return ended.stdout


def environment(**changes):
    return {**os.environ, "LC_ALL": "C", **{name: str(value) for name, value in changes.items()}}


class Packages(unittest.TestCase):
    """The packages of one architecture, unpacked."""

    machine = HOST

    @classmethod
    def setUpClass(cls):
        cls.multiarch = f"{cls.machine}-linux-gnu"
        cls.name = f"handsfree_secrets-{VERSION}-{cls.multiarch}"
        cls.debs = {name: DIST / f"{name}_{VERSION}-1_{DEBIAN[cls.machine]}.deb" for name in DEBS}
        if cls.machine != HOST and not (DIST / f"{cls.name}.tar.gz").exists():
            raise unittest.SkipTest(f"nothing was built for {cls.machine}")
        folder = tempfile.TemporaryDirectory(prefix="handsfree-packages-")
        cls.addClassCleanup(folder.cleanup)
        cls.scratch = pathlib.Path(folder.name)
        for archive in (cls.name, f"{cls.name}-debug"):
            run("tar", "--extract", "--file", DIST / f"{archive}.tar.gz", "--directory", cls.scratch)
        # Moved after unpacking, so that no path of the first folder can work.
        cls.prefix = cls.scratch / "elsewhere"
        (cls.scratch / cls.name).rename(cls.prefix)
        cls.library = cls.prefix / "lib" / LIBRARY
        cls.system = cls.scratch / "system"
        for package in cls.debs.values():
            run("dpkg-deb", "--extract", package, cls.system)

    def binutil(self, name, *arguments):
        """The output of a binutils program for this architecture."""
        return run(name if self.machine == HOST else f"{self.multiarch}-{name}", *arguments)

    def flags(self, package, folder):
        text = run("pkg-config", "--cflags", "--libs", package, env=environment(PKG_CONFIG_PATH=folder))
        return text.split()

    def runs(self, program, **changes):
        """Runs a quickstart program, which has to perform all five operations on the server."""
        self.assertIn("VAULT_ADDR", os.environ, "run this below scripts/with-server")
        printed = run(program, env=environment(**changes))
        self.assertIn("vault://", printed)

    def compile(self, compiler, standard, source, name, *flags):
        program = self.scratch / name
        run(compiler, f"-std={standard}", *STRICT, self.prefix / source, *flags, "-o", program)
        return program


class Programs(Packages):
    """Builds and runs programs with the packages of this machine."""

    def test_the_c_quickstart_links_and_runs_shared_and_static(self):
        folder, rpath = self.prefix / "lib/pkgconfig", f"-Wl,-rpath,{self.prefix}/lib"
        shared = self.flags("handsfree_secrets", folder)
        self.runs(self.compile("cc", "c99", "examples/c/quickstart.c", "c-shared", *shared, rpath))
        static = self.flags("handsfree_secrets-static", folder)
        program = self.compile("cc", "c99", "examples/c/quickstart.c", "c-static", *static)
        self.assertNotIn("libhandsfree_secrets", run("readelf", "--dynamic", program))
        self.runs(program)

    def test_the_cpp_quickstart_links_and_runs_shared_and_static(self):
        folder, rpath = self.prefix / "lib/pkgconfig", f"-Wl,-rpath,{self.prefix}/lib"
        for package in ("handsfree_secrets", "handsfree_secrets-static"):
            flags = self.flags(package, folder)
            self.runs(self.compile("c++", "c++17", "examples/cpp/quickstart.cpp", f"cpp-{package}", *flags, rpath))

    def test_the_go_quickstart_links_and_runs_shared_and_static(self):
        settings = {"PKG_CONFIG_PATH": self.prefix / "lib/pkgconfig", "CGO_ENABLED": "1", "GOPROXY": "off",
                    "GOTOOLCHAIN": "local", "CGO_LDFLAGS": f"-O2 -g -Wl,-rpath,{self.prefix}/lib",
                    # Go's cache does not consider the output of pkg-config.
                    "CGO_CFLAGS": f"-O2 -g -DPREFIX={self.scratch.name.replace('-', '_')}"}
        for tags in ((), ("-tags", "static_link")):
            program = self.scratch / f"go{''.join(tags)}"
            run("go", "build", *tags, "-o", program, ".", cwd=self.prefix / "examples/go", env=environment(**settings))
            self.runs(program)

    def test_hfsecret_compiles_and_runs(self):
        flags = self.flags("handsfree_secrets", self.prefix / "lib/pkgconfig")
        program, sources = self.scratch / "hfsecret", sorted((self.prefix / "tools/hfsecret").glob("*.c"))
        run("cc", "-std=c99", *STRICT, *sources, *flags, f"-Wl,-rpath,{self.prefix}/lib", "-o", program)
        self.assertEqual(run(program, "--version"), f"hfsecret {VERSION}\n")

    def test_the_python_quickstart_runs(self):
        self.assertTrue((self.prefix / "bindings/python/handsfree_secrets/py.typed").exists())
        settings = {"PYTHONPATH": self.prefix / "bindings/python", "PYTHONDONTWRITEBYTECODE": "1",
                    "HANDSFREE_SECRETS_LIBRARY": self.library}
        self.assertIn("vault://", run(sys.executable, self.prefix / "examples/python/quickstart.py",
                                      env=environment(**settings)))

    def test_cmake_finds_the_package(self):
        project, build = ROOT / "tests/packaging/consumers/find_package", self.scratch / "cmake"
        source = self.scratch / "cmake-source"
        source.mkdir()
        for file in (project / "CMakeLists.txt", project.parent / "consumer.c", project.parent / "consumer.cpp"):
            shutil.copy(file, source)
        run("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}")
        run("cmake", "--build", build)
        for program in ("c_shared", "c_static", "cxx_shared", "cxx_static"):
            self.assertIn(VERSION, run(build / program))

    def test_programs_link_where_glibc_2_17_is_all_there_is(self):
        zig = (ROOT / "target/dist-tools/bin/python", "-m", "ziglang", "cc", "-target", f"{HOST}-linux-gnu.2.17")
        include, library = f"-I{self.prefix}/include", self.prefix / "lib"
        source = self.prefix / "examples/c/quickstart.c"
        caches = environment(ZIG_LOCAL_CACHE_DIR=self.scratch / "zig", ZIG_GLOBAL_CACHE_DIR=self.scratch / "zig")
        run(*zig, source, include, f"-L{library}", "-lhandsfree_secrets", "-o", self.scratch / "old-shared", env=caches)
        program = self.scratch / "old-static"
        run(*zig, source, include, library / "libhandsfree_secrets.a", "-lunwind", "-lpthread", "-lm", "-ldl", "-lrt",
            "-o", program, env=caches)
        self.runs(program)

    def test_programs_link_with_what_the_debian_packages_install_and_run(self):
        library = self.system / "usr/lib" / self.multiarch
        rpath = f"-Wl,-rpath,{library}"
        for package in ("handsfree_secrets", "handsfree_secrets-static"):
            flags = self.flags(package, library / "pkgconfig")
            self.runs(self.compile("cc", "c99", "examples/c/quickstart.c", f"deb-c-{package}", *flags, rpath))
            self.runs(self.compile("c++", "c++17", "examples/cpp/quickstart.cpp", f"deb-cpp-{package}", *flags, rpath))

    @unittest.skipUnless(os.geteuid() == 0, "dpkg installs as root only")
    def test_dpkg_installs_and_removes_them_where_libc_is_2_17(self):
        root = self.scratch / "root"
        for folder in ("updates", "info", "triggers"):
            (root / "var/lib/dpkg" / folder).mkdir(parents=True)
        (root / "var/lib/dpkg/status").write_text(
            f"Package: libc6\nStatus: install ok installed\nArchitecture: {DEBIAN[HOST]}\nMulti-Arch: same\n"
            "Version: 2.17-1\nMaintainer: nobody\nDescription: stands for the system's\n\n")
        dpkg = functools.partial(run, "dpkg", f"--root={root}", "--force-script-chrootless")
        dpkg("--install", *self.debs.values())
        state = run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat", "${Package} ${Status}\n")
        for name in DEBS:
            self.assertIn(f"{name} install ok installed", state)
        library = root / "usr/lib" / self.multiarch
        self.assertEqual((library / "libhandsfree_secrets.so").resolve(), library / LIBRARY)
        dpkg("--purge", *DEBS)
        self.assertFalse((library / LIBRARY).exists())


class Files:
    """Checks of the packages that run no program of them."""

    def test_nothing_asks_for_a_glibc_newer_than_2_17(self):
        table = self.binutil("objdump", "--dynamic-syms", self.library)
        versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([0-9.]+)", table)}
        self.assertLessEqual(max(versions), (2, 17))

    def test_the_library_needs_the_c_library_and_nothing_else(self):
        needed = set(re.findall(r"NEEDED +(\S+)", self.binutil("objdump", "--private-headers", self.library)))
        self.assertLessEqual(needed, {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1",
                                      LOADER[self.machine]})

    def test_both_libraries_define_the_api_and_nothing_else(self):
        shared = self.binutil("nm", "--dynamic", "--defined-only", "--format=posix", self.library)
        self.assertEqual({line.split()[0] for line in shared.splitlines()}, API)
        static = self.binutil("nm", "--defined-only", "--extern-only", "--format=posix",
                              self.prefix / "lib/libhandsfree_secrets.a")
        self.assertEqual({line.split()[0] for line in static.splitlines() if not line.endswith(":")}, API)

    def test_the_library_and_the_header_are_those_of_the_recorded_interface(self):
        run(ROOT / "scripts/abi", "check", self.library)
        for folder in (self.prefix / "include", self.system / "usr/include"):
            installed = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
            self.assertEqual(installed, HEADERS)
            for header in HEADERS:
                self.assertEqual((folder / header).read_bytes(), (ROOT / "include" / header).read_bytes(), header)

    def test_every_relative_link_of_the_documents_leads_into_the_tarball(self):
        documents = [self.prefix / "README.md", self.prefix / "CHANGELOG.md", *self.prefix.glob("docs/*.md")]
        self.assertGreater(len(documents), 10)
        for document in documents:
            # Without blanks, because C++ lambdas look like links.
            for link in re.findall(r"\]\(([^)#\s]+)[^)\s]*\)", document.read_text()):
                if "://" not in link:
                    self.assertTrue((document.parent / link).exists(), f"{document.name}: {link}")

    def test_the_library_keeps_its_name_its_protections_and_stays_mapped(self):
        dynamic = run("readelf", "--dynamic", "--segments", "--wide", self.library)
        self.assertIn(f"Library soname: [{SONAME}]", dynamic)
        for expected in ("NODELETE", "BIND_NOW", "GNU_RELRO"):
            self.assertIn(expected, dynamic)
        stack = next(line for line in dynamic.splitlines() if "GNU_STACK" in line)
        self.assertNotIn("RWE", stack)

    def test_the_debug_symbols_are_those_of_the_library(self):
        notes = run("readelf", "--notes", self.library)
        identity = re.search(r"Build ID: ([0-9a-f]{40})", notes).group(1)
        debug = self.scratch / f"{self.name}-debug/lib/debug/.build-id/{identity[:2]}/{identity[2:]}.debug"
        table = self.binutil("nm", "--defined-only", debug)
        address = re.search(r"^([0-9a-f]+) T hf_get_secret$", table, re.MULTILINE).group(1)
        self.assertIn("src/ffi/secrets.rs", self.binutil("addr2line", "--exe", debug, address))
        self.assertNotIn(".debug_", run("readelf", "--sections", "--wide", self.library))

    def test_no_file_names_a_folder_of_the_machine_that_built_it(self):
        machine = {str(ROOT), str(pathlib.Path.home() / ".cargo"), run("rustc", "--print", "sysroot").strip(),
                   os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))}
        debug = next(self.scratch.glob(f"{self.name}-debug/**/*.debug"))
        unpacked = self.scratch / "unpacked.debug"
        self.binutil("objcopy", "--decompress-debug-sections", debug, unpacked)
        for path in [unpacked, *self.prefix.rglob("*")]:
            content = path.read_bytes() if path.is_file() else b""
            for place in machine:
                self.assertFalse(place.encode() in content, f"{path.name} names {place}")

    def test_the_licence_list_and_the_bill_of_materials_name_every_crate(self):
        text = (self.prefix / "THIRD-PARTY-LICENSES.txt").read_text()
        bill = json.loads((self.prefix / "handsfree_secrets.cdx.json").read_text())
        self.assertEqual((bill["bomFormat"], bill["metadata"]["component"]["version"]), ("CycloneDX", VERSION))
        listed = {component["name"] for component in bill["components"] if "purl" in component}
        debug = next(self.scratch.glob(f"{self.name}-debug/**/*.debug"))
        sources = run("readelf", "--debug-dump=line", debug)
        compiled = set(re.findall(r"/cargo/registry/src/[^/\s]+/([A-Za-z0-9_-]+?)-[0-9]+\.[0-9]+", sources))
        self.assertGreater(len(compiled), 5)
        self.assertLessEqual(compiled, listed, "in the debug symbols, but not in the bill")
        for component in bill["components"]:
            self.assertIn(component["name"], text)
            if "purl" in component:
                self.assertRegex(component["hashes"][0]["content"], "^[0-9a-f]{64}$")
        for word in ("Apache License", "Permission is hereby granted", "Redistribution and use"):
            self.assertIn(word, text)

    def fields(self, name):
        text = run("dpkg-deb", "--field", self.debs[name])
        return dict(line.split(": ", 1) for line in text.splitlines() if re.match(r"\w", line))

    def control_file(self, name, file):
        return run("dpkg-deb", "--info", self.debs[name], file)

    def test_the_packages_hold_the_library_of_the_tarball(self):
        installed = self.system / "usr/lib" / self.multiarch / LIBRARY
        self.assertEqual(installed.read_bytes(), self.library.read_bytes())

    def test_the_fields_say_what_the_packages_need(self):
        runtime, development = (self.fields(name) for name in DEBS)
        self.assertEqual(runtime["Version"], f"{VERSION}-1")
        self.assertEqual(runtime["Architecture"], DEBIAN[self.machine])
        self.assertEqual(runtime["Multi-Arch"], "same")
        self.assertRegex(runtime["Depends"], r"^libc6 \(>= 2\.(\d|1[0-7])(\.\d+)?\)$")
        self.assertEqual(development["Depends"], f"libhandsfree-secrets0 (= {VERSION}-1)")

    def test_other_packages_learn_their_dependency(self):
        self.assertEqual(self.control_file("libhandsfree-secrets0", "shlibs"),
                         f"libhandsfree_secrets 0 libhandsfree-secrets0 (>= {VERSION})\n")
        first, *symbols = self.control_file("libhandsfree-secrets0", "symbols").splitlines()
        self.assertEqual(first, f"{SONAME} libhandsfree-secrets0 #MINVER#")
        self.assertEqual({line.split("@")[0].strip() for line in symbols}, API)
        self.assertEqual(self.control_file("libhandsfree-secrets0", "triggers"), "activate-noawait ldconfig\n")

    def test_the_checksums_of_the_content_are_right(self):
        for name in DEBS:
            tree = self.scratch / f"content-{name}"
            run("dpkg-deb", "--extract", self.debs[name], tree)
            sums = self.control_file(name, "md5sums")
            run("md5sum", "--check", "--strict", "--quiet", "-", input=sums, cwd=tree)
            files = {str(path.relative_to(tree)) for path in tree.rglob("*")
                     if path.is_file() and not path.is_symlink()}
            self.assertEqual({line.split("  ", 1)[1] for line in sums.splitlines()}, files)

    def test_each_package_brings_its_licences_and_its_changelog(self):
        for name in DEBS:
            folder = self.system / "usr/share/doc" / name
            self.assertIn("handsfree_secrets", (folder / "copyright").read_text())
            changelog = gzip.decompress((folder / "changelog.Debian.gz").read_bytes()).decode()
            self.assertTrue(changelog.startswith(f"handsfree-secrets ({VERSION}-1)"), changelog)


class FilesForX86_64(Files, Packages):
    machine = "x86_64"


class FilesForAarch64(Files, Packages):
    machine = "aarch64"


class Release(unittest.TestCase):
    def test_the_checksums_cover_every_file(self):
        sums = (DIST / "SHA256SUMS").read_text()
        run("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS", cwd=DIST)
        files = {path.name for path in DIST.iterdir()} - {"SHA256SUMS"}
        self.assertEqual({line.split("  ", 1)[1] for line in sums.splitlines()}, files)

    def test_packing_again_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory(prefix="handsfree-again-") as folder:
            date = environment(SOURCE_DATE_EPOCH=self.date())
            run(ROOT / "scripts/dist", "--output", folder, *self.machines(), env=date)
            again = (pathlib.Path(folder) / "SHA256SUMS").read_text()
        self.assertEqual(again.splitlines(), (DIST / "SHA256SUMS").read_text().splitlines())

    def test_a_machine_that_cannot_be_built_for_here_is_named_and_left_out(self):
        with tempfile.TemporaryDirectory(prefix="handsfree-alone-") as folder:
            folder = pathlib.Path(folder)
            (folder / f"lib/rustlib/{HOST}-unknown-linux-gnu/lib").mkdir(parents=True)
            # Rust has only the library of this machine, and rustup is replaced, so the build cannot start.
            rustc = f'[ "$*" = "--print sysroot" ] && echo {folder} || exec {shutil.which("rustc")} "$@"'
            for program, script in (("rustc", rustc), ("rustup", "exit 1"), ("cmake", "exit 1")):
                (folder / program).write_text(f"#!/bin/sh\n{script}\n")
                (folder / program).chmod(0o755)
            path = environment(PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
            ended = subprocess.run([ROOT / "scripts/dist", "--output", folder / "dist"], env=path, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        other = next(machine for machine in DEBIAN if machine != HOST)
        self.assertIn(f"rustup target add {other}-unknown-linux-gnu", ended.stdout)
        self.assertIn(f"-DHANDSFREE_SECRETS_TARGET={HOST}-unknown-linux-gnu", ended.stdout)

    def machines(self):
        """The architectures in dist/."""
        return [machine for machine in DEBIAN if list(DIST.glob(f"*-{machine}-linux-gnu.tar.gz"))]

    def date(self):
        """The modification time of the files of a tarball."""
        tarball = next(DIST.glob("*-linux-gnu.tar.gz"))
        listed = run("tar", "--list", "--verbose", "--full-time", "--utc", "--file", tarball)
        day, time = listed.splitlines()[0].split()[3:5]
        return int(run("date", "--utc", f"--date={day} {time}", "+%s"))


if __name__ == "__main__":
    sys.exit(unittest.main())
