"""Which videos a command works on, and the id under which each one's features are kept.

The id of a file named on the command line or in a list is its name without the extension; the id of
a file found in a folder is its path below that folder, also without the extension.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from aqa.errors import AqaError
from aqa.storage import Place, RemotePath, as_place, states
from extractors.readers import FRAME_RATE, PLAYLIST_SUFFIXES, VIDEO_SUFFIXES, other_kind
from pipeline.errors import Failure, UsageError
from pipeline.footage.lists import Entry, is_frame_rate, is_list, read_list
from pipeline.footage.stamps import is_image, suffix

_KINDS_SHOWN = 6


@dataclass(frozen=True)
class Video:
    """One routine: a video file or a folder of frames, on this machine or another file system.

    frame_rate  frames/s of a folder of frames; a video file has its own.
    """

    id: str
    path: Place
    frame_rate: float = FRAME_RATE

    def to_row(self) -> dict[str, str]:
        """For a worker, whose working directory is not ours; of a remote one with everything that
        opens it, credentials included. JSON, as Arrow takes no name that is not UTF-8."""
        path = self.path
        place = path.address if isinstance(path, RemotePath) else str(path.absolute())
        about = {"id": self.id, "path": place, "frame_rate": self.frame_rate}
        return {"video": json.dumps(about)}

    @classmethod
    def from_row(cls, row: dict[str, str]) -> Video:
        """The inverse of ``to_row``."""
        about = json.loads(row["video"])
        return cls(about["id"], as_place(about["path"]), about["frame_rate"])


class Found(NamedTuple):
    """What there is under some paths; ``notes`` say what was left out."""

    videos: list[Video]
    failures: list[Failure]
    notes: list[str]


def collect(
    paths: Sequence[str | Place],
    suffixes: frozenset[str] = VIDEO_SUFFIXES,
    frame_rate: float = FRAME_RATE,
) -> Found:
    """Videos under ``paths``: files, folders of videos or frames, lists of such, URIs of them.

    They are sorted within a folder. Folders of frames are at ``frame_rate`` (frames/s) where a list
    does not say another. A path that is missing, a folder that holds nothing of use and a list that
    cannot be read is a Failure; the others go on. Two may have one id: ``told_apart``. Raises
    UsageError for a frame rate that is none.
    """
    if not is_frame_rate(frame_rate):
        raise UsageError(f"--frame-rate {frame_rate:g}: expected frames per second, above 0")
    videos: list[Video] = []
    notes: list[str] = []
    entries, failures = _entries([as_place(path) for path in paths])
    kinds = _kinds([entry.path for entry in entries])
    for entry, kind in zip(entries, kinds, strict=True):
        left_out: Counter[str] = Counter()
        found, problem = _at_entry(entry, kind, suffixes, left_out)
        if left_out and not (entry.path / "provenance.json").exists():  # a feature folder
            notes.append(f"{entry.path}: not video: {_counts(left_out)}")
        rate = entry.frame_rate or frame_rate
        videos += [replace(video, frame_rate=rate) for video in found]
        if problem:
            failures.append(Failure(str(entry.path), f"{entry.where}{entry.path}: {problem}"))
    return Found(videos, failures, notes)


def without_other_kinds(videos: Sequence[Video]) -> tuple[list[Video], list[Failure]]:
    """Those that may be footage, and failures for files here that are something else by their first
    bytes: for a command that would fetch weights before it opens them. Feature files stay."""
    kept, failures = [], []
    for video in videos:
        path = video.path
        looked_at = isinstance(path, Path) and path.suffix != ".npy" and path.is_file()
        if looked_at and (kind := other_kind(path)):
            failures.append(Failure(str(path), f"{path}: {kind}", str(path)))
        else:
            kept.append(video)
    return kept, failures


def _entries(paths: Sequence[Place]) -> tuple[list[Entry], list[Failure]]:
    """The paths with every list replaced by what it names, and the lists that cannot be read."""
    entries: list[Entry] = []
    failures: list[Failure] = []
    for path in paths:
        if not is_list(path):
            entries.append(Entry(path))
            continue
        try:
            listed, problems = read_list(path)
        except AqaError as error:
            listed, problems = [], [Failure(str(path), str(error))]
        entries += listed
        failures += problems
    return entries, failures


def _kinds(paths: Sequence[Place]) -> list[str | None]:
    """``file``, ``folder`` or None of each; remote ones are asked for together."""
    remote = [path for path in paths if isinstance(path, RemotePath)]
    infos = iter(states(remote))

    def kind(path: Place) -> str | None:
        if isinstance(path, RemotePath):
            info = next(infos)
            return info.kind if info else None
        with suppress(OSError):  # not ours to look at, or a name that is too long
            return "folder" if path.is_dir() else "file" if path.exists() else None
        return None

    return [kind(path) for path in paths]


def _at_entry(
    entry: Entry, kind: str | None, suffixes: frozenset[str], left_out: Counter[str]
) -> tuple[list[Video], str]:
    """The videos at one entry, and what is wrong with it."""
    if kind is None:
        return [], "no such file or folder"
    if kind == "file":
        if entry.where and is_list(entry.path):
            return [], "a list inside a list"
        return [Video(entry.id or entry.path.stem, entry.path)], ""
    try:
        found = list(videos_in(entry.path, suffixes, left_out))
    except OSError as error:  # not ours to look at, or gone meanwhile
        return [], f"{error.filename} cannot be read ({error.strerror})"
    if not found:
        return [], "no video and no frames in this folder"
    if entry.id is None:
        return found, ""
    if len(found) > 1:
        return [], f"id {entry.id!r} for a folder of {len(found)} videos"
    return [replace(found[0], id=entry.id)], ""


def videos_in(
    folder: Place, suffixes: frozenset[str], left_out: Counter[str] | None = None
) -> Iterator[Video]:
    """Videos and folders of frames below ``folder``; counts in ``left_out`` the files that are
    neither, by their endings."""
    for below, names in _walk(folder):
        here = folder / below.as_posix()
        shown = [name for name in names if not name.startswith(".")]
        videos = sorted(
            (name for name in shown if suffix(name) in suffixes),
            key=lambda name: natural(Path(name)),
        )
        for name in videos:
            yield Video((below / name).with_suffix("").as_posix(), here / name)
        frames = not videos and any(is_image(name) for name in shown)
        if frames:
            at_top = below == PurePosixPath()
            yield Video(folder.absolute().name if at_top else below.as_posix(), here)
        if left_out is not None:
            left_out.update(["hidden"] * (len(names) - len(shown)))
            others = (name for name in shown if name not in set(videos))
            left_out.update(_ending(name) for name in others if not (frames and is_image(name)))


def _ending(name: str) -> str:
    ending = suffix(name) or "without an ending"
    return f"{ending} (a playlist)" if ending in PLAYLIST_SUFFIXES else ending


def _counts(left_out: Counter[str]) -> str:
    """``3 .txt, 1 .csv``."""
    kinds = left_out.most_common()
    more = [f"{sum(n for _, n in kinds[_KINDS_SHOWN:])} others"] if kinds[_KINDS_SHOWN:] else []
    return ", ".join([f"{count} {ending}" for ending, count in kinds[:_KINDS_SHOWN]] + more)


def _walk(folder: Place) -> Iterator[tuple[PurePosixPath, list[str]]]:
    """Every folder that is not hidden, as its path below ``folder``, with its files' names."""
    if isinstance(folder, RemotePath):
        names = defaultdict(list)
        for info in folder.files():
            below = PurePosixPath(info.path.key).relative_to(folder.key)
            names[below.parent].append(below.name)
        shown = [here for here in names if not any(part[0] == "." for part in here.parts)]
        yield from ((here, names[here]) for here in sorted(shown, key=lambda here: here.parts))
        return
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(place)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield PurePosixPath(Path(place).relative_to(folder).as_posix()), files


def _raise(error: OSError) -> None:
    raise error


def natural(path: Path) -> tuple[int, int, str]:
    """Numbers in order of value, before words in order of letters."""
    return (0, int(path.stem), path.name) if path.stem.isdecimal() else (1, 0, path.name)
