"""``aqa-pipeline data import``: what people have, laid out as the readers expect.

Files become hard links where they are right as they are; what must be turned is written anew.
Nothing is overwritten, and what was done with each file is noted in ``imports.jsonl``.
"""

from __future__ import annotations

import errno
import filecmp
import json
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aqa.data import DatasetKind
from aqa.errors import AqaError, listing
from aqa.storage import write_atomically
from extractors.readers import IMAGE_SUFFIXES
from pipeline.datasets.archives import is_archive, unpacked
from pipeline.datasets.sorting import Sorted, id_pattern, sort_files
from pipeline.datasets.turning import Turning, arrays_in, turned
from pipeline.errors import Failure, UsageError, one_line

Way = Literal["link", "move", "copy"]
GDLT_FOLDER = "swintx_avg_fps25_clip32"
LOG = "imports.jsonl"
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)


@dataclass(frozen=True)
class Wish:
    """How an import is to be done. ``stream``: which of several a file holds; ``name``: the folder
    that features go to, for others than the published ones."""

    way: Way = "link"
    turning: Turning = field(default_factory=Turning)
    stream: str | None = None
    name: str | None = None


@dataclass
class Imported:
    """How many files of each kind came, were there already, were turned; what failed, and lines."""

    came: Counter[str] = field(default_factory=Counter)
    there: Counter[str] = field(default_factory=Counter)
    turned: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def bring_in(
    dataset: DatasetKind,
    sources: Sequence[Path],
    root: Path,
    wish: Wish,
    show: Callable[[Imported], None],
) -> Imported:
    """Of every source what belongs to the data set. UsageError before anything is moved where a
    source is missing or not safe, or where a choice is needed."""
    for source in sources:
        if not source.exists():
            raise UsageError(f"{source}: no such file or folder")
    home, result = root / dataset.published.home, Imported()
    for source in sources:
        with ExitStack() as stack:
            folder, way = source, wish.way
            if is_archive(source):
                folder, way = stack.enter_context(unpacked(source, root)), "move"
            found = sort_files(folder, dataset)
            job = _Import(dataset, home, source, folder, way, wish, result)
            job.refuse_choices(found)
            for _ in job.run(found):
                show(result)
            if found.others:
                result.notes.append(f"{source}: {found.others}")
    return result


