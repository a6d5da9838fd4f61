"""What the tarballs of `make dist` hold. No test here runs a program of theirs."""

import json
import os
import pathlib
import re

from packages import API, GLIBC, HEADERS, LOADER, ROOT, SONAME, VERSION, Packages, run


class Files:
    """Checks of the packages that run no program of them."""

    def needed(self, program):
        return set(re.findall(r"NEEDED +(\S+)", self.binutil("objdump", "--private-headers", program)))

    def test_nothing_asks_for_a_newer_glibc_than_the_oldest(self):
        for program in (self.library, self.prefix / "bin/hfsecret"):
            table = self.binutil("objdump", "--dynamic-syms", program)
            versions = {tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_([0-9.]+)", table)}
            self.assertLessEqual(max(versions, default=(0,)), tuple(map(int, GLIBC[self.machine].split("."))))
            self.assertEqual(bool(versions), self.libc == "gnu")

    def test_the_library_needs_the_c_library_and_nothing_else(self):
        gnu = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", LOADER[self.machine]}
        c_library = gnu if self.libc == "gnu" else {"libc.so"}
        self.assertLessEqual(self.needed(self.library), c_library)
        self.assertLessEqual(self.needed(self.prefix / "bin/hfsecret"), c_library | {SONAME})

    def test_both_libraries_define_the_api_and_nothing_else(self):
        shared = self.binutil("nm", "--dynamic", "--defined-only", "--format=posix", self.library)
        self.assertEqual({line.split()[0] for line in shared.splitlines()}, API)
        static = self.binutil("nm", "--defined-only", "--extern-only", "--format=posix",
                              self.prefix / "lib/libhandsfree_secrets.a")
        self.assertEqual({line.split()[0] for line in static.splitlines() if not line.endswith(":")}, API)

    def test_the_library_and_the_header_are_those_of_the_recorded_interface(self):
        run(ROOT / "scripts/abi", "check", self.library)
        folder = self.prefix / "include"
        self.assertEqual(sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file()), HEADERS)
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
        needs = {entry["ref"]: set(entry["dependsOn"]) for entry in bill["dependencies"]}
        known = {component["bom-ref"] for component in bill["components"]}
        root = bill["metadata"]["component"]["bom-ref"]
        reached, waiting = set(), [root]
        while waiting:
            crate = waiting.pop()
            if crate not in reached:
                reached.add(crate)
                waiting += needs.get(crate, ())
        self.assertEqual(reached - {root}, known, "the graph reaches all components, and nothing else")
        rustls = next(ref for ref in known if ref.startswith("pkg:cargo/rustls@"))
        self.assertIn(rustls, needs[root])
        self.assertTrue(any(ref.startswith("pkg:cargo/rustls-webpki@") for ref in needs[rustls]))
        for word in ("Apache License", "Permission is hereby granted", "Redistribution and use"):
            self.assertIn(word, text)


class FilesForX86_64(Files, Packages):
    machine = "x86_64"


class FilesForAarch64(Files, Packages):
    machine = "aarch64"


class FilesForRiscv64(Files, Packages):
    machine = "riscv64"


class FilesForPpc64le(Files, Packages):
    machine = "ppc64le"


class FilesForS390x(Files, Packages):
    machine = "s390x"


class FilesForX86_64Musl(Files, Packages):
    machine = "x86_64"
    libc = "musl"


class FilesForAarch64Musl(Files, Packages):
    machine = "aarch64"
    libc = "musl"
