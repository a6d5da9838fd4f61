"""The version of the distribution is that of the crate; pyproject.toml has everything else."""

import pathlib
import re

from setuptools import setup

CARGO = pathlib.Path(__file__).resolve().parents[2] / "Cargo.toml"

setup(version=re.search(r'^version = "(.*)"', CARGO.read_text(), re.MULTILINE).group(1))
