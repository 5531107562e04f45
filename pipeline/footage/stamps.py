"""What a source looks like from outside: the stamp by which a later run knows it again."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from aqa.errors import AqaError
from aqa.storage import Info, Place, RemotePath
from extractors.readers import IMAGE_SUFFIXES

PART_BYTES = 64 * 2**10


def source_stamp(path: Place) -> dict[str, Any]:
    """Where a source lies, its size in bytes and its latest change; its content is not read."""
    if isinstance(path, RemotePath):
        info = path.info()
        infos = frames_in(path) if info and info.kind == "folder" else [info] if info else []
        where, stats = str(path), [(info.size, info.mtime_ns) for info in infos]
        if not stats:
            raise AqaError(f"{path}: no such file, and no frames in a folder of this name")
    else:
        files = [path]
        if path.is_dir():
            files = [entry for entry in os.scandir(path) if is_image(entry.name)]
        found = [file.stat() for file in files]
        where, stats = str(path.absolute()), [(one.st_size, one.st_mtime_ns) for one in found]
    return {
        "path": where,
        "size": sum(size for size, _ in stats),
        "mtime_ns": max((mtime_ns for _, mtime_ns in stats), default=0),
    }


def content_digest(path: Place) -> str | None:
    """SHA-256 of the size and the first, middle and last 64 KiB of a file; of a folder of frames,
    of the names and sizes of its images and of those parts of its first, middle and last image.

    None for a place on another file system, where reading costs more than it tells.
    """
    if isinstance(path, RemotePath):
        return None
    if not path.is_dir():
        return hashlib.sha256(_parts(path)).hexdigest()
    entries = [entry for entry in os.scandir(path) if is_image(entry.name)]
    images = sorted((entry.name, entry.stat().st_size) for entry in entries)
    digest = hashlib.sha256(ascii(images).encode())
    for name, _ in images[:1] + images[len(images) // 2 :][:1] + images[-1:]:
        digest.update(_parts(path / name))
    return digest.hexdigest()


def _parts(path: Path) -> bytes:
    if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for without end
        raise AqaError(f"{path}: not a regular file")
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        parts = [f"{size} ".encode()]
        # Of a small file the parts overlap, and are all of it.
        for start in (0, (size - PART_BYTES) // 2, size - PART_BYTES):
            file.seek(max(start, 0))
            parts.append(file.read(PART_BYTES))
    return b"".join(parts)


def frames_in(folder: RemotePath) -> list[Info]:
    """The images of a folder of frames, not those of folders in it."""
    files = folder.files(recursive=False)
    return [info for info in files if is_image(info.path.name)]


def is_image(name: str) -> bool:
    return suffix(name) in IMAGE_SUFFIXES


def suffix(name: str) -> str:
    """With its dot, in lower case."""
    return os.path.splitext(name)[1].lower()
