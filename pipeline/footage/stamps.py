"""What a source looks like from outside: the stamp by which a later run knows it again."""

from __future__ import annotations

import os
from typing import Any

from aqa.errors import AqaError
from aqa.storage.places import Info, Place, RemotePath
from extractors.readers.file_names import IMAGE_SUFFIXES


def source_stamp(path: Place) -> dict[str, Any]:
    """What tells that a source changed: its size in bytes and its latest change."""
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
        where, stats = str(path.absolute()), [(stat.st_size, stat.st_mtime_ns) for stat in found]
    return {
        "path": where,
        "size": sum(size for size, _ in stats),
        "mtime_ns": max((mtime_ns for _, mtime_ns in stats), default=0),
    }


def frames_in(folder: RemotePath) -> list[Info]:
    """The images of a folder of frames, not those of folders in it."""
    files = folder.files(recursive=False)
    return [info for info in files if is_image(info.path.name)]


def is_image(name: str) -> bool:
    return suffix(name) in IMAGE_SUFFIXES


def suffix(name: str) -> str:
    """With its dot, in lower case."""
    return os.path.splitext(name)[1].lower()
