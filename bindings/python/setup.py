"""The version of the distribution is that of the library's header; pyproject.toml has everything else."""

import pathlib
import re

from setuptools import setup

HEADER = pathlib.Path(__file__).resolve().parents[2] / "include/handsfree_secrets.h"

setup(version=re.search(r'^#define HF_VERSION_STRING "(.*)"', HEADER.read_text(encoding="utf-8"), re.MULTILINE).group(1))