class _Import:
    """One source."""

    def __init__(
        self, dataset: DatasetKind, home: Path, source: Path, folder: Path, way: Way, wish: Wish,
        result: Imported,
    ) -> None:  # fmt: skip
        self._dataset, self._home, self._source, self._folder = dataset, home, source, folder
        self._way, self._wish, self._result = way, wish, result
        self._pattern = id_pattern(dataset)

    def refuse_choices(self, found: Sorted) -> None:
        if found.problems:
            raise UsageError(f"{self._source}: {listing(found.problems, 3)}")
        nothing = not (found.labels or found.features or found.videos or found.frames)
        if nothing:
            others = f"; {found.others}" if found.others else ""
            raise UsageError(f"{self._source}: nothing of {self._dataset.name} in it{others}")

    def run(self, found: Sorted) -> Iterator[None]:
        for name, path in found.labels.items():
            self._put(path, self._labels_folder / name, "labels")
            yield
        for name, path in found.videos.items():
            self._put(path, self._home / "videos" / f"{name}{path.suffix}", "footage")
            yield
        for (game, number), place in found.frames.items():
            target = self._home / "Video_result" / game / number
            for image in sorted(place.iterdir()):
                if image.suffix.lower() in IMAGE_SUFFIXES:
                    self._put(image, target / image.name, "frames")
            yield
        yield from self._features(found.features)

    @property
    def _labels_folder(self) -> Path:
        logo = self._dataset.name == "logo"
        return self._home / ("LOGO Anno&Split" if logo else GDLT_FOLDER)

    @property
    def _features_folder(self) -> Path:
        usual = "logo_feats" if self._dataset.name == "logo" else GDLT_FOLDER
        return self._home / (self._wish.name or usual)

    def _features(self, paths: Sequence[Path]) -> Iterator[None]:
        streams: dict[str, list[str]] = defaultdict(list)
        for path in paths:  # looked at first: a choice is asked for before anything comes
            for name, stream, _ in self._arrays(path):
                streams[stream].append(name)
        if self._wish.stream is None and len(streams) > 1:
            said = ", ".join(f"{stream or 'without a name'} ({len(names)})"
                             for stream, names in sorted(streams.items()))  # fmt: skip
            raise UsageError(f"{self._source}: several streams: {said}: add --stream NAME")
        if self._wish.stream is not None and streams and self._wish.stream not in streams:
            raise UsageError(
                f"{self._source}: no stream {self._wish.stream}: there are "
                f"{', '.join(filter(None, sorted(streams)))}"
            )
        for path in paths:
            for name, stream, array in self._arrays(path, tell=True):
                if self._wish.stream in (None, stream):
                    self._feature(path, name, array)
                    yield

    def _arrays(self, path: Path, tell: bool = False) -> Iterator[tuple[str, str, Any]]:
        """Those that are called as a video of the data set; ``<id>_<more>`` names a stream."""
        try:
            for name, stream, array in arrays_in(path):
                if match := self._pattern.fullmatch(name):
                    yield name, stream, array
                elif match := self._pattern.match(name):
                    yield match[0], stream or name[match.end() :].strip("_-. "), array
                elif tell:
                    self._result.notes.append(f"{self._shown(path)}: {name} is no id of a video")
        except (AqaError, OSError, ValueError, KeyError, RuntimeError) as error:
            if tell:
                self._fail(path, one_line(error).replace(str(path), path.name))

    def _feature(self, path: Path, name: str, array: Any) -> None:
        target = self._features_folder / f"{name}.npy"
        try:
            clips, done = turned(array, self._wish.turning)
        except AqaError as error:
            self._fail(path, f"{name} {error}" if name != path.stem else str(error))
            return
        if not done and path.suffix == ".npy" and path.stem == name:
            self._put(path, target, "features")
            return
        if target.exists():
            same = np.array_equal(np.load(target, allow_pickle=False), clips)
            self._there(path, target, "features", same)
            return
        write_atomically(target, lambda file: np.save(file, clips, allow_pickle=False))
        self._result.came["features"] += 1
        self._result.turned["features"] += bool(done)
        self._note(path, target, done or [f"{name} of {path.name}"])

    def _put(self, source: Path, target: Path, kind: str) -> None:
        if target.exists():
            self._there(source, target, kind, filecmp.cmp(source, target, shallow=False))
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            if self._way == "link":
                os.link(source, target)
            elif self._way == "move":
                shutil.move(source, target)
            else:
                shutil.copy2(source, target)
        except OSError as error:
            if self._way == "link" and error.errno in _NO_LINKS:
                raise UsageError(
                    f"{source} cannot be linked to {target.parent} ({os.strerror(error.errno)}): "
                    "add --copy or --move"
                ) from None
            raise
        self._result.came[kind] += 1
        if kind != "frames":  # a million of them
            self._note(source, target, [])

    def _there(self, source: Path, target: Path, kind: str, same: bool) -> None:
        if same:
            self._result.there[kind] += 1
        else:
            self._fail(source, f"{target} is there with other content; nothing is overwritten")

    def _fail(self, path: Path, reason: str) -> None:
        shown = self._shown(path)
        self._result.failures.append(Failure(shown, f"{shown}: {reason}"))

    def _shown(self, path: Path) -> str:
        if path == self._source:
            return str(path)
        return f"{self._source}/{path.relative_to(self._folder)}"

    def _note(self, source: Path, target: Path, done: list[str]) -> None:
        row = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "source": self._shown(source),
            "target": str(target.relative_to(self._home)),
            "turned": done,
        }
        with (self._home / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps(row) + "\n")
