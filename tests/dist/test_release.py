"""dist/ as a whole."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from packages import DEBIAN, DIST, HOST, ROOT, compiler_name, environment, run


class Release(unittest.TestCase):
    def test_the_checksums_cover_every_file(self):
        sums = (DIST / "SHA256SUMS").read_text()
        run("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS", cwd=DIST)
        files = {path.name for path in DIST.iterdir()} - {"SHA256SUMS"}
        self.assertEqual({line.split("  ", 1)[1] for line in sums.splitlines()}, files)

    def test_the_commands_of_the_readme_take_the_packages_of_one_machine(self):
        readme = (ROOT / "README.md").read_text()
        for kind in ("deb", "rpm", "apk"):
            [pattern] = re.findall(rf"\./(\*\S*\.{kind})", readme)
            if list(DIST.glob(f"*.{kind}")):
                self.assertEqual(len(list(DIST.glob(pattern))), 3, pattern)

    def test_packing_again_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory(prefix="handsfree-again-") as folder:
            date = environment(SOURCE_DATE_EPOCH=self.date())
            run(ROOT / "scripts/dist", "--output", folder, *self.platforms(), env=date)
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

    def platforms(self):
        """The platforms in dist/."""
        names = {"gnu": "{}", "musl": "{}-musl"}
        return [names[libc].format(machine) for libc in names for machine in DEBIAN
                if list(DIST.glob(f"*-{compiler_name(machine)}-linux-{libc}.tar.gz"))]

    def date(self):
        """The modification time of the files of a tarball."""
        tarball = next(DIST.glob("*-linux-gnu.tar.gz"))
        listed = run("tar", "--list", "--verbose", "--full-time", "--utc", "--file", tarball)
        day, time = listed.splitlines()[0].split()[3:5]
        return int(run("date", "--utc", f"--date={day} {time}", "+%s"))
