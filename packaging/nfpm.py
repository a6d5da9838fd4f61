"""Debian, RPM and Alpine packages, by nfpm from the descriptions in packaging/nfpm/."""

import datetime
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import elf

ROOT = pathlib.Path(__file__).resolve().parent.parent
REVISION = "1"
MAINTAINER = os.environ.get("DIST_MAINTAINER", "handsfree_secrets maintainers <maintainers@handsfree-secrets.invalid>")
SONAME = "libhandsfree_secrets.so.0"
RUNTIME = "libhandsfree-secrets0"
# The format, and the folder of its libraries below /usr.
FORMATS = {"gnu": (("deb", "lib/{triple}"), ("rpm", "lib64")), "musl": (("apk", "lib"),)}


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, **options)


def changelog(version, time, file):
    """Writes the one entry of the package. JSON is YAML."""
    date = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    note = f"Release {version}; CHANGELOG.md of the sources has the changes."
    entry = {"semver": f"{version}-{REVISION}", "date": date, "packager": MAINTAINER,
             "deb": {"urgency": "medium", "distributions": ["stable"]}, "changes": [{"commit": "", "note": note}]}
    file.write_text(json.dumps([entry]))


def touch(folder, time):
    """Gives all files below the folder the date of the release, and the modes that packages have."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        os.utime(path, (time, time), follow_symlinks=False)


def add_debian_symbols(package, library, version, environment):
    """Adds what other Debian packages derive their dependency on the library from. nfpm has no setting for it."""
    symbols = "".join(f" {name}@Base {version}\n" for name in elf.exported(library))
    with tempfile.TemporaryDirectory(prefix="handsfree-deb-") as folder:
        content = pathlib.Path(folder) / "content"
        run("dpkg-deb", "--raw-extract", package, content)
        (content / "DEBIAN/shlibs").write_text(f"libhandsfree_secrets 0 {RUNTIME} (>= {version})\n")
        (content / "DEBIAN/symbols").write_text(f"{SONAME} {RUNTIME} #MINVER#\n{symbols}")
        run("dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", content, package, env=environment)


def build(version, platform, time, install, licenses, output):
    """`install(folder, library_folder)` installs each component into a subfolder of its own name."""
    for kind, library_folder in FORMATS[platform.libc]:
        library_folder = library_folder.format(triple=platform.triple)
        with tempfile.TemporaryDirectory(prefix="handsfree-packages-") as scratch:
            stage = pathlib.Path(scratch) / "stage"
            install(stage, library_folder)
            (stage / "copyright").write_text(licenses)
            changelog(version, time, stage / "changelog.yaml")
            shutil.copy(ROOT / "packaging/nfpm/ldconfig.sh", stage)
            touch(stage, time)
            environment = {
                **os.environ,
                "ARCHITECTURE": platform.go,  # nfpm converts it for each format
                "DEVELOPMENT": "devel" if kind == "rpm" else "dev",
                "GLIBC": platform.glibc,
                "LIBRARIES": library_folder,
                "MACHINE": platform.machine,
                "MAINTAINER": MAINTAINER,
                "RELEASE": REVISION,
                "SOURCE_DATE_EPOCH": str(time),
                "VERSION": version,
            }
            for name in ("runtime", "development", "tools"):
                run(shutil.which("nfpm", path=tools_path()), "package", "--config", ROOT / f"packaging/nfpm/{name}.yaml",
                    "--packager", kind, "--target", output, cwd=stage, env=environment)
            if kind == "deb":
                package = output / f"{RUNTIME}_{version}-{REVISION}_{platform.debian}.deb"
                library = stage / f"handsfree_secrets_Runtime/{library_folder}/libhandsfree_secrets.so.{version}"
                add_debian_symbols(package, library, version, environment)


def tools_path():
    return f"{ROOT / 'target/tools/bin'}{os.pathsep}{os.environ['PATH']}"
