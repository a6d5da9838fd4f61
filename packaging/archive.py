"""Reproducible archives and checksums."""

import gzip
import hashlib
import io
import os
import pathlib
import tarfile


def entries(folder):
    """The files and folders below a folder, as sorted relative paths."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*"))


def add(archive, folder, path, name, time):
    entry = archive.gettarinfo(folder / path, arcname=name)
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mtime = time
    if not entry.issym():
        entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    if entry.isreg():
        with open(folder / path, "rb") as content:
            archive.addfile(entry, content)
    else:
        archive.addfile(entry)


def tar_gz(folder, prefix, time):
    """The folder as the bytes of a .tar.gz, its entries below `prefix`."""
    packed = io.BytesIO()
    # mtime=0: no date and no file name in the gzip header.
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0, filename="") as compressed:
        with tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive:
            for path in [pathlib.Path("."), *entries(folder)]:
                add(archive, folder, path, os.path.normpath(f"{prefix}/{path}"), time)
    return packed.getvalue()


def sums(folder, algorithm, skip=()):
    """Lines in the format of md5sum and sha256sum for all files below the folder."""
    lines = []
    for path in entries(folder):
        file = folder / path
        if file.is_file() and not file.is_symlink() and path.name not in skip:
            lines.append(f"{hashlib.new(algorithm, file.read_bytes()).hexdigest()}  {path}\n")
    return "".join(lines)
