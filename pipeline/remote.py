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
from aqa.storage import Info, Place, RemotePath
from pipeline.inputs import frames_in

CHUNK_BYTES = 8 * 2**20
FRAMES_AT_ONCE = 8  # what a request of one small image waits for is the network


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
        try:
            if info.kind == "file":
                _copy(info, target)
            else:
                target.mkdir()
                with ThreadPoolExecutor(FRAMES_AT_ONCE) as pool:
                    frames = frames_in(path)
                    list(pool.map(lambda frame: _copy(frame, target / frame.path.name), frames))
        except OSError as error:
            reason = error.strerror or " ".join(str(error).split())[:300]
            raise AqaError(f"{path}: cannot be copied to {target}: {reason}") from None
        yield target


def _copy(source: Info, target: Path) -> None:
    with source.path.open() as stream, open(target, "xb") as file:
        shutil.copyfileobj(stream, file, CHUNK_BYTES)
    if (copied := target.stat().st_size) != source.size:
        raise AqaError(f"{source.path}: {copied} bytes arrived, expected {source.size}")


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
