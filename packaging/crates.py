"""The crates that are linked into the library: which they are, under which licences, and what may be among them.

    python3 packaging/crates.py check      what is linked keeps to the rules below, else exit status 1
    python3 packaging/crates.py licenses   the text that ships with the binaries: every crate, every licence text
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "handsfree_secrets"
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"

# What a program under any licence can be linked with, provided that the texts go with it.
ALLOWED_LICENSES = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0"}

# Crates that must not come in by a dependency's default features: a second TLS library beside the one whose records
# are wiped, and clients that would bring threads of their own.
BANNED = {"openssl-sys", "ring", "native-tls", "tokio", "reqwest", "hyper"}

# Linked as well, but no crates.
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
        self.source = package["source"]
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


def linked(target):
    """The crates in the library for this target, sorted, ours among them.

    `cargo tree` says which: the graph of `cargo metadata` is that of all features together, tests included. The
    metadata says the rest."""
    tree = cargo("tree", "--locked", "--package", NAME, "--edges", "normal,no-proc-macro", "--target", target,
                 "--prefix", "none", "--no-dedupe", "--format", "{p}")
    wanted = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1"))["packages"]
    crates = [Crate(package) for package in packages if (package["name"], f"v{package['version']}") in wanted]
    if len(crates) != len(wanted):
        sys.exit(f"crates: cargo tree and cargo metadata disagree: {len(wanted)} and {len(crates)} crates")
    return sorted(crates, key=lambda crate: (crate.name, crate.version))


def permits(expression):
    """Whether an SPDX expression can be met with the allowed licences alone."""
    words = re.findall(r"[()]|[^\s()]+", expression)

    def alternatives():
        met = parts()
        while words and words[0] == "OR":
            words.pop(0)
            met = parts() or met
        return met

    def parts():
        met = one()
        while words and words[0] == "AND":
            words.pop(0)
            met = one() and met
        return met

    def one():
        word = words.pop(0) if words else ""
        if word == "(":
            met = alternatives()
            return bool(words) and words.pop(0) == ")" and met
        if words and words[0] == "WITH":
            del words[:2]
            return False
        return word in ALLOWED_LICENSES

    return alternatives() and not words


def complaints(crates):
    """What is wrong with these crates, a sentence each."""
    versions = {}
    for crate in crates:
        versions.setdefault(crate.name, []).append(crate.version)
        if not permits(crate.license):
            yield f"{crate.name} {crate.version}: the licence `{crate.license}` is not among those that are allowed"
        if not crate.license_texts():
            yield f"{crate.name} {crate.version}: it brings no licence text to ship"
        if crate.source != CRATES_IO and not crate.is_ours:
            yield f"{crate.name} {crate.version}: it comes from {crate.source}, not from crates.io"
        if crate.name in BANNED:
            yield f"{crate.name} {crate.version}: this crate is not to be linked"
    for name, several in versions.items():
        if len(several) > 1:
            yield f"{name}: linked in several versions: {', '.join(several)}"


def license_document(crates):
    """One text with every crate, and every licence text once, under the names of the crates that bring it."""
    lines = ["This library contains the following software, under these licences.", ""]
    lines += [f"{crate.name} {crate.version}: {crate.license}" for crate in crates]
    lines += [f"{name}: {license} ({home})" for name, license, home in TOOLCHAIN]
    users = {}
    for crate in crates:
        for file, text in crate.license_texts():
            users.setdefault(text, []).append(f"{crate.name} {crate.version} ({file})")
    for text, names in sorted(users.items(), key=lambda item: item[1]):
        lines += ["", "=" * 100, *names, "=" * 100, "", text.rstrip()]
    return "\n".join(lines) + "\n"


def main(arguments):
    targets = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]
    if arguments == ["licenses"]:
        sys.stdout.write(license_document(linked(targets[0])))
        return 0
    if arguments != ["check"]:
        sys.exit(__doc__)
    wrong = sorted({complaint for target in targets for complaint in complaints(linked(target))})
    for complaint in wrong:
        print(f"crates: {complaint}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
