"""The crates that are linked into the library: which they are, and under which licences. What may be among them stands
in deny.toml.

    python3 packaging/crates.py    prints the text that ships with the binaries: every crate, every licence text

cargo-about 0.9.3 is not used for that. It ships the texts that it recognizes as a known licence, of the one licence that it has
chosen where a crate offers several; here every file that a crate has for its licences, copyrights and notices is shipped as it
is, and a crate without one is an error. Rust's standard library and the unwinder would have to be added to its output.
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "handsfree_secrets"

# Linked as well, but not crates.
TOOLCHAIN = (
    ("The Rust standard library", "MIT OR Apache-2.0", "https://www.rust-lang.org"),
    ("libunwind and compiler-rt of LLVM", "Apache-2.0 WITH LLVM-exception", "https://llvm.org"),
)

LICENSE_FILE = re.compile(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE)", re.IGNORECASE)


class Crate:
    def __init__(self, package):
        self.name = package["name"]
        self.version = package["version"]
        self.license = (package["license"] or "").replace("/", " OR ")
        self.repository = package["repository"]
        self.description = (package["description"] or "").strip()
        self.folder = pathlib.Path(package["manifest_path"]).parent

    @property
    def is_ours(self):
        return self.name == NAME

    def license_texts(self):
        files = sorted(path for path in self.folder.iterdir() if path.is_file() and LICENSE_FILE.match(path.name))
        return [(path.name, path.read_text(encoding="utf-8", errors="replace").rstrip() + "\n") for path in files]


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def tree(target):
    """The crates in the library for this target, each with its depth: one that another one needs follows it.

    It is that of `cargo tree`: the graph of `cargo metadata` is that of all features together, tests included."""
    lines = cargo("tree", "--locked", "--package", NAME, "--edges", "normal,no-proc-macro", "--target", target,
                  "--prefix", "depth", "--no-dedupe", "--format", " {p}").splitlines()
    return [(int(depth), name, version) for depth, name, version, *_ in map(str.split, filter(None, lines))]


def needs(target):
    """The crates that each crate needs, all as (name, version), sorted."""
    found, path = {}, []
    for depth, name, version in tree(target):
        path[depth:] = [(name, version.removeprefix("v"))]
        found.setdefault(path[-1], set())
        if depth > 0:
            found[path[-2]].add(path[-1])
    return {crate: sorted(others) for crate, others in sorted(found.items())}


def linked(target):
    """The crates in the library for this target, sorted, including its own."""
    wanted = {(name, version) for _, name, version in tree(target)}
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    crates = [Crate(package) for package in packages if (package["name"], f"v{package['version']}") in wanted]
    if len(crates) != len(wanted):
        sys.exit(f"crates: cargo tree and cargo metadata disagree: {len(wanted)} and {len(crates)} crates")
    return sorted(crates, key=lambda crate: (crate.name, crate.version))


def license_document(crates):
    """One text with every crate, and every licence text once, with the names of the crates that have it."""
    lines = ["This library contains the following software, under these licences.", ""]
    lines += [f"{crate.name} {crate.version}: {crate.license}" for crate in crates]
    lines += [f"{name}: {license} ({home})" for name, license, home in TOOLCHAIN]
    users = {}
    for crate in crates:
        texts = crate.license_texts()
        if not texts:
            sys.exit(f"crates: {crate.name} {crate.version} brings no licence text to ship")
        for file, text in texts:
            users.setdefault(text, []).append(f"{crate.name} {crate.version} ({file})")
    for text, names in sorted(users.items(), key=lambda item: item[1]):
        lines += ["", "=" * 100, *names, "=" * 100, "", text.rstrip()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(license_document(linked("x86_64-unknown-linux-gnu")))
