"""Footage of another file system, copied to this machine for as long as it is read.

Decoders want a file that they can seek in. A copy lies below the machine's folder for temporary
files (``$TMPDIR``), beside a lock that the copying process holds; what a killed process left is
removed by the next that copies.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from aqa.errors import AqaError
from aqa.storage import Place, RemotePath
from pipeline.footage.stamps import frames_in

IMAGES_AT_ONCE = 8  # each waits for the network most of the time


@contextmanager
def local_copy(path: Place) -> Iterator[Path]:
    """The footage at ``path``, a file or a folder of frames, as a path of this machine.

    A path of this machine is given back as it is. Raises AqaError that names the place where it
    cannot be copied.
    """
    if not isinstance(path, RemotePath):
        yield path
        return
    info = path.info()
    if info is None:
        raise AqaError(f"{path}: no such file or folder")
    with _own_folder() as folder:
        target = folder / path.name
        if info.kind == "file":
            path.copy_to(target)
        else:
            target.mkdir()
            images = [image.path for image in frames_in(path)]
            with ThreadPoolExecutor(IMAGES_AT_ONCE) as pool:
                list(pool.map(lambda image: image.copy_to(target / image.name), images))
        yield target


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A new folder that nobody else removes while this process lives."""
    place = Path(tempfile.gettempdir()) / f"aqa-pipeline-copies-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    _sweep(place)
    lock, path = _new_lock(place)
    folder = path.with_suffix("")
    try:
        folder.mkdir()
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        path.unlink(missing_ok=True)
        os.close(lock)


def _new_lock(place: Path) -> tuple[int, Path]:
    while True:
        descriptor, name = tempfile.mkstemp(".lock", dir=place)
        with suppress(FileNotFoundError):  # swept before it was locked
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.stat(name).st_ino == os.fstat(descriptor).st_ino:
                return descriptor, Path(name)
        os.close(descriptor)


def _sweep(place: Path) -> None:
    """Removes the copies whose processes have ended; the locks of the others are held."""
    for path in place.glob("*.lock"):
        with suppress(OSError), open(path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.with_suffix(""), ignore_errors=True)
            path.unlink(missing_ok=True)
