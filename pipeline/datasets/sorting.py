"""What somebody's folder holds of a data set: each file's kind and id, whatever its layout."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aqa.data import DatasetKind
from extractors.readers import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from pipeline.datasets.turning import ARRAY_SUFFIXES

_LABEL_PICKLES = ("anno_dict.pkl", "formation_dict.pkl", "train_split3.pkl", "test_split3.pkl")
_SHOWN = 3


@dataclass
class Sorted:
    """labels    by the name that they are to have.
    features  files of arrays, in the order in which they lie.
    videos    by id.
    frames    folders of images, by (game, number).
    problems  lines: what may be meant in two ways.
    left_out  of other kinds, by ending, and some names.
    """

    labels: dict[str, Path] = field(default_factory=dict)
    features: list[Path] = field(default_factory=list)
    videos: dict[str, Path] = field(default_factory=dict)
    frames: dict[tuple[str, str], Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def others(self) -> str:
        """What was left out, in words; empty: nothing."""
        if not self.left_out:
            return ""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.left_out.most_common(5))
        return f"left out: {kinds} ({', '.join(self.examples[:_SHOWN])})"


def sort_files(folder: Path, dataset: DatasetKind) -> Sorted:
    """Of a folder, or of one file."""
    found, pattern = Sorted(), id_pattern(dataset)
    for place, names in _files(folder):
        images = [name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]
        if images and dataset.raw is not None and dataset.raw.levels:
            _take_frames(found, place, folder)
            names = [name for name in names if name not in set(images)]
        for name in names:
            path = place / name
            if (label := _label_name(path, dataset)) is not None:
                _once(found, found.labels, label, path)
            elif path.suffix.lower() in VIDEO_SUFFIXES and pattern.fullmatch(path.stem):
                _once(found, found.videos, path.stem, path)
            elif path.suffix.lower() in ARRAY_SUFFIXES:
                found.features.append(path)
            else:
                found.left_out[path.suffix.lower() or "without an ending"] += 1
                found.examples.append(str(path.relative_to(folder) if path != folder else name))
    return found


def id_pattern(dataset: DatasetKind) -> re.Pattern[str]:
    """Of the ids of all its apparatus."""
    apparatus = "|".join(dataset.apparatus)
    return re.compile(dataset.published.ids.format(apparatus=f"(?:{apparatus})"))


def _files(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    if folder.is_file():
        yield folder.parent, [folder.name]
        return
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and name != "__MACOSX")
        yield Path(place), sorted(name for name in names if name[0] != ".")


def _label_name(path: Path, dataset: DatasetKind) -> str | None:
    """The name that its readers look for. Both data sets of GDLT have a train.txt: what stands in
    it says whose it is."""
    if dataset.name == "logo":
        name = path.name.lower().replace(" ", "_")
        return name if name in _LABEL_PICKLES else None
    if path.name.lower() not in ("train.txt", "test.txt"):
        return None
    try:
        words = path.read_text("utf-8-sig").split("\n", 1)[0].split()
    except (OSError, UnicodeDecodeError):
        return None
    titled = bool(words) and words[0] == "Video_Name"
    return path.name.lower() if titled == bool(dataset.apparatus) else None


def _take_frames(found: Sorted, place: Path, root: Path) -> None:
    """``<game>/<n>`` whatever lies above it, or ``<game>_<n>``."""
    game, number = place.parent.name, place.name
    if not number.isdecimal():
        game, _, number = place.name.rpartition("_")
    if not (game and number.isdecimal()) or place == root or place.parent == root.parent:
        found.problems.append(f"{place}: images, but its name says neither game nor number")
        return
    _once(found, found.frames, (game, str(int(number))), place)


def _once(found: Sorted, those: dict, key: object, path: Path) -> None:
    if key in those:
        said = "_".join(key) if isinstance(key, tuple) else key
        found.problems.append(f"{said}: twice, {those[key]} and {path}: name one of the two")
    else:
        those[key] = path
