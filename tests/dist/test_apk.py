"""The Alpine packages, and programs with musl: shared, static, and alone in an empty root."""

import os
import re
import shutil
import subprocess

from packages import (DIST, HEADERS, HOST, LIBRARY, ROOT, SONAME, VERSION, Packages, environment, leave_out, only_root, run,
                      zig)

# Debian's package of another machine, which scripts/bootstrap has unpacked.
MUSL_AARCH64 = ROOT / "target/musl-aarch64"
APKS = ("libhandsfree-secrets0", "libhandsfree-secrets-dev", "hfsecret")


class Apks(Packages):
    libc = "musl"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.root = cls.scratch / "apk-root"
        cls.libraries = cls.root / "usr/lib"
        cls.information = {}
        for name in APKS:
            cls.root.mkdir(exist_ok=True)
            package = DIST / f"{name}_{VERSION}-r1_{cls.machine}.apk"
            run("tar", "--extract", "--gzip", "--warning=no-unknown-keyword", "--file", package, "--directory", cls.root)
            cls.information[name] = (cls.root / ".PKGINFO").read_text()


class Fields:
    """Checks that run no program of the packages."""

    def test_they_hold_the_library_of_the_tarball_and_the_headers(self):
        self.assertEqual((self.libraries / LIBRARY).read_bytes(), self.library.read_bytes())
        self.assertEqual(self.installed_headers(self.root), HEADERS)
        self.assertEqual(os.readlink(self.libraries / SONAME), LIBRARY)

    def test_they_say_what_they_provide_and_need(self):
        runtime, development, tools = (self.information[name].splitlines() for name in APKS)
        self.assertIn(f"arch = {self.machine}", runtime)
        self.assertIn(f"depend = so:libc.musl-{self.machine}.so.1", runtime)
        self.assertIn(f"provides = so:{SONAME}={VERSION}", runtime)
        self.assertIn(f"depend = libhandsfree-secrets0={VERSION}-r1", development)
        self.assertIn(f"provides = pc:handsfree_secrets={VERSION}", development)
        self.assertIn(f"depend = so:{SONAME}", tools)
        for lines in (runtime, development, tools):
            self.assertTrue([line for line in lines if re.match("maintainer = .+ <.+@.+>", line)], lines)


class FieldsForX86_64(Fields, Apks):
    machine = "x86_64"


class FieldsForAarch64(Fields, Apks):
    machine = "aarch64"


class Programs:
    """Builds programs with zig's musl, and runs them with the loader of Debian's package musl."""

    emulator = ()

    def musl(self, compiler, standard, source, name, *flags):
        words, caches = zig(compiler, f"{self.machine}-linux-musl")
        # Without optimization zig adds a runtime of its own, which needs a newer musl.
        return self.compile(words, standard, source, name, "-O2", *flags, **caches)

    def test_the_c_and_cpp_quickstarts_link_and_run_shared(self):
        # By its path, because zig prefers static libraries for musl.
        flags = (f"-I{self.root}/usr/include", self.libraries / SONAME, "-dynamic", f"-Wl,-rpath,{self.libraries}")
        for compiler, standard, source in (("cc", "c99", "c/quickstart.c"), ("c++", "c++17", "cpp/quickstart.cpp")):
            program = self.musl(compiler, standard, f"examples/{source}", f"musl-{compiler}", *flags)
            self.assertIn(f"ld-musl-{self.machine}.so.1", run("readelf", "--program-headers", program))
            self.assertIn(SONAME, run("readelf", "--dynamic", program))
            self.runs(*self.emulator, program)

    def test_the_c_and_cpp_quickstarts_link_and_run_static(self):
        flags = (f"-I{self.root}/usr/include", self.libraries / "libhandsfree_secrets.a", "-static", "-lunwind")
        for compiler, standard, source in (("cc", "c99", "c/quickstart.c"), ("c++", "c++17", "cpp/quickstart.cpp")):
            program = self.musl(compiler, standard, f"examples/{source}", f"musl-static-{compiler}", *flags)
            self.assertNotIn("NEEDED", run("readelf", "--dynamic", program))
            self.runs(*self.emulator, program)

    def test_hfsecret_runs_with_the_loader_of_musl(self):
        self.use_hfsecret(self.emulator, self.root, self.libraries)
        program = (*self.emulator, self.root / "usr/bin/hfsecret")
        given = environment(LD_LIBRARY_PATH=self.libraries, SECRET="vault://musl-run")
        run(*program, "store", "musl-run", input="the value", env=environment(LD_LIBRARY_PATH=self.libraries))
        self.assertEqual(run(*program, "run", "/bin/sh", "-c", "unset LD_LIBRARY_PATH; echo $SECRET", env=given), "the value\n")


class ProgramsHere(Programs, Apks):
    machine = HOST

    @only_root("only root may change the root")
    def test_a_static_go_program_runs_in_an_empty_root_with_the_ca_alone(self):
        words, caches = zig("cc", f"{HOST}-linux-musl")
        compiler = self.scratch / "musl-cc"
        compiler.write_text(f'#!/bin/sh\nexec {" ".join(map(str, words))} "$@"\n')
        compiler.chmod(0o755)
        program = self.build_go(self.libraries, "go-musl", "-tags", "static_link netgo osusergo", "-ldflags",
                                "-linkmode external -extldflags '-static -lunwind'", CC=compiler, **caches)
        self.assertNotIn("NEEDED", run("readelf", "--dynamic", program))
        empty = self.scratch / "empty"
        empty.mkdir()
        shutil.copy(program, empty / "program")
        self.assertIn("VAULT_CACERT", os.environ, "run this below scripts/with-server --tls")
        shutil.copy(os.environ["VAULT_CACERT"], empty / "ca.pem")
        address = os.environ["VAULT_ADDR"].replace("localhost", "127.0.0.1")
        ended = subprocess.run(["/program"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               preexec_fn=lambda: os.chroot(empty), cwd="/",
                               env={"SECRET_MANAGER_TYPE": "vault", "VAULT_ADDR": address, "VAULT_CACERT": "/ca.pem",
                                    "VAULT_TOKEN": os.environ["VAULT_TOKEN"]})
        self.assertEqual(ended.returncode, 0, ended.stdout)
        self.assertIn("vault://", ended.stdout)


class ProgramsForAarch64(Programs, Apks):
    machine = "aarch64"
    emulator = () if HOST == "aarch64" else ("qemu-aarch64", "-L", MUSL_AARCH64)

    @classmethod
    def setUpClass(cls):
        if cls.emulator and not MUSL_AARCH64.exists():
            leave_out("no musl for aarch64: scripts/bootstrap cross")
        super().setUpClass()
