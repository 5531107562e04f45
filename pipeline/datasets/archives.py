"""Archives opened safely: nothing outside the folder, no links, no more than there is room for."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory

from pipeline.errors import UsageError, one_line

# Footage and features hardly shrink; what grows so much is a bomb.
MOST_GROWTH = 200
_SMALL = 1 << 30
SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z")


@dataclass(frozen=True)
class Member:
    name: str
    bytes: int
    plain: bool  # a file or a folder, no link or device


def is_archive(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


@contextmanager
def unpacked(path: Path, beside: Path) -> Iterator[Path]:
    """A folder with its content, on the file system of ``beside``, gone after the block. UsageError
    for an archive that is broken, has a password, or is not safe."""
    beside.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".import-", dir=beside) as folder:
        try:
            if path.name.lower().endswith(".7z"):
                _seven_zip(path, Path(folder))
            elif path.name.lower().endswith(".zip"):
                with zipfile.ZipFile(path) as archive:
                    members = [
                        Member(i.filename, i.file_size, (i.external_attr >> 28) in (0, 4, 8))
                        for i in archive.infolist()
                    ]
                    _require_safe(path, members, beside)
                    archive.extractall(folder)
            else:
                with tarfile.open(path) as archive:
                    members = [
                        Member(m.name, m.size, m.isfile() or m.isdir())
                        for m in archive.getmembers()
                    ]
                    _require_safe(path, members, beside)
                    archive.extractall(folder, filter="data")
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError, OSError) as error:
            raise UsageError(f"{path}: cannot be unpacked: {one_line(error)}") from None
        yield Path(folder)


def _seven_zip(path: Path, folder: Path) -> None:
    try:
        import py7zr
    except ImportError:
        raise UsageError(f"{path}: 7z needs py7zr: pip install 'aqa-pipeline[import]'") from None
    try:
        with py7zr.SevenZipFile(path) as archive:
            members = [
                Member(i.filename, i.uncompressed or 0, not getattr(i, "is_symlink", False))
                for i in archive.list()
            ]
            _require_safe(path, members, folder)
            archive.extractall(folder)
    except py7zr.exceptions.PasswordRequired:
        raise UsageError(f"{path}: it has a password: unpack it first") from None
    except py7zr.exceptions.ArchiveError as error:
        raise UsageError(f"{path}: cannot be unpacked: {one_line(error)}") from None


def _require_safe(path: Path, members: Iterable[Member], place: Path) -> None:
    total = 0
    for member in members:
        names = (PurePosixPath(member.name), PureWindowsPath(member.name))
        if any(name.is_absolute() or name.drive or ".." in name.parts for name in names):
            raise UsageError(f"{path}: not unpacked: {member.name!r} leads out of the folder")
        if not member.plain:
            raise UsageError(f"{path}: not unpacked: {member.name!r} is a link or a device")
        total += member.bytes
    if total > _SMALL and total > MOST_GROWTH * path.stat().st_size:
        raise UsageError(
            f"{path}: not unpacked: {total / 2**30:.0f} GiB would come out of "
            f"{path.stat().st_size / 2**20:.0f} MiB"
        )
    if total > (free := shutil.disk_usage(place).free):
        raise UsageError(
            f"{path}: not unpacked: it needs {total / 2**30:.1f} GiB, {place} has "
            f"{free / 2**30:.1f} GiB free"
        )
