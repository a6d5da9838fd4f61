"""The Python distribution: installed into a fresh environment, which has nothing else of the library."""

import subprocess
import zipfile

from packages import DIST, ROOT, VERSION, Packages, environment, run

PLATFORMS = {("x86_64", "gnu"): "manylinux2014_x86_64", ("aarch64", "gnu"): "manylinux2014_aarch64",
             ("riscv64", "gnu"): "manylinux_2_27_riscv64", ("ppc64le", "gnu"): "manylinux2014_ppc64le",
             ("s390x", "gnu"): "manylinux2014_s390x",
             ("x86_64", "musl"): "musllinux_1_2_x86_64", ("aarch64", "musl"): "musllinux_1_2_aarch64"}


class Wheels(Packages):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        platform = PLATFORMS[cls.machine, cls.libc]
        cls.wheel = DIST / f"handsfree_secrets-{VERSION}-py3-none-{platform}.whl"


class Installation(Wheels):
    def test_a_fresh_environment_runs_the_quickstart(self):
        venv = self.scratch / "venv"
        run("python3", "-m", "venv", venv)
        # As the README says it: pip finds the wheel for this machine and its C library among those of all.
        run(venv / "bin/python", "-m", "pip", "install", "--quiet", "--no-index", "--find-links", DIST, "handsfree-secrets")
        listed = run(venv / "bin/python", "-m", "pip", "list", "--format=freeze")
        self.assertIn(f"handsfree-secrets=={VERSION}\n", listed)
        self.assertIn("vault://", run(venv / "bin/python", "-I", ROOT / "examples/python/quickstart.py"))
        # The variable names another library, before the one inside.
        ended = subprocess.run([venv / "bin/python", "-c", "import handsfree_secrets"], stderr=subprocess.PIPE, text=True,
                               env=environment(HANDSFREE_SECRETS_LIBRARY="/no/such/library"))
        self.assertIn("/no/such/library", ended.stderr)


class Files:
    def test_the_wheel_holds_the_library_of_the_tarball_and_the_types(self):
        with zipfile.ZipFile(self.wheel) as content:
            names = set(content.namelist())
            self.assertIn("handsfree_secrets/py.typed", names)
            self.assertEqual(content.read("handsfree_secrets/libhandsfree_secrets.so.0"), self.library.read_bytes())
            information = f"handsfree_secrets-{VERSION}.dist-info"
            metadata = content.read(f"{information}/METADATA").decode()
            licenses = content.read(f"{information}/licenses/LICENSES.txt").decode()
        self.assertIn("License-Expression: MIT OR Apache-2.0", metadata)
        self.assertEqual(licenses, (self.prefix / "THIRD-PARTY-LICENSES.txt").read_text())
        sources = {f"handsfree_secrets/{path.name}" for path in (ROOT / "bindings/python/handsfree_secrets").glob("*.py")}
        self.assertLessEqual(sources, names)


class FilesForX86_64(Files, Wheels):
    machine = "x86_64"


class FilesForAarch64(Files, Wheels):
    machine = "aarch64"


class FilesForRiscv64(Files, Wheels):
    machine = "riscv64"


class FilesForPpc64le(Files, Wheels):
    machine = "ppc64le"


class FilesForS390x(Files, Wheels):
    machine = "s390x"


class FilesForX86_64Musl(Files, Wheels):
    libc = "musl"
    machine = "x86_64"


class FilesForAarch64Musl(Files, Wheels):
    libc = "musl"
    machine = "aarch64"
