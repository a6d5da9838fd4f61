"""The Python distribution handsfree-secrets: a wheel with the library inside."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import nfpm

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The platforms of PEP 600 and PEP 656 that take the libraries: glibc 2.17, and the musl that Alpine has had since 3.13.
PLATFORMS = {"gnu": "manylinux2014_{machine}", "musl": "musllinux_1_2_{machine}"}


def build(machine, libc, time, library, output):
    with tempfile.TemporaryDirectory(prefix="handsfree-wheel-") as scratch:
        stage = pathlib.Path(scratch) / "stage"
        sources = stage / "bindings/python"
        shutil.copytree(ROOT / "bindings/python", sources, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
        shutil.copy(ROOT / "Cargo.toml", stage)
        shutil.copy(library, sources / "handsfree_secrets" / nfpm.SONAME)
        nfpm.touch(stage, time)
        platform = PLATFORMS[libc].format(machine=machine)
        command = [ROOT / "target/dist-tools/bin/python", "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps",
                   "--no-build-isolation", f"--config-settings=--build-option=--plat-name={platform}",
                   "--wheel-dir", output, sources]
        subprocess.run([str(word) for word in command], check=True,
                       env={**os.environ, "SOURCE_DATE_EPOCH": str(time)})
