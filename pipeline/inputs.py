"""Which videos a command works on, and the id under which each one's features are kept.

The id of a file named on the command line is its name without the extension; the id of a file
found in a folder is its path below that folder, also without the extension.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import Failure, UsageError

VIDEO_SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".m2ts",
        ".wmv",
        ".flv",
        ".3gp",
        ".ogv",
    ]
)
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png"})

# Raw footage below the data root; where it lies elsewhere, `raw:` in aqa.yaml says so.
RAW_FOLDERS = {
    "logo": ("LOGO/Video_result", "Video_result"),
    "fisv": ("fis-v/videos", "GDLT_data/fis-v/videos"),
    "rg": ("RG/videos", "GDLT_data/RG/videos"),
}


@dataclass(frozen=True)
class Video:
    """One routine: a video file or a folder of frames."""

    id: str
    path: Path


def collect(
    paths: Sequence[Path], suffixes: frozenset[str] = VIDEO_SUFFIXES
) -> tuple[list[Video], list[Failure]]:
    """Videos under ``paths`` (files, folders of videos, folders of frames), sorted within a folder.

    A path that is missing, or a folder that holds nothing of use, is a Failure; the others go on.
    Raises UsageError where two inputs would get the same id.
    """
    videos: list[Video] = []
    failures: list[Failure] = []
    for path in paths:
        if path.is_dir():
            found = list(_in_folder(path, suffixes))
            videos += found
            if not found:
                failures.append(
                    Failure(str(path), f"{path}: no video and no frames in this folder")
                )
        elif path.exists():
            videos.append(Video(path.stem, path))
        else:
            failures.append(Failure(str(path), f"{path}: no such file or folder"))
    _refuse_same_ids(videos)
    return videos, failures


def raw_dataset(dataset: str, data_root: Path, override: Path | None = None) -> list[Video]:
    """The raw footage of a published data set, below ``data_root``.

    LOGO: ``LOGO/Video_result/<game>/<n>/00000.jpg ...`` gives the id ``<game>_<n>``; Fis-V and RG:
    one video file per routine. Raises UsageError that says which folders were looked at.
    """
    folders = [data_root / override] if override else [data_root / f for f in RAW_FOLDERS[dataset]]
    folder = next((candidate for candidate in folders if candidate.is_dir()), None)
    if folder is None:
        looked = " or ".join(str(candidate) for candidate in folders)
        raise UsageError(f"no raw {dataset} footage: looked for {looked}; set raw: in aqa.yaml")
    if dataset == "logo":
        videos = [
            Video(f"{game.name}_{number.name}", number)
            for game in _folders(folder)
            for number in sorted(_folders(game), key=_natural)
        ]
    else:
        videos = list(_in_folder(folder, VIDEO_SUFFIXES))
    if not videos:
        raise UsageError(f"{folder}: no raw {dataset} footage in this folder")
    _refuse_same_ids(videos)
    return videos


def source_stamp(path: Path) -> dict[str, Any]:
    """What tells that a source changed: its size in bytes and its latest change."""
    if path.is_dir():
        stats = [
            entry.stat() for entry in os.scandir(path) if _suffix(entry.name) in IMAGE_SUFFIXES
        ]
        if not stats:
            return {"path": str(path.absolute()), "size": 0, "mtime_ns": 0}
    else:
        stats = [path.stat()]
    return {
        "path": str(path.absolute()),
        "size": sum(stat.st_size for stat in stats),
        "mtime_ns": max(stat.st_mtime_ns for stat in stats),
    }


def _in_folder(folder: Path, suffixes: frozenset[str]) -> Iterable[Video]:
    for place, names, files in os.walk(folder):
        names[:] = sorted(name for name in names if not name.startswith("."))
        here = Path(place)
        below = here.relative_to(folder)
        videos = sorted(
            (name for name in files if _suffix(name) in suffixes and not name.startswith(".")),
            key=lambda name: _natural(Path(name)),
        )
        for name in videos:
            yield Video((below / name).with_suffix("").as_posix(), here / name)
        if not videos and any(_suffix(name) in IMAGE_SUFFIXES for name in files):
            yield Video(folder.name if here == folder else below.as_posix(), here)


def _refuse_same_ids(videos: Sequence[Video]) -> None:
    seen: dict[str, Path] = {}
    for video in videos:
        if video.id in seen:
            raise UsageError(
                f"{seen[video.id]} and {video.path} would both be saved as {video.id!r}: "
                "rename one, or extract them to different --output folders"
            )
        seen[video.id] = video.path


def _folders(folder: Path) -> list[Path]:
    return sorted((p for p in folder.iterdir() if p.is_dir() and p.name[0] != "."), key=_natural)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _natural(path: Path) -> tuple[int, int, str]:
    """Numbers in order of value, before words in order of letters."""
    return (0, int(path.stem), path.name) if path.stem.isdecimal() else (1, 0, path.name)
