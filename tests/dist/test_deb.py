"""The Debian packages: what they say, and that dpkg installs and removes them."""

import functools
import gzip
import re

from packages import API, DEBIAN, DIST, GLIBC, HEADERS, HOST, LIBRARY, SONAME, VERSION, Packages, only_root, run

DEBS = ("libhandsfree-secrets0", "libhandsfree-secrets-dev", "hfsecret")


class Debian(Packages):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.debs = {name: DIST / f"{name}_{VERSION}-1_{DEBIAN[cls.machine]}.deb" for name in DEBS}
        cls.system = cls.scratch / "system"
        for package in cls.debs.values():
            run("dpkg-deb", "--extract", package, cls.system)


class Installation:
    @only_root("dpkg installs as root only")
    def test_dpkg_installs_uses_and_removes_them_where_libc_is_the_oldest(self):
        root = self.scratch / "dpkg-root"
        for folder in ("updates", "info", "triggers"):
            (root / "var/lib/dpkg" / folder).mkdir(parents=True)
        architecture = DEBIAN[self.machine]
        (root / "var/lib/dpkg/arch").write_text(f"{DEBIAN[HOST]}\n{architecture}\n")
        (root / "var/lib/dpkg/status").write_text(
            f"Package: libc6\nStatus: install ok installed\nArchitecture: {architecture}\nMulti-Arch: same\n"
            f"Version: {GLIBC[self.machine]}-1\nMaintainer: nobody\nDescription: stands for the system's\n\n")
        dpkg = functools.partial(run, "dpkg", f"--root={root}", "--force-script-chrootless")
        dpkg("--install", *self.debs.values())
        state = run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "--show", "--showformat", "${Package} ${Status}\n")
        for name in DEBS:
            self.assertIn(f"{name} install ok installed", state)
        library = root / "usr/lib" / self.triple
        self.assertEqual((library / "libhandsfree_secrets.so").resolve(), library / LIBRARY)
        self.use(root, library)
        dpkg("--purge", *(f"{name}:{architecture}" for name in DEBS))
        left = [path for path in (root / "usr").rglob("*") if path.is_file()] if (root / "usr").exists() else []
        self.assertEqual(left, [])


class InstallationHere(Installation, Debian):
    machine = HOST


class InstallationForAarch64(Installation, Debian):
    machine = "aarch64"


class InstallationForRiscv64(Installation, Debian):
    machine = "riscv64"


class InstallationForPpc64le(Installation, Debian):
    machine = "ppc64le"


class InstallationForS390x(Installation, Debian):
    machine = "s390x"


class Fields:
    """Checks that run no program of the packages."""

    def fields(self, name):
        text = run("dpkg-deb", "--field", self.debs[name])
        return dict(line.split(": ", 1) for line in text.splitlines() if re.match(r"\w", line))

    def control_file(self, name, file):
        return run("dpkg-deb", "--info", self.debs[name], file)

    def test_the_packages_hold_the_library_of_the_tarball_and_the_headers(self):
        installed = self.system / "usr/lib" / self.triple / LIBRARY
        self.assertEqual(self.installed_headers(self.system), HEADERS)
        self.assertEqual(installed.read_bytes(), self.library.read_bytes())

    def test_the_fields_say_what_the_packages_need(self):
        runtime, development, tools = (self.fields(name) for name in DEBS)
        self.assertEqual(runtime["Version"], f"{VERSION}-1")
        self.assertEqual(runtime["Architecture"], DEBIAN[self.machine])
        self.assertEqual(runtime["Multi-Arch"], "same")
        self.assertEqual(runtime["Depends"], f"libc6 (>= {GLIBC[self.machine]})")
        self.assertRegex(runtime["Maintainer"], r"^.+ <.+@.+>$")
        self.assertEqual(tools["Depends"], f"libc6 (>= {GLIBC[self.machine]}), libhandsfree-secrets0 (>= {VERSION})")
        self.assertEqual(development["Depends"], f"libhandsfree-secrets0 (= {VERSION}-1)")

    def test_other_packages_learn_their_dependency(self):
        self.assertEqual(self.control_file("libhandsfree-secrets0", "shlibs"),
                         f"libhandsfree_secrets 0 libhandsfree-secrets0 (>= {VERSION})\n")
        first, *symbols = self.control_file("libhandsfree-secrets0", "symbols").splitlines()
        self.assertEqual(first, f"{SONAME} libhandsfree-secrets0 #MINVER#")
        self.assertEqual({line.split("@")[0].strip() for line in symbols}, API)
        self.assertEqual(self.control_file("libhandsfree-secrets0", "triggers"), "activate-noawait ldconfig\n")

    def test_the_checksums_of_the_content_are_right(self):
        for name in DEBS:
            tree = self.scratch / f"content-{name}"
            run("dpkg-deb", "--extract", self.debs[name], tree)
            sums = self.control_file(name, "md5sums")
            run("md5sum", "--check", "--strict", "--quiet", "-", input=sums, cwd=tree)
            files = {str(path.relative_to(tree)) for path in tree.rglob("*")
                     if path.is_file() and not path.is_symlink()}
            self.assertEqual({line.split("  ", 1)[1].removeprefix("./") for line in sums.splitlines()}, files)

    def test_each_package_brings_its_licences_and_its_changelog(self):
        for name in DEBS:
            folder = self.system / "usr/share/doc" / name
            self.assertIn("handsfree_secrets", (folder / "copyright").read_text())
            changelog = gzip.decompress((folder / "changelog.Debian.gz").read_bytes()).decode()
            self.assertTrue(changelog.startswith(f"{name} ({VERSION}-1) stable; urgency=medium"), changelog)


class FieldsForX86_64(Fields, Debian):
    machine = "x86_64"


class FieldsForAarch64(Fields, Debian):
    machine = "aarch64"


class FieldsForRiscv64(Fields, Debian):
    machine = "riscv64"


class FieldsForPpc64le(Fields, Debian):
    machine = "ppc64le"


class FieldsForS390x(Fields, Debian):
    machine = "s390x"
