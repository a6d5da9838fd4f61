"""The two Debian packages: the runtime library, and the development files."""

import datetime
import gzip
import os
import pathlib
import shutil
import subprocess

import archive
import elf

RUNTIME = "libhandsfree-secrets0"
DEVELOPMENT = "libhandsfree-secrets-dev"
SONAME = "libhandsfree_secrets.so.0"
REVISION = "1"
MAINTAINER = os.environ.get("DIST_MAINTAINER", "handsfree_secrets maintainers <maintainers@handsfree-secrets.invalid>")

# The package and minimum version of each library that ours needs.
PROVIDERS = {
    "libgcc_s.so.1": "libgcc-s1 | libgcc1",
    **{name: "libc6 (>= {glibc})" for name in (
        "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1",
        "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1")},
}

DESCRIPTION = """blocking client for HashiCorp Vault and OpenBao{what}
 Stores, gets, updates, deletes and lists secrets of a KV version 2 engine, or of
 the process environment, through a C interface made for other people's processes:
 no thread of its own, deadlines, safe after fork, memory that is wiped.
"""


class Release:
    """Data common to both packages."""

    def __init__(self, version, architecture, multiarch, time):
        self.version = f"{version}-{REVISION}"
        self.upstream = version
        self.architecture = architecture
        self.multiarch = multiarch
        self.time = time


def depends(library):
    glibc = ".".join(str(part) for part in elf.glibc(library))
    unknown = [name for name in elf.needed(library) if name not in PROVIDERS]
    if unknown:
        raise SystemExit(f"dist: no Debian package is known for {', '.join(unknown)}; name it in packaging/deb.py")
    return ", ".join(sorted({PROVIDERS[name].format(glibc=glibc) for name in elf.needed(library)}))


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def documents(release, root, package, license_text):
    """Writes the files that every Debian package has: origin, licences, and changes."""
    folder = root / "usr/share/doc" / package
    folder.mkdir(parents=True)
    write(folder / "copyright", license_text)
    date = datetime.datetime.fromtimestamp(release.time, datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S +0000")
    entry = (f"handsfree-secrets ({release.version}) stable; urgency=medium\n\n  * Release {release.upstream}; what is "
             f"new stands in the\n    CHANGELOG.md of the sources.\n\n -- {MAINTAINER}  {date}\n")
    (folder / "changelog.Debian.gz").write_bytes(gzip.compress(entry.encode(), 9, mtime=0))


def control(release, package, section, depends_on, what, installed_size):
    return (f"Package: {package}\nSource: handsfree-secrets\nVersion: {release.version}\n"
            f"Architecture: {release.architecture}\nMulti-Arch: same\nMaintainer: {MAINTAINER}\n"
            f"Installed-Size: {installed_size}\nDepends: {depends_on}\nSection: {section}\nPriority: optional\n"
            f"Description: {DESCRIPTION.format(what=what)}")


def size_in_kibibytes(root):
    """The installed size in kB as dpkg-gencontrol counts it: files rounded up, everything else 1."""
    paths = [path for path in root.rglob("*") if "DEBIAN" not in path.parts]
    return sum(-(-path.stat().st_size // 1024) if path.is_file() and not path.is_symlink() else 1 for path in paths)


def finish(release, root, output, package, section, depends_on, what):
    """Writes control and md5sums, sets the times of all files to that of the release, and packs the tree."""
    text = control(release, package, section, depends_on, what, size_in_kibibytes(root))
    # Before the control files exist: md5sums covers only the content.
    sums = archive.sums(root, "md5", skip=("control", "shlibs", "symbols", "triggers"))
    write(root / "DEBIAN/control", text)
    write(root / "DEBIAN/md5sums", sums)
    for path in [root, *root.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (release.time, release.time), follow_symlinks=False)
    file = output / f"{package}_{release.version}_{release.architecture}.deb"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(release.time)}
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", root, file], check=True,
                   env=environment, stdout=subprocess.DEVNULL)


def runtime(release, tree, folder, output, license_text):
    """The runtime package: the library under its soname, and the data for the dependencies of other packages."""
    root = folder / RUNTIME
    library_folder = root / "usr/lib" / release.multiarch
    library_folder.mkdir(parents=True)
    real = f"libhandsfree_secrets.so.{release.upstream}"
    shutil.copy(tree / "lib" / release.multiarch / real, library_folder / real)
    (library_folder / SONAME).symlink_to(real)

    write(root / "DEBIAN/shlibs", f"libhandsfree_secrets 0 {RUNTIME} (>= {release.upstream})\n")
    symbols = "".join(f" {name}@Base {release.upstream}\n" for name in elf.exported(library_folder / real))
    write(root / "DEBIAN/symbols", f"{SONAME} {RUNTIME} #MINVER#\n{symbols}")
    write(root / "DEBIAN/triggers", "activate-noawait ldconfig\n")
    documents(release, root, RUNTIME, license_text)
    finish(release, root, output, RUNTIME, "libs", depends(library_folder / real), "")


def development(release, tree, folder, output, license_text):
    """The development package: headers, the static library, pkg-config files, the CMake package."""
    root = folder / DEVELOPMENT
    shutil.copytree(tree, root / "usr", symlinks=True)
    library_folder = root / "usr/lib" / release.multiarch
    for path in library_folder.glob("libhandsfree_secrets.so.*"):
        path.unlink()
    link = library_folder / "libhandsfree_secrets.so"
    link.unlink()
    link.symlink_to(SONAME)
    documents(release, root, DEVELOPMENT, license_text)
    finish(release, root, output, DEVELOPMENT, "libdevel", f"{RUNTIME} (= {release.version})", " (development files)")


def build(release, tree, folder, output, license_text):
    """`tree` is the installed library, with `lib/<multiarch>`, and contains nothing but the content of the packages."""
    folder = pathlib.Path(folder)
    runtime(release, tree, folder, output, license_text)
    development(release, tree, folder, output, license_text)
